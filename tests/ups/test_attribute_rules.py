"""The attribute table at work, at every depth: what must be there, what must have a value, what may not be there."""

import copy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectathon.full_workitems import full_element, full_update, full_workitem
from connectathon.workitems import new_workitem, performed
from profiles.dicom import Code, items, put, put_codes, tag_of, vr_of
from profiles.ups import validate_create, validate_update
from profiles.ups.attributes import Moment, attribute_rules
from profiles.ups.validation.conditions import enumerated
from profiles.ups.validation.tree import level_of

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NEEDED = sorted(level_of(Moment.CREATION).needed)


def about(choose):
    """A test for each attribute of the table that is chosen, wherever it is."""

    def mark(test):
        test.about = choose
        return test

    return mark


@pytest.fixture
def workitem():
    return new_workitem(now=NOW)


def test_a_workitem_as_we_send_it_has_no_finding(workitem):
    assert validate_create(workitem) == []
    assert validate_update(performed(NOW)) == []


def test_every_attribute_of_the_table_may_be_sent_at_once():
    assert validate_create(full_workitem()) == []
    assert validate_update(full_update()) == []


@about(lambda attribute: attribute.kind)
def test_an_attribute_of_type_1_or_2_is_missed_by_its_path_and_requirement(spot, attribute):
    whole, item, _ = spot.open()
    del item[tag_of(attribute.keyword)]
    found = {finding.path: finding for finding in spot.findings(whole)}
    finding = found.pop(spot.path(attribute.keyword))
    assert f"is missing; it is type {attribute.kind}" in finding.message
    assert finding.rule == attribute.source
    assert finding.remedy
    assert finding.key == "missing-attribute"
    assert found == {}


@about(lambda attribute: attribute.must)
def test_an_attribute_that_keeps_a_value_may_not_be_empty(spot, attribute):
    nothings = [{}, {"Value": []}]
    if attribute.form.vr != "SQ":
        nothings.append({"Value": [None]})
    if attribute.form.vr in ("CS", "LO", "SH", "ST"):
        nothings += [{"Value": [""]}, {"Value": [" "]}]
    if attribute.form.vr == "PN":
        nothings += [{"Value": [{}]}, {"Value": [{"Alphabetic": ""}]}]
    for nothing in nothings:
        whole, item, _ = spot.open()
        item[tag_of(attribute.keyword)] = {"vr": attribute.form.vr, **nothing}
        found = {finding.path: finding for finding in spot.findings(whole)}
        finding = found[spot.path(attribute.keyword)]
        assert "is empty" in finding.message
        assert finding.rule == attribute.source
        assert finding.key == "missing-value"


@about(lambda attribute: attribute.kind == "2" and not attribute.empty)
def test_an_attribute_of_type_2_may_be_empty(spot, attribute):
    whole, item, _ = spot.open()
    item[tag_of(attribute.keyword)] = {"vr": attribute.form.vr}
    assert spot.findings(whole) == []


@about(lambda attribute: attribute.empty)
def test_what_must_be_empty_at_creation_may_have_no_value(spot, attribute):
    whole, item, _ = spot.open()
    item[tag_of(attribute.keyword)] = full_element(attribute)
    (finding,) = spot.findings(whole)
    assert finding.path == spot.path(attribute.keyword)
    assert finding.rule == attribute.source
    assert "wants it empty" in finding.message


@about(lambda attribute: attribute.barred)
def test_what_an_update_may_not_touch_is_refused_even_empty(spot, attribute):
    for element in ({"vr": attribute.form.vr}, full_element(attribute)):
        whole, item, _ = spot.open()
        item[tag_of(attribute.keyword)] = element
        (finding,) = spot.findings(whole)
        assert finding.path == spot.path(attribute.keyword)
        assert finding.rule == attribute.source
        assert "cannot be changed" in finding.message


@about(lambda attribute: attribute.allowed and not (attribute.barred or attribute.empty))
def test_terms_that_the_standard_lists_are_held_to(spot, attribute):
    whole, item, _ = spot.open()
    item[tag_of(attribute.keyword)] = {"vr": attribute.form.vr, "Value": ["1.9" if attribute.form.vr == "UI" else "X"]}
    found = {finding.path: finding for finding in spot.findings(whole)}
    finding = found[spot.path(attribute.keyword)]
    assert finding.rule == attribute.allowed_source
    assert all(term in finding.message for term in attribute.allowed)


@pytest.mark.requirement("UPS-2724")
def test_a_workitem_is_created_scheduled_though_other_states_are_states(workitem):
    for state in enumerated()["ProcedureStepState"][1:]:
        (finding,) = validate_create(put(workitem, "ProcedureStepState", state))
        assert "allows SCHEDULED" in finding.message


@given(st.sets(st.sampled_from(NEEDED), min_size=1))
def test_every_missing_attribute_is_found_at_once(missing):
    workitem = new_workitem(now=NOW)
    for tag in missing:
        del workitem[tag]
    assert {tag_of(finding.path) for finding in validate_create(workitem)} == missing


@given(st.sets(st.sampled_from(sorted(full_update()))))
def test_an_update_may_name_any_attributes_and_leave_out_the_others(named):
    full = full_update()
    named.add(tag_of("SpecificCharacterSet"))
    assert validate_update({tag: full[tag] for tag in sorted(named)}) == []


@given(st.data())
def test_what_creation_does_not_need_may_be_left_out(data):
    full = full_workitem()
    optional = sorted(set(full) - level_of(Moment.CREATION).needed)
    for tag in data.draw(st.sets(st.sampled_from(optional))):
        del full[tag]
    assert validate_create(full) == []


def test_items_of_sequences_are_checked_each_with_its_number(workitem):
    request = items(workitem, "ReferencedRequestSequence")[0]
    second = copy.deepcopy(request)
    del second[tag_of("StudyInstanceUID")]
    workitem[tag_of("ReferencedRequestSequence")]["Value"].append(second)
    assert [finding.path for finding in validate_create(workitem)] == ["ReferencedRequestSequence[2].StudyInstanceUID"]


@pytest.mark.requirement("UPS-1511")
def test_there_is_one_workitem_code(workitem):
    code = items(workitem, "ScheduledWorkitemCodeSequence")[0]
    workitem[tag_of("ScheduledWorkitemCodeSequence")]["Value"].append(copy.deepcopy(code))
    (finding,) = validate_create(workitem)
    assert finding.path == "ScheduledWorkitemCodeSequence"
    assert "has 2 items" in finding.message


@pytest.mark.requirement("UPS-3807")
def test_the_workitem_uid_is_not_told_in_a_command_element(workitem):
    put(workitem, "AffectedSOPInstanceUID", "1.2.3")
    (finding,) = validate_create(workitem)
    assert finding.path == "AffectedSOPInstanceUID"


def test_private_and_unknown_attributes_are_kept_as_they_are(workitem):
    workitem["00091001"] = {"vr": "LO", "Value": ["x" * 100, None]}
    workitem["00091002"] = {"vr": "UN", "InlineBinary": "AAEC"}
    workitem["00091003"] = {"vr": "SQ", "Value": [{"00091004": {"vr": "SH", "Value": [7]}}, {}]}
    workitem["00189FFF"] = {"vr": "CS"}
    assert validate_create(workitem) == []
    assert validate_update({tag: workitem[tag] for tag in ("00091001", "00091002", "00091003", "00189FFF")}) == []


def test_a_published_sample_that_spreads_one_code_over_three_items_is_told_so_for_each(workitem):
    """create-ups.json of dcm4che/dicomweb; it also types Code Value as LO, which harms nobody."""
    put(workitem, "ScheduledStationNameCodeSequence")
    workitem[tag_of("ScheduledStationNameCodeSequence")]["Value"] = [
        {tag_of("CodeValue"): {"vr": "LO", "Value": [word]}} for word in ("STATION-XY", "99DEMO", "Station XY")
    ]
    found = sorted(finding.path for finding in validate_create(workitem))
    assert found == sorted(
        f"ScheduledStationNameCodeSequence[{number}].{keyword}"
        for number in (1, 2, 3)
        for keyword in ("CodeMeaning", "CodingSchemeDesignator")
    )


def test_a_row_of_the_table_says_where_it_is_and_what_it_asks():
    rule = next(rule for rule in attribute_rules() if rule.path == ("ProcedureStepState",))
    assert (rule.keyword, rule.tag, vr_of(rule.keyword)) == ("ProcedureStepState", "00741000", "CS")
    assert rule.cell(Moment.CREATION).notes == {"value": "SCHEDULED"}
    assert rule.cell(Moment.UPDATE).is_barred
    assert rule.source(Moment.FINAL).startswith("PS3.4 2020c Table CC.2.5-3 (UPS-")


def test_codes_written_by_us_are_codes_that_are_taken(workitem):
    put_codes(workitem, "ScheduledStationNameCodeSequence", Code("A", "L", "a"), Code("A" * 17, "99X", "long"))
    assert validate_create(workitem) == []
