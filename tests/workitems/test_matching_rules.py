"""Attribute matching (PS3.4 C.2.2.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.dicom import Code, put, put_codes, put_items
from profiles.errors import BadInput
from workitems.matching import matches

START = "ScheduledProcedureStepStartDateTime"
STATION = "ScheduledStationNameCodeSequence"
REQUEST = "ReferencedRequestSequence"
PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"


def dataset(keyword, *values):
    return put({}, keyword, *values)


@pytest.mark.parametrize(
    ("keyword", "value", "wanted", "expected"),
    [
        ("PatientID", "P1", "", True),
        ("PatientID", "P1", "P1", True),
        ("PatientID", "P1", "p1", False),
        ("PatientID", "P1 ", "P1", True),
        ("PatientID", "P1", " P1", True),
        ("CommentsOnTheScheduledProcedureStep", " indented", "indented", False),
        ("WorklistLabel", "BRAIN-MR", "BRAIN*", True),
        ("WorklistLabel", "BRAIN-MR", "*MR", True),
        ("WorklistLabel", "BRAIN-MR", "brain*", False),
        ("WorklistLabel", "BRAIN-MR", "BRAIN?MR", True),
        ("WorklistLabel", "BRAIN-MR", "BRAIN?", False),
        ("WorklistLabel", "BRAIN-MR", "*", True),
        ("WorklistLabel", "A[1]", "A[1]*", True),
        ("WorklistLabel", "A1", "A[1]*", False),
        ("SOPInstanceUID", "1.2.3", "1.2.4,1.2.3", True),
        ("SOPInstanceUID", "1.2.3", "1.2.4\\1.2.3", True),
        ("SOPInstanceUID", "1.2.3", "1.2.4", False),
        ("StudyInstanceUID", "1.2.3\0", "1.2.3", True),
        ("PregnancyStatus", 4, "4", True),
        ("PregnancyStatus", 4, "04", True),
        ("PregnancyStatus", 4, "1", False),
        ("PatientBirthDate", "19700101", "19700101", True),
        ("PatientBirthDate", "1970.01.01", "19700101", True),
        ("PatientBirthDate", "19700101", "19691231-19700101", True),
        ("PatientBirthDate", "19700101", "-19691231", False),
    ],
)
def test_values_match_as_their_representation_says(keyword, value, wanted, expected):
    assert matches(dataset(keyword, value), {keyword: wanted}) is expected


def test_an_attribute_without_value_matches_universal_keys_only():
    for wanted in ("", "*", "**"):
        assert matches(dataset("PatientID"), {"PatientID": wanted})
        assert matches({}, {"PatientID": wanted})
    for wanted in ("P1", "?*"):
        assert not matches({}, {"PatientID": wanted})
        assert not matches(dataset("PatientID", None), {"PatientID": wanted})


def test_an_attribute_of_several_values_matches_when_one_of_them_does():
    several = dataset("WorklistLabel", "BRAIN", "HEAD")
    assert matches(several, {"WorklistLabel": "HEAD"})
    assert not matches(several, {"WorklistLabel": "BRAINHEAD"})


def test_a_sequence_matches_when_one_item_matches_all_of_its_keys():
    sequence = put_codes({}, STATION, Code("A", "L", "a"), Code("B", "M", "b"))
    assert matches(sequence, {f"{STATION}.CodeValue": "B", f"{STATION}.CodingSchemeDesignator": "M"})
    assert not matches(sequence, {f"{STATION}.CodeValue": "A", f"{STATION}.CodingSchemeDesignator": "M"})
    assert matches(put_items({}, STATION), {f"{STATION}.CodeValue": ""})
    assert matches({}, {STATION: "", f"{STATION}.CodeValue": ""})


def test_sequences_within_sequences_match_item_by_item():
    def request(accession, issuer):
        return put_items(
            put({}, "AccessionNumber", accession),
            "IssuerOfAccessionNumberSequence",
            put({}, "LocalNamespaceEntityID", issuer),
        )

    workitem = put_items({}, REQUEST, request("A1", "NORTH"), request("A2", "SOUTH"))
    issuer = f"{REQUEST}.IssuerOfAccessionNumberSequence.LocalNamespaceEntityID"
    assert matches(workitem, {f"{REQUEST}.AccessionNumber": "A2", issuer: "SOUTH"})
    assert not matches(workitem, {f"{REQUEST}.AccessionNumber": "A1", issuer: "SOUTH"})
    done = put(put_codes({}, "PerformedStationNameCodeSequence", Code("AI_ONE", "L", "one")), "CodeValue", "X")
    performed = put_items({}, PERFORMED, {}, done)
    assert matches(performed, {f"{PERFORMED}.PerformedStationNameCodeSequence.CodeValue": "AI_ONE"})


@pytest.mark.parametrize(
    ("keyword", "wanted", "section"),
    [
        (START, "-", r"C\.2\.2\.2\.5"),
        (START, "yesterday", r"C\.2\.2\.2\.1"),
        (START, "20261125-20261124", r"ends before it begins .* C\.2\.2\.2\.5"),
        (START, "20261124103000-0500", r"a single value with an offset from \+0000 on"),
        ("PatientBirthDate", "1970", r"PS3\.5 6\.2"),
        ("SOPInstanceUID", "1.2.*", r"C\.2\.2\.2\.2"),
        ("PregnancyStatus", "many", r"PS3\.5 6\.2"),
        ("PatientID", "P1\\P2", r"C\.2\.2\.2\.2"),
        (STATION, "AI_ONE", r"C\.2\.2\.2\.6"),
        ("TimezoneOffsetFromUTC", "CET", r"Table C\.12-1"),
    ],
)
def test_a_key_that_no_value_could_have_is_refused_with_its_section_and_without_its_value(keyword, wanted, section):
    with pytest.raises(BadInput, match=section) as refused:
        matches({}, {keyword: wanted})
    assert keyword in refused.value.message
    assert keyword == "TimezoneOffsetFromUTC" or len(wanted) < 4 or wanted not in refused.value.message


@given(st.text(st.characters(codec="ascii", exclude_characters="*?\\"), max_size=12))
def test_every_value_without_wildcards_matches_itself_alone(value):
    assert matches(dataset("WorklistLabel", value), {"WorklistLabel": value})
    if value:
        assert not matches(dataset("WorklistLabel", value + "x"), {"WorklistLabel": value})


@given(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="*?\\"), max_size=8)] * 2)
def test_a_star_stands_for_any_run_of_characters(head, tail):
    assert matches(dataset("WorklistLabel", f"{head}middle{tail}"), {"WorklistLabel": f"{head}*{tail}"})


def test_many_stars_are_no_trap():
    """Backtracking over each star would take longer than anybody waits."""
    assert not matches(dataset("WorklistLabel", "a" * 10_000), {"WorklistLabel": "*a" * 30 + "b"})
