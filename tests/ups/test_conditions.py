"""What an item needs depends on what else it has (PS3.4 CC.2.5.1.2): each condition, at each place where it holds."""

import pytest

from connectathon.full_workitems import full_workitem
from connectathon.workitems import ANALYSIS
from profiles.dicom import item, items, put, put_codes, put_items, remove, tag_of
from profiles.ups import validate_create, validate_update
from profiles.ups.validation.conditions import enumerated

PARAMETERS = "ScheduledProcessingParametersSequence"
VALUE_OF = {
    "DATETIME": ("DateTime", "20261124080000"),
    "DATE": ("Date", "20261124"),
    "TIME": ("Time", "080000"),
    "PNAME": ("PersonName", {"Alphabetic": "FICTIONAL^ADA"}),
    "UIDREF": ("UID", "1.2.3"),
    "TEXT": ("TextValue", "words"),
    "NUMERIC": ("NumericValue", 7),
}


def about(*rules):
    """A test for each condition of those rules, wherever it holds."""

    def mark(test):
        test.conditions = rules
        return test

    return mark


def content_item(value_type):
    """A parameter of that type, with its value."""
    made = put_codes(put({}, "ValueType", value_type), "ConceptNameCodeSequence", ANALYSIS)
    if value_type == "CODE":
        return put_codes(made, "ConceptCodeSequence", ANALYSIS)
    if value_type == "NUMERIC":
        put_codes(made, "MeasurementUnitsCodeSequence", ANALYSIS)
    return put(made, *VALUE_OF[value_type])


def refused(made):
    """Where an update of the parameters breaks rules, below its first item."""
    found = validate_update(put_items({}, PARAMETERS, made))
    return {finding.path.removeprefix(f"{PARAMETERS}[1]").lstrip(".") for finding in found}


@about("exactly-one", "any-of")
def test_one_of_several_attributes_must_have_a_value(spot, condition):
    whole, here, _ = spot.open()
    for tag in condition.tags:
        here.pop(tag, None)
    found = {finding.path: finding for finding in spot.findings(whole)}
    finding = found[spot.words]
    assert all(keyword in finding.message for keyword in condition.keywords)
    assert finding.rule == spot.level.attributes[condition.tags[0]].source
    assert finding.remedy == condition.remedy


@about("any-of")
def test_each_of_several_attributes_is_enough(spot, condition):
    for kept in condition.tags:
        whole, here, _ = spot.open()
        for tag in set(condition.tags) - {kept}:
            here.pop(tag, None)
        assert spot.findings(whole) == []


@about("needed")
def test_an_attribute_is_needed_when_its_condition_holds_and_not_otherwise(spot, condition):
    (tag,) = condition.tags
    whole, here, outer = spot.open()
    if condition.when.startswith("^"):
        keyword, _, value = condition.when[1:].partition("=")
        put(outer, keyword, value)
    del here[tag]
    found = {finding.path: finding for finding in spot.findings(whole)}
    assert f"when {condition.when}" in found[spot.path(condition.keywords[0])].message
    here[tag] = {"vr": spot.level.attributes[tag].form.vr}
    assert "is empty" in {one.path: one for one in spot.findings(whole)}[spot.path(condition.keywords[0])].message
    whole, here, _ = spot.open()
    del here[tag]
    for keyword in condition.when.lstrip("^").partition("=")[0].split("|"):
        if tag_of(keyword) in here:
            remove(here, keyword)
    assert spot.path(condition.keywords[0]) not in {finding.path for finding in spot.findings(whole)}


@about("barred")
def test_a_coding_scheme_version_without_its_scheme_is_refused(spot, condition):
    whole, here, _ = spot.open()
    remove(here, "CodingSchemeDesignator")
    assert spot.path("CodingSchemeVersion") in {finding.path for finding in spot.findings(whole)}


@about("exactly-one")
def test_a_code_is_given_by_one_value_only(spot, condition):
    whole, here, _ = spot.open()
    put(here, "LongCodeValue", "a code value of more than sixteen characters")
    (finding,) = spot.findings(whole)
    assert finding.path == spot.words
    assert "has 2 of" in finding.message


@pytest.mark.requirement("UPS-1517", "UPS-3828")
def test_a_code_value_has_at_most_16_characters_and_longer_ones_their_own_attribute():
    whole = full_workitem()
    code = item(whole, "ScheduledWorkitemCodeSequence")
    put(code, "CodeValue", "C" * 17)
    (finding,) = validate_create(whole)
    assert finding.path == "ScheduledWorkitemCodeSequence[1].CodeValue"
    assert "has 17 characters" in finding.message
    remove(code, "CodeValue")
    put(code, "LongCodeValue", "C" * 17)
    assert validate_create(whole) == []


def test_a_urn_needs_no_coding_scheme():
    whole = full_workitem()
    code = item(whole, "ScheduledWorkitemCodeSequence")
    for keyword in ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion"):
        remove(code, keyword)
    put(code, "URNCodeValue", "urn:oid:1.2.3")
    assert validate_create(whole) == []


@pytest.mark.parametrize("value_type", enumerated()["ValueType"])
def test_a_parameter_has_the_value_of_its_type(value_type):
    assert refused(content_item(value_type)) == set()


@pytest.mark.parametrize("value_type", enumerated()["ValueType"])
def test_a_parameter_without_the_value_of_its_type_is_refused(value_type):
    made = put_codes(put({}, "ValueType", value_type), "ConceptNameCodeSequence", ANALYSIS)
    wanted = {
        "CODE": {"ConceptCodeSequence"},
        "NUMERIC": {"NumericValue", "MeasurementUnitsCodeSequence"},
    }.get(value_type) or {VALUE_OF[value_type][0]}
    assert refused(made) == wanted


@pytest.mark.parametrize("value_type", [one for one in enumerated()["ValueType"] if one != "TEXT"])
def test_a_parameter_has_no_value_of_another_type(value_type):
    made = put(content_item(value_type), "TextValue", "words")
    assert refused(made) == {"TextValue"}


def test_an_unknown_type_of_parameter_is_one_finding_and_not_one_for_each_value():
    assert refused(put(content_item("TEXT"), "ValueType", "IMAGE")) == {"ValueType"}
    made = content_item("TEXT")
    remove(made, "ValueType")
    assert refused(made) == {"ValueType"}


def test_a_number_has_one_value_and_one_unit():
    made = put(content_item("NUMERIC"), "NumericValue", 1, 2)
    put_codes(made, "MeasurementUnitsCodeSequence", ANALYSIS, ANALYSIS)
    assert refused(made) == {"NumericValue", "MeasurementUnitsCodeSequence"}


@pytest.mark.requirement("UPS-1005")
@pytest.mark.parametrize("words", ["Müller", "Иванов", "山田", "\u200b"])
def test_text_beyond_ascii_needs_its_character_set(words):
    whole = full_workitem()
    remove(whole, "SpecificCharacterSet")
    assert validate_create(whole) == []
    put(item(whole, "ScheduledWorkitemCodeSequence"), "CodeMeaning", words)
    (finding,) = validate_create(whole)
    assert finding.path == "SpecificCharacterSet"
    assert "UPS-1005" in finding.rule
    assert validate_create(put(whole, "SpecificCharacterSet", "ISO_IR 192")) == []


def test_a_reference_to_a_document_needs_no_series_but_its_identifier():
    whole = full_workitem()
    instances = items(whole, "InputInformationSequence")[0]
    put(instances, "TypeOfInstances", "CDA")
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        remove(instances, keyword)
    assert validate_create(whole) == []
    remove(item(instances, "ReferencedSOPSequence"), "HL7InstanceIdentifier")
    (finding,) = validate_create(whole)
    assert finding.path == "InputInformationSequence[1].ReferencedSOPSequence[1].HL7InstanceIdentifier"
