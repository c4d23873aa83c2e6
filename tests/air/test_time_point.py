"""Where in a course of studies a result stands (PS3.16 TID 1502)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from profiles.air import IllegalResult, Results
from profiles.air.time_point import TimePoint
from profiles.air.time_point_items import time_point_items
from profiles.dicom import Code
from profiles.tables import read_table
from tests.air.conftest import Judge

BASELINE = Code("121079", "DCM", "Baseline")
FULL = TimePoint("Follow-up 2", Code("126074", "DCM", "Posttreatment"), 2, "P1-FU2", "FU2", 91.5, BASELINE)


@pytest.mark.requirement("AIR-089")
@pytest.mark.parametrize("found", [FULL, TimePoint("Baseline")], ids=["full", "label-alone"])
def test_a_time_point_stands_in_its_group_as_observation_context(
    found: TimePoint, judge: Judge, results: Results
) -> None:
    judge.context = dataclasses.replace(judge.context, time_point=found)
    report = judge(results)[-1]
    groups = len(judge.named(report, "125007"))
    for row in read_table("conformance", "air_time_points"):
        items = judge.named(report, row["concept"])
        assert len(items) == (groups if found is FULL or row["concept"] == "C2348792" else 0)
        assert all(item.ValueType == row["type"] for item in items)
    for label in judge.named(report, "C2348792"):
        assert (label.TextValue, label.RelationshipType) == (found.label, "HAS OBS CONTEXT")


def test_the_offset_is_in_days_since_an_event() -> None:
    offset = time_point_items(FULL)[-1]
    number = offset.MeasuredValueSequence[0]
    assert float(number.NumericValue) == 91.5
    assert number.MeasurementUnitsCodeSequence[0].CodeValue == "d"
    assert offset.ContentSequence[0].ConceptCodeSequence[0].CodeValue == "121079"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TimePoint(""), "Time Point is empty"),
        (lambda: TimePoint("A", subject_identifier="x" * 65), "Subject Time Point"),
        (lambda: TimePoint("A", Code("", "DCM", "x")), "Time Point Type"),
        (lambda: TimePoint("A", order=-1), "count the time points"),
        (lambda: TimePoint("A", offset_days=3), "the event from which"),
        (lambda: TimePoint("A", offset_days=float("inf"), offset_from=BASELINE), "finite"),
    ],
)
def test_what_is_no_time_point_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(IllegalResult, match=words):
        make()
