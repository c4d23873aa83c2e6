"""Values must be legal for their VR (PS3.5 Table 6.2-1), of the VR and as many as the data dictionary says."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.dicom import dicom_datetime
from profiles.ups import validate_update
from profiles.ups.requirements import requirement_of
from profiles.ups.validation.values import representations

#: An attribute of each VR, with values that are legal and values that are not.
CASES = {
    "AE": ("00080054", ["AI_ONE", "a b-c", "x" * 16], ["x" * 17, "A\\B", "Ä", "A\nB", 7]),
    "AS": ("00101010", ["018M", "060Y"], ["18M", "018m", "018", 18]),
    "AT": ("00280009", ["00181063"], ["0018106", "0018106G", "0018106a", 1]),
    "CS": ("00080060", ["MR", "A_B 1", "X" * 16], ["mr", "X" * 17, "Ä", "A-B", "A\\B", 1, {}]),
    "DA": (
        "00080020",
        ["20240229", "19700101"],
        ["20230229", "20261301", "2026-11-24", "202611", "20261124 ", 7],
    ),
    "DS": ("00101030", ["1", "-1.5e3", " .5 ", 1, 1.5, -0.25], ["1,5", "abc", "1" * 17, True, [], float("inf")]),
    "DT": (
        "00404005",
        ["2026", "202611", "20261124", "2026112408", "20261124080059.123456+0100", "20261124080060", "2026+0100"],
        ["20261", "20261124080000.1234567", "20260230", "20261124250000", "20261124080000+1500", "now", 2026, "0000"],
    ),
    "FD": ("00189073", [1, 1.5, -2], ["1.5", True, float("nan")]),
    "IS": ("00200013", ["1", " -7 ", 12, 2**31 - 1], ["1.5", 1.5, 2**31, "99999999999", True, "٣"]),
    "LO": ("00741204", ["Übersicht = alles?", "x" * 64], ["x" * 65, "a\\b", "a\nb", "\x7f", 7, {}]),
    "LT": ("00400400", ["a\r\nb\\c\tÄ", "x" * 10240], ["x" * 10241, "a\x00b", "\x1b", 7]),
    "PN": (
        "00081050",
        [{"Alphabetic": "A^B^C^D^E"}, {"Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}, {}],
        ["A^B", {"Alphabetic": "A=B"}, {"Latin": "A"}, {"Alphabetic": "A^B^C^D^E^F"}, {"Alphabetic": 7}, ["A"]],
    ),
    "SH": ("00080050", ["A-1/2", "ÄÖ", "x" * 16], ["x" * 17, "A\\B", "A\tB", 4711]),
    "ST": ("00080081", ["a\nb", "x" * 1024], ["x" * 1025, "\x07"]),
    "TM": ("00080030", ["08", "0800", "080059.5", "235960"], ["8", "2400", "08:00", "0860", 8]),
    "UI": ("00080018", ["2.25.3298007356985862", "1.2.0.3"], ["1..2", "1.02", ".1", "1.", "1." + "2" * 64, "one", 1.2]),
    "UL": ("00081161", [0, 2**32 - 1], [-1, 2**32, 1.5, "1", True]),
    "UR": ("00081190", ["http://[::1]/a?b=c#d", "tel:+15550100"], ["http://a b", "http://ä", "a\\b", 1]),
    "US": ("0062000B", [0, 65535], [-1, 65536, "1"]),
    "UT": ("0040A160", ["x" * 20000, "a\nb"], ["\x00", 1]),
}


def findings(tag, *values, vr):
    dataset = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}, tag: {"vr": vr, "Value": list(values)}}
    if tag == "00080018":  # not in an update as itself
        dataset = {"00080005": dataset["00080005"], "00081195": dataset[tag]}
    return validate_update(dataset)


def marked(index):
    return [
        pytest.param(
            vr, tag, value, id=f"{vr} {value!r:.30}", marks=pytest.mark.requirement(requirement_of("value", vr).id)
        )
        for vr, (tag, *lists) in CASES.items()
        for value in lists[index]
    ]


@pytest.mark.parametrize(("vr", "tag", "value"), marked(0))
def test_a_legal_value_is_taken(vr, tag, value):
    assert findings(tag, value, vr=vr) == []


@pytest.mark.parametrize(("vr", "tag", "value"), marked(1))
def test_an_illegal_value_is_refused_and_not_repeated(vr, tag, value):
    (finding,) = findings(tag, value, vr=vr)
    assert finding.rule == representations()[vr].source
    assert representations()[vr].words in finding.message
    assert finding.remedy
    if isinstance(value, str) and len(value) > 3:
        assert value not in str(finding)


@pytest.mark.requirement("UPS-3805")
@pytest.mark.parametrize("vr", [*sorted(set(representations()) - {"LO"}), "XX", "", None, 7, ["LO"]])
def test_the_vr_of_an_attribute_is_that_of_the_data_dictionary(vr):
    (finding,) = validate_update({"00741204": {"vr": vr, "Value": ["words"]}})
    assert finding.path == "ProcedureStepLabel"
    assert "says LO" in finding.message
    assert finding.rule == requirement_of("encoding", "vr").source


@pytest.mark.requirement("UPS-3805")
def test_where_the_data_dictionary_has_two_vrs_each_is_taken_with_its_own_values():
    smallest = "00280106"
    assert validate_update({smallest: {"vr": "US", "Value": [65535]}}) == []
    assert validate_update({smallest: {"vr": "SS", "Value": [-1]}}) == []
    assert "has vr" in validate_update({smallest: {"vr": "UL", "Value": [1]}})[0].message
    assert "out of range" in validate_update({smallest: {"vr": "SS", "Value": [65535]}})[0].message


def test_a_documented_other_vr_is_taken_where_that_harms_nobody():
    assert validate_update({"00081190": {"vr": "UT", "Value": ["http://127.0.0.1/"]}}) == []


@pytest.mark.requirement("UPS-3806")
@pytest.mark.parametrize(
    ("tag", "vr", "values", "legal"),
    [
        ("00741204", "LO", ["a", "b"], False),  # 1
        ("00404005", "DT", ["2026", "2027"], False),  # 1
        ("00080054", "AE", ["A", "B", "C"], True),  # 1-n
        ("00281052", "DS", [1, 2], False),  # 1
        ("00280030", "DS", [1], False),  # 2
        ("00280030", "DS", [1, 2], True),
        ("00280030", "DS", [1, 2, 3], False),
        ("00181600", "CS", ["A", "B", "C", "D"], False),  # 1-3
        ("00181620", "IS", [1, 2, 3, 4], True),  # 2-2n
        ("00181620", "IS", [1, 2, 3], False),
    ],
)
def test_an_attribute_has_as_many_values_as_the_data_dictionary_allows(tag, vr, values, legal):
    found = validate_update({tag: {"vr": vr, "Value": values}})
    assert (found == []) == legal
    assert all(one.rule == requirement_of("encoding", "vm").source for one in found)


def test_nothing_between_values_is_a_value_that_was_left_out():
    assert validate_update({"00080054": {"vr": "AE", "Value": ["A", None, "", "B"]}}) == []


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year >= 1000),
    st.text(st.characters(exclude_categories=["C"], exclude_characters="\\"), max_size=64),
)
def test_moments_and_texts_of_every_kind_are_legal(moment, words):
    assert (
        validate_update(
            {
                "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
                "00404011": {"vr": "DT", "Value": [dicom_datetime(moment)]},
                "00400400": {"vr": "LT", "Value": [words]},
                "00402016": {"vr": "LO", "Value": [words]},
            }
        )
        == []
    )
