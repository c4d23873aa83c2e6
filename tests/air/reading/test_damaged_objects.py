"""Damaged objects get an answer: what can be read, and a reason for the rest."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import DataElement

from profiles.air import (
    Finding,
    ImageReference,
    KeyImages,
    Location,
    Mark,
    Measurement,
    ParametricMap,
    Results,
    Segment,
    Segmentation,
    Tracking,
)
from profiles.air.reading import read_results
from profiles.dicom import Code, code
from tests.air.reading.conftest import Study

OTHERS = ["", "nonsense", "1.2.3", -1, 0, 10**9, b"\xff\xfe", None, "  ", "9" * 70, ["1", "x"]]


@pytest.fixture(scope="session")
def objects(series: Study) -> list[bytes]:
    """One object of each kind, as a file."""
    uids = tuple(str(image.SOPInstanceUID) for image in series.images)
    mask = np.zeros((12, 20, 24), dtype=np.bool_)
    mask[3:5, 4:8, 4:8] = True
    lung, spot, heat = Tracking("Lung"), Tracking("Spot"), Tracking("Heat")
    where = ImageReference(uids[0])
    segment = Segment("Lung", code("SCT", "91723000"), Code("39607008", "SCT", "Lung"), mask, lung)
    made = Results(
        segmentations=(Segmentation((segment,), uids),),
        measurements=(Measurement(code("SCT", "118565006"), 1.5, code("UCUM", "mL"), lung),),
        findings=(Finding(Code("27925004", "SCT", "Nodule"), spot),),
        locations=(Location(Mark.POINT, ((1.0, 2.0),), where, spot),),
        maps=(ParametricMap(mask.astype(np.float32), code("DCM", "130404"), code("UCUM", "1"), uids, heat, "heat"),),
        key_images=(KeyImages((where,), "Look here"),),
    )
    files = []
    for one in series.write(made):
        file = io.BytesIO()
        one.save_as(file, enforce_file_format=True)
        files.append(file.getvalue())
    return files


def places(dataset: Dataset) -> Iterator[tuple[Dataset, DataElement]]:
    """Every element, sequences and what is in them."""
    for element in dataset:
        yield dataset, element
        if element.VR == "SQ":
            for row in element.value:
                yield from places(row)


def drop(dataset: Dataset, element: DataElement, _: object) -> None:
    del dataset[element.tag]


def empty(dataset: Dataset, element: DataElement, _: object) -> None:
    dataset[element.tag] = DataElement(element.tag, element.VR, [] if element.VR == "SQ" else None)


def alter(dataset: Dataset, element: DataElement, value: object) -> None:
    dataset[element.tag]._value = value  # past all checks of the library


def retype(dataset: Dataset, element: DataElement, _: object) -> None:
    dataset[element.tag].VR = "UN"
    dataset[element.tag]._value = b"\x00\x01nonsense"


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_object_is_read_as_far_as_it_can_be_and_never_raises(
    objects: list[bytes], series: Study, data: st.DataObject
) -> None:
    read = [pydicom.dcmread(io.BytesIO(file)) for file in objects]
    hit = data.draw(st.integers(0, len(read) - 1))
    every = list(places(read[hit]))
    dataset, element = every[data.draw(st.integers(0, len(every) - 1))]
    damage: Callable[..., None] = data.draw(st.sampled_from([drop, empty, alter, retype]))
    damage(dataset, element, data.draw(st.sampled_from(OTHERS)))
    answer = read_results(read, series.images if data.draw(st.booleans()) else ())
    assert len(answer.objects) == len(read)
    assert answer.results is not None or answer.unread
    alone = read_results([read[hit]])
    assert alone.results is not None or alone.unread


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_object_that_breaks_off_is_read_as_far_as_it_can_be(objects: list[bytes], data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(objects))
    cut = file[: data.draw(st.integers(200, len(file)))]
    try:
        read = pydicom.dcmread(io.BytesIO(cut))
    except Exception:  # what is no DICOM file at all is refused before it is read as a result
        return
    answer = read_results([read])
    assert answer.results is not None or answer.unread


def test_nothing_at_all_is_read_as_nothing() -> None:
    answer = read_results([])
    assert answer.results is None
    assert answer.objects == ()


def test_an_image_is_no_result_object_and_the_reason_says_so(series: Study) -> None:
    answer = read_results([series.images[0]])
    assert answer.results is None
    assert [one.what for one in answer.unread] == ["SOPClassUID"]
    assert "no result object" in answer.unread[0].reason


def test_an_empty_dataset_is_answered_with_a_reason() -> None:
    answer = read_results([Dataset()])
    assert answer.results is None
    assert len(answer.unread) == 1
