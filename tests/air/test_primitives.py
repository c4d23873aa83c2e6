"""Results that may not be written cannot be built, and the refusal says how to mend them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.air import (
    AlgorithmIdentification,
    IllegalResult,
    Measurement,
    Results,
    Segment,
    Segmentation,
    Tracking,
    derived_uid,
)
from profiles.dicom import Code, code

CATEGORY, BRAIN, VOLUME, ML = (
    code("SCT", "91723000"),
    code("SCT", "12738006"),
    code("SCT", "118565006"),
    code("UCUM", "mL"),
)


def segment(name: str = "Brain", shape: tuple[int, ...] = (2, 3, 4)) -> Segment:
    return Segment(name, CATEGORY, BRAIN, np.ones(shape, dtype=np.bool_), Tracking(name))


def segmentation(*segments: Segment, uids: tuple[str, ...] = ("1.2", "1.3")) -> Segmentation:
    return Segmentation(segments or (segment(),), uids)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Tracking(" "), "Tracking Identifier is empty"),
        (lambda: Tracking("x" * 65), "64"),
        (lambda: Tracking("Brain", "01.2"), "leading zeros"),
        (lambda: segment(shape=(2, 3)), "(slices, rows, columns)"),
        (lambda: Segment("B", CATEGORY, BRAIN, np.ones((2, 3, 4)), Tracking("B")), "threshold"),
        (lambda: Segment("B", CATEGORY, BRAIN, np.zeros((2, 3, 4), dtype=np.bool_), Tracking("B")), "is empty"),
        (lambda: Segment("B", Code("", "SCT", "x"), BRAIN, np.ones((1, 1, 1), dtype=np.bool_), Tracking("B")), "code"),
        (
            lambda: Segment("B", CATEGORY, Code("1", "SCT"), np.ones((1, 1, 1), dtype=np.bool_), Tracking("B")),
            "meaning",
        ),
        (lambda: segmentation(segment(), segment("Other", (2, 3, 5))), "share one shape"),
        (lambda: segmentation(uids=("1.2",)), "name one per slice"),
        (lambda: segmentation(uids=("1.2", "1.2")), "twice"),
        (lambda: Segmentation((segment(),), ("1.2", "1.3"), "small letters"), "VR CS"),
        (lambda: Measurement(VOLUME, math.nan, ML, Tracking("Brain")), "leave out"),
        (lambda: Measurement(VOLUME, -1.0, ML, Tracking("Brain")), "below 0"),
        (lambda: Measurement(VOLUME, 1.0, code("UCUM", "mm"), Tracking("Brain")), "allows mL"),
        (lambda: Measurement(VOLUME, 1.0, Code("ml", "99X", "ml"), Tracking("Brain")), "UCUM"),
        (Results, "results are empty"),
        (lambda: Results((segmentation(),), (Measurement(VOLUME, 1.0, ML, Tracking("Liver")),)), "Liver"),
        (lambda: Results((segmentation(segment(), segment()),)), "share a Tracking Identifier"),
        (lambda: AlgorithmIdentification("", "1", "m"), "Algorithm Name is empty"),
        (lambda: AlgorithmIdentification("n", " ", "m"), "Algorithm Version is empty"),
        (lambda: AlgorithmIdentification("n", "1", "m", device_uid="abc"), "Device UID is no UID"),
    ],
)
def test_what_may_not_be_written_is_refused_with_the_way_to_mend_it(make, words: str) -> None:
    with pytest.raises(IllegalResult) as refusal:
        make()
    assert words in refusal.value.message


@given(st.text(), st.text())
def test_derived_uids_are_legal_equal_for_equal_parts_and_only_then(one: str, other: str) -> None:
    made = derived_uid("seed", one)
    assert len(made) <= 64
    assert made.startswith("2.25.")
    assert made == derived_uid("seed", one)
    assert (made == derived_uid("seed", other)) == (one.replace("\x1f", " ") == other.replace("\x1f", " "))


@given(st.floats(min_value=0, max_value=1e9, allow_nan=False))
def test_a_volume_keeps_the_value_that_was_computed(value: float) -> None:
    assert Measurement(VOLUME, value, ML, Tracking("Brain")).value == value


@given(st.text(min_size=1, max_size=64))
def test_a_label_is_taken_exactly_when_it_is_a_legal_long_string(label: str) -> None:
    legal = bool(label.strip()) and label.isprintable() and "\\" not in label
    if legal:
        assert Tracking(label).identifier == label
    else:
        with pytest.raises(IllegalResult):
            Tracking(label)


def test_segments_that_share_a_voxel_overlap() -> None:
    assert segmentation(segment(), segment("Other")).segments_overlap
    assert not segmentation().segments_overlap


def test_another_build_is_another_device() -> None:
    one, other = (AlgorithmIdentification("n", "1", "m", build=build) for build in ("a", "b"))
    assert one.device_uid != other.device_uid
    assert one.device_uid == AlgorithmIdentification("n", "1", "m", build="a").device_uid
