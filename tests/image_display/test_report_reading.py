"""What a report says reaches the page unaltered, and nothing of it goes unseen."""

import pydicom
import pytest
from pydicom.dataset import Dataset

from actors.image_display.report import read_report


@pytest.fixture(scope="module")
def report(make_study):
    return pydicom.dcmread(make_study().results[1])


def coded(value, scheme, meaning):
    found = Dataset()
    found.CodeValue, found.CodingSchemeDesignator, found.CodeMeaning = value, scheme, meaning
    return [found]


def item(kind, name, relation="CONTAINS", **values):
    found = Dataset()
    found.ValueType, found.RelationshipType, found.ConceptNameCodeSequence = kind, relation, name
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


@pytest.mark.requirement("AIR-ID-003")
def test_a_number_is_the_text_that_stands_in_the_object(report):
    measured = next(group for group in read_report(report).groups if group.values).values[0]
    raw = [one for one in report.iterall() if one.keyword == "NumericValue"]
    assert measured.value == str(raw[0].value)
    assert (measured.name, measured.unit) == ("Volume", "mL")


@pytest.mark.requirement("AIR-ID-003")
@pytest.mark.parametrize("text", ["1394.0", "1394.00", "0.10", "1E+3", "-0"])
def test_trailing_zeros_and_exponents_of_a_number_stay(report, text):
    for one in report.iterall():
        if one.keyword == "NumericValue":
            one.value = pydicom.valuerep.DSfloat(text)
    assert next(group for group in read_report(report).groups if group.values).values[0].value == text


@pytest.mark.requirement("AIR-ID-009")
def test_engine_version_and_flags_are_read(report):
    found = read_report(report)
    assert (found.algorithm, found.version, found.manufacturer) == ("ball finder", "1.2.3", "Maker")
    assert (found.completion, found.verification) == ("COMPLETE", "UNVERIFIED")


def test_a_group_names_its_finding_tracking_and_segment(report):
    group = read_report(report).groups[0]
    assert (group.finding, group.tracking_id) == ("Brain", "Ball 1")
    assert group.segment[1] == 1


@pytest.mark.requirement("AIR-ID-002")
def test_an_absent_finding_is_an_explicit_negative():
    root = Dataset()
    root.SOPInstanceUID = "2.25.1"
    absent = item(
        "CODE",
        coded("373572006", "SCT", "Clinical finding absent"),
        ConceptCodeSequence=coded("36118008", "SCT", "Pneumothorax"),
    )
    root.ContentSequence = [item("CONTAINER", coded("125007", "DCM", "Measurement Group"), ContentSequence=[absent])]
    value = read_report(root).groups[0].values[0]
    assert value.absent
    assert (value.name, value.value) == ("Clinical finding absent", "Pneumothorax")


@pytest.mark.requirement("AIR-ID-010")
def test_statements_outside_of_any_template_are_shown_as_name_and_value():
    root = Dataset()
    root.SOPInstanceUID = "2.25.1"
    private = item("TEXT", coded("X1", "99ELSE", "House rule"), TextValue="seven")
    root.ContentSequence = [item("CONTAINER", coded("X0", "99ELSE", "House section"), ContentSequence=[private])]
    assert [(one.name, one.value) for one in read_report(root).others] == [("House rule", "seven")]


@pytest.mark.requirement("AIR-ID-010")
@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"ContentSequence": []},
        {"ContentSequence": [Dataset()]},
        {"ContentSequence": [item("NUM", coded("1", "DCM", "n"))]},
        {"ContentSequence": [item("CODE", [])]},
    ],
)
def test_an_empty_or_broken_tree_is_no_crash(broken):
    root = Dataset()
    root.SOPInstanceUID = "2.25.1"
    for keyword, value in broken.items():
        setattr(root, keyword, value)
    assert read_report(root).uid == "2.25.1"
