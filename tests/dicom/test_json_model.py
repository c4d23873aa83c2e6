"""The DICOM JSON Model by keyword (PS3.18 Annex F.2): what is put is what is got, and others read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from profiles.dicom import (
    Code,
    get,
    get_all,
    get_code,
    item,
    items,
    put,
    put_codes,
    put_items,
    remove,
    tag_of,
    text,
    vr_of,
)

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\\^="), min_size=1, max_size=64
)
CODES = st.builds(Code, st.text("ABC123", min_size=1, max_size=30), st.sampled_from(["DCM", "SCT"]), WORDS)


@pytest.mark.parametrize(
    ("keyword", "tag", "vr"),
    [
        ("ProcedureStepState", "00741000", "CS"),
        ("PatientName", "00100010", "PN"),
        ("PixelData", "7FE00010", "OB"),
        ("SmallestImagePixelValue", "00280106", "US"),
    ],
)
def test_an_attribute_has_the_tag_and_representation_of_its_keyword(keyword, tag, vr):
    """Eight upper-case digits (F.2.2); of several representations the first of PS3.6."""
    assert (tag_of(keyword), vr_of(keyword)) == (tag, vr)


@pytest.mark.parametrize("use", [tag_of, vr_of, lambda word: put({}, word, 1), lambda word: get({}, word)])
def test_a_keyword_that_dicom_does_not_have_is_refused_by_name(use):
    with pytest.raises(KeyError, match="ProcedureStepSate"):
        use("ProcedureStepSate")


def test_an_attribute_without_values_is_present_and_empty():
    """Type 2: no ``Value`` at all (F.2.5)."""
    dataset = put({}, "AccessionNumber")
    assert dataset == {"00080050": {"vr": "SH"}}
    assert get(dataset, "AccessionNumber") is None
    assert get_all(dataset, "AccessionNumber") == []
    assert text(dataset, "AccessionNumber") == ""


@pytest.mark.parametrize("dataset", [{}, {"00080050": {"vr": "SH"}}, {"00080050": {"vr": "SH", "Value": [None]}}])
def test_absent_empty_and_null_read_as_the_default(dataset):
    assert get(dataset, "AccessionNumber", "none") == "none"
    assert text(dataset, "AccessionNumber") == ""


@pytest.mark.parametrize("element", [None, {"vr": "SH", "Value": "A1"}, {"vr": "SH", "Value": None}])
def test_what_is_no_array_of_values_reads_as_empty(element):
    assert get_all({"00080050": element}, "AccessionNumber") == []


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_values_are_got_as_they_were_put(values):
    dataset = put({}, "ImageComments", *values)
    assert get_all(dataset, "ImageComments") == values
    assert get(dataset, "ImageComments") == text(dataset, "ImageComments") == values[0]


def test_putting_again_replaces_and_calls_can_be_chained():
    dataset = put(put({}, "PatientID", "A", "B"), "PatientID", "C")
    assert get_all(dataset, "PatientID") == ["C"]


def test_a_number_is_text_on_request():
    assert text(put({}, "SeriesNumber", 1001), "SeriesNumber") == "1001"


@given(WORDS)
def test_a_person_name_may_be_given_as_text(name):
    dataset = put({}, "PatientName", name)
    assert dataset["00100010"]["Value"] == [{"Alphabetic": name}]
    assert text(dataset, "PatientName") == name


def test_a_person_name_in_several_scripts_is_kept_and_read_by_its_alphabetic_group():
    name = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}
    dataset = put({}, "PatientName", name)
    assert get(dataset, "PatientName") == name
    assert text(dataset, "PatientName") == "Yamada^Tarou"
    assert text(put({}, "PatientName", {"Ideographic": "山田^太郎"}), "PatientName") == ""


def test_a_sequence_gives_its_items():
    first, second = put({}, "PatientID", "1"), put({}, "PatientID", "2")
    dataset = put_items({}, "ReferencedRequestSequence", first, second)
    assert items(dataset, "ReferencedRequestSequence") == [first, second]
    assert item(dataset, "ReferencedRequestSequence") == first


def test_a_sequence_without_items_is_present_and_gives_none():
    dataset = put_items({}, "ReferencedRequestSequence")
    assert dataset == {"0040A370": {"vr": "SQ"}}
    assert items(dataset, "ReferencedRequestSequence") == []
    assert item(dataset, "ReferencedRequestSequence") == item({}, "ReferencedRequestSequence") == {}


def test_what_is_no_item_is_passed_over():
    dataset = {"0040A370": {"vr": "SQ", "Value": [None, "text", {}]}}
    assert items(dataset, "ReferencedRequestSequence") == [{}]


def test_removing_takes_out_what_is_there_and_minds_nothing_that_is_not():
    dataset = put({}, "PatientID", "A")
    remove(dataset, "PatientID")
    remove(dataset, "PatientID")
    assert dataset == {}


@given(st.lists(CODES, min_size=1, max_size=3))
def test_codes_are_got_as_they_were_put(codes):
    dataset = put_codes({}, "ProcedureCodeSequence", *codes)
    assert get_code(dataset, "ProcedureCodeSequence") == codes[0]
    assert len(items(dataset, "ProcedureCodeSequence")) == len(codes)


@pytest.mark.parametrize(("length", "keyword"), [(16, "CodeValue"), (17, "LongCodeValue")])
def test_a_code_value_of_more_than_16_characters_is_a_long_one(length, keyword):
    """PS3.3 section 8.1; attributes are in the order of their tags."""
    row = item(put_codes({}, "ProcedureCodeSequence", Code("1" * length, "SCT", "m")), "ProcedureCodeSequence")
    assert text(row, keyword) == "1" * length
    assert list(row) == sorted(row)
    assert len(row) == 3


def test_a_code_by_urn_is_read_and_an_absent_one_is_none():
    dataset = put_items({}, "ProcedureCodeSequence", put({}, "URNCodeValue", "urn:oid:1.2"))
    assert get_code(dataset, "ProcedureCodeSequence") == Code("urn:oid:1.2", "")
    assert get_code({}, "ProcedureCodeSequence") is None
    assert get_code(put_items({}, "ProcedureCodeSequence"), "ProcedureCodeSequence") is None


@given(WORDS.filter(lambda word: word == word.strip()), st.lists(CODES, max_size=3))
def test_another_implementation_reads_what_is_put(name, codes):
    dataset = put(put_codes(put({}, "PatientID"), "ProcedureCodeSequence", *codes), "PatientName", name)
    put(dataset, "SeriesNumber", 7)
    read = Dataset.from_json(dataset)
    assert str(read.PatientName) == name
    assert read.SeriesNumber == 7
    assert not read.PatientID
    assert [row.get("CodeValue") or row.LongCodeValue for row in read.ProcedureCodeSequence] == [
        code.value for code in codes
    ]
