"""Attribute matching (PS3.4 C.2.2.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.dicom import Code, put, put_codes, put_items
from profiles.errors import BadInput
from workitems.matching import matches


def dataset(keyword, *values):
    return put({}, keyword, *values)


@pytest.mark.parametrize(
    ("keyword", "value", "wanted", "expected"),
    [
        ("PatientID", "P1", "", True),
        ("PatientID", "P1", "P1", True),
        ("PatientID", "P1", "p1", False),
        ("WorklistLabel", "BRAIN-MR", "BRAIN*", True),
        ("WorklistLabel", "BRAIN-MR", "*MR", True),
        ("WorklistLabel", "BRAIN-MR", "BRAIN?MR", True),
        ("WorklistLabel", "BRAIN-MR", "BRAIN?", False),
        ("WorklistLabel", "A[1]", "A[1]*", True),
        ("WorklistLabel", "A1", "A[1]*", False),
        ("SOPInstanceUID", "1.2.3", "1.2.4,1.2.3", True),
        ("SOPInstanceUID", "1.2.3", "1.2.4\\1.2.3", True),
        ("SOPInstanceUID", "1.2.3", "1.2.*", False),
        ("ScheduledProcedureStepStartDateTime", "20261124103000", "20261124-20261125", True),
        ("ScheduledProcedureStepStartDateTime", "20261124103000", "20261124-20261124", True),
        ("ScheduledProcedureStepStartDateTime", "20261124103000", "20261125-", False),
        ("ScheduledProcedureStepStartDateTime", "20261124103000", "-20261123", False),
        ("ScheduledProcedureStepStartDateTime", "20261124103000", "20261124103000", True),
        ("PatientName", {"Alphabetic": "FICTIONAL^ADA"}, "fictional^*", True),
        ("PatientName", {"Alphabetic": "X", "Ideographic": "虚構^花子"}, "虚構*", True),
        ("PatientName", {"Alphabetic": "FICTIONAL^ADA"}, "ADA*", False),
    ],
)
def test_values_match_as_their_representation_says(keyword, value, wanted, expected):
    assert matches(dataset(keyword, value), {keyword: wanted}) is expected


def test_an_attribute_without_value_matches_universal_keys_only():
    assert matches(dataset("PatientID"), {"PatientID": ""})
    assert matches({}, {"PatientID": ""})
    assert not matches({}, {"PatientID": "P1"})


def test_a_sequence_matches_when_one_item_matches_all_of_its_keys():
    sequence = put_codes({}, "ScheduledStationNameCodeSequence", Code("A", "L", "a"), Code("B", "M", "b"))
    head = "ScheduledStationNameCodeSequence"
    assert matches(sequence, {f"{head}.CodeValue": "B", f"{head}.CodingSchemeDesignator": "M"})
    assert not matches(sequence, {f"{head}.CodeValue": "A", f"{head}.CodingSchemeDesignator": "M"})
    assert matches(put_items({}, head), {f"{head}.CodeValue": ""})


def test_a_range_without_ends_is_refused():
    with pytest.raises(BadInput, match=r"C\.2\.2\.2\.5"):
        matches(
            dataset("ScheduledProcedureStepStartDateTime", "20261124"), {"ScheduledProcedureStepStartDateTime": "-"}
        )


@given(st.text(st.characters(codec="ascii", exclude_characters="*?"), max_size=12))
def test_every_value_without_wildcards_matches_itself_alone(value):
    assert matches(dataset("WorklistLabel", value), {"WorklistLabel": value})
    if value:
        assert not matches(dataset("WorklistLabel", value + "x"), {"WorklistLabel": value})


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_star_stands_for_any_run_of_characters(head, tail):
    if "*" in head + tail or "?" in head + tail:
        return
    assert matches(dataset("WorklistLabel", f"{head}middle{tail}"), {"WorklistLabel": f"{head}*{tail}"})
