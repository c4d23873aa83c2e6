"""Where volumes are put, and what objects say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
from pydicom import Dataset

from profiles.air import Results
from profiles.air.reading import StatedOrder, read_results
from tests.air.reading.conftest import Study


def segments(made: Dataset, images: object = ()) -> tuple[Results | None, str]:
    read = read_results([made], images)  # type: ignore[arg-type]
    return read.results, " | ".join(one.reason for one in read.unread)


@pytest.mark.requirement("AIR-144")
def test_slices_without_voxels_come_back_when_the_sources_are_given(
    written: Callable[[], list[Dataset]], series: Study, results: Results
) -> None:
    found, _ = segments(written()[0], series.images)
    assert found is not None
    assert np.array_equal(found.segmentations[0].segments[0].mask, results.segmentations[0].segments[0].mask)
    without, _ = segments(written()[0])
    assert without is not None
    assert without.segmentations[0].segments[0].mask.shape[0] == 7


def test_voxels_follow_the_order_of_the_images(written: Callable[[], list[Dataset]], series: Study) -> None:
    upwards, _ = segments(written()[0], series.images)
    downwards, _ = segments(written()[0], series.images[::-1])
    assert upwards is not None
    assert downwards is not None
    one, other = (found.segmentations[0].segments[0].mask for found in (upwards, downwards))
    assert np.array_equal(one, other[::-1])


def test_frames_that_name_no_source_are_put_on_the_planes_of_the_images(
    written: Callable[[], list[Dataset]], series: Study, results: Results
) -> None:
    made = written()[0]
    for frame in made.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence
    found, _ = segments(made, series.images)
    assert found is not None
    assert np.array_equal(found.segmentations[0].segments[1].mask, results.segmentations[0].segments[1].mask)
    without, reason = segments(made)
    assert without is None
    assert "give the headers of the images" in reason


def test_voxels_of_another_size_than_their_sources_are_told(
    written: Callable[[], list[Dataset]], series: Study
) -> None:
    images = deepcopy(list(series.images))
    for image in images:
        image.Rows = 40
    found, reason = segments(written()[0], images)
    assert found is None
    assert "other rows and columns" in reason


def test_a_content_label_that_is_none_is_replaced_and_told(written: Callable[[], list[Dataset]]) -> None:
    made = written()[0]
    made["ContentLabel"]._value = "my label"
    found, reason = segments(made)
    assert found is not None
    assert found.segmentations[0].content_label == "MY_LABEL"
    assert "Another one was made" in reason


def test_objects_say_which_order_study_and_algorithm_they_are_of(
    written: Callable[[], list[Dataset]], series: Study
) -> None:
    read = read_results(written(), series.images)
    (algorithm,) = read.algorithms
    assert (algorithm.name, algorithm.version, algorithm.manufacturer) == ("find-all", "2.1", "Stepwell")
    assert algorithm.device_uid == series.algorithm.device_uid
    assert algorithm.parameters == series.algorithm.parameters
    stated = read.objects[-1]
    accession = str(series.images[0].AccessionNumber)
    assert stated.orders == (StatedOrder(accession, "P9", "F9", "RP7"),)
    assert stated.study_instance_uid == str(series.images[0].StudyInstanceUID)
    assert (stated.completion, stated.preliminary, stated.verification) == ("COMPLETE", "FINAL", "UNVERIFIED")
    assert [one.value for one in stated.procedures] == ["24590-2"]
    assert stated.content_date


def test_no_primitive_and_no_reason_tells_of_the_patient(written: Callable[[], list[Dataset]], series: Study) -> None:
    read = read_results([*written(), series.images[0]], series.images)
    said = repr((read.objects, read.algorithms, read.unread))
    assert str(series.images[0].PatientID) not in said
    assert str(series.images[0].PatientName) not in said
