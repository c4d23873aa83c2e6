"""The attribute table at work: one test per requirement of N-CREATE, N-SET and the final states."""

import copy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectathon.workitems import new_workitem, performed
from profiles.dicom import put, put_codes, put_items, tag_of, vr_of
from profiles.ups import State, validate_create, validate_final, validate_update
from profiles.ups.attributes import attribute_rules

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
TOP = [rule for rule in attribute_rules() if len(rule.path) == 1]
NEEDED = [rule for rule in TOP if rule.ncreate.startswith(("1/", "2/"))]
NOT_SETTABLE = [rule for rule in TOP if rule.nset.startswith("NA")]


def named(rules):
    return {"argvalues": rules, "ids": [".".join(rule.path) for rule in rules]}


@pytest.fixture
def workitem():
    return new_workitem(now=NOW)


@pytest.fixture
def done(workitem):
    put(workitem, "ScheduledProcedureStepModificationDateTime", "20261124080000")
    put(workitem, "SOPClassUID", "1.2.840.10008.5.1.4.34.6.1")
    put(workitem, "SOPInstanceUID", "1.2.3")
    return {**workitem, **performed(NOW)}


def test_a_whole_workitem_has_no_finding(workitem, done):
    assert validate_create(workitem) == []
    assert validate_update(performed(NOW)) == []
    assert validate_final(done, State.COMPLETED) == []


@pytest.mark.parametrize("rule", **named(NEEDED))
def test_what_creation_needs_is_missed_by_its_name_and_requirement(rule, workitem):
    del workitem[tag_of(rule.path[0])]
    (finding,) = validate_create(workitem)
    assert finding.path == rule.path[0]
    assert finding.rule == rule.source("N-CREATE")
    assert "UPS-" in finding.rule


@pytest.mark.parametrize("rule", **named([rule for rule in NEEDED if rule.ncreate.startswith("1/")]))
def test_what_must_have_a_value_at_creation_may_not_be_empty(rule, workitem):
    workitem[tag_of(rule.path[0])] = {"vr": vr_of(rule.path[0])}
    (finding,) = validate_create(workitem)
    assert "is empty" in finding.message


@pytest.mark.parametrize("rule", **named([rule for rule in TOP if rule.ncreate.endswith(";empty")]))
def test_what_must_be_empty_at_creation_may_have_no_value(rule, workitem):
    keyword = rule.path[0]
    workitem[tag_of(keyword)] = {"vr": vr_of(keyword), "Value": [{} if vr_of(keyword) == "SQ" else "1.2.3"]}
    assert keyword in {finding.path for finding in validate_create(workitem) if finding.rule == rule.source("N-CREATE")}


@pytest.mark.parametrize("rule", **named(NOT_SETTABLE))
def test_what_an_update_may_not_touch_is_refused(rule):
    keyword = rule.path[0]
    (finding,) = validate_update({tag_of(keyword): {"vr": vr_of(keyword)}})
    assert finding.path == keyword
    assert finding.rule == rule.source("N-SET")


@pytest.mark.parametrize("keyword", ["ProcedureStepState", "ScheduledProcedureStepPriority", "InputReadinessState"])
def test_enumerated_values_are_held(keyword, workitem):
    put(workitem, keyword, "SOMETHING")
    assert [finding.path for finding in validate_create(workitem)] == [keyword]


@pytest.mark.parametrize(
    "keyword",
    [
        "PerformedStationNameCodeSequence",
        "PerformedWorkitemCodeSequence",
        "PerformedProcedureStepStartDateTime",
        "PerformedProcedureStepEndDateTime",
        "OutputInformationSequence",
    ],
)
@pytest.mark.requirement("UPS-038")
def test_what_completion_needs_is_missed_by_its_path(keyword, done):
    del done["00741216"]["Value"][0][tag_of(keyword)]
    (finding,) = validate_final(done, State.COMPLETED)
    assert finding.path == f"UnifiedProcedureStepPerformedProcedureSequence[1].{keyword}"


def test_cancellation_needs_a_reason_and_a_moment(workitem, done):
    needed = {finding.path.split(".")[-1] for finding in validate_final(done, State.CANCELED)}
    assert needed == {
        "ProcedureStepProgressInformationSequence",
        "ProcedureStepCancellationDateTime",
        "ProcedureStepDiscontinuationReasonCodeSequence",
    }


def test_items_of_sequences_are_checked_each_with_its_number(workitem):
    request = workitem[tag_of("ReferencedRequestSequence")]["Value"][0]
    second = copy.deepcopy(request)
    del second[tag_of("StudyInstanceUID")]
    workitem[tag_of("ReferencedRequestSequence")]["Value"].append(second)
    assert [finding.path for finding in validate_create(workitem)] == ["ReferencedRequestSequence[2].StudyInstanceUID"]


def test_codes_need_their_meaning_and_there_is_one_workitem_code(workitem):
    item = workitem[tag_of("ScheduledWorkitemCodeSequence")]["Value"][0]
    workitem[tag_of("ScheduledWorkitemCodeSequence")]["Value"].append(copy.deepcopy(item))
    del item[tag_of("CodeMeaning")]
    said = {finding.path: finding.message for finding in validate_create(workitem)}
    assert "is missing" in said["ScheduledWorkitemCodeSequence[1].CodeMeaning"]
    assert "has 2 items" in said["ScheduledWorkitemCodeSequence"]


@given(st.sets(st.sampled_from([rule.path[0] for rule in NEEDED]), min_size=1))
def test_every_missing_attribute_is_found_at_once(missing):
    workitem = new_workitem(now=NOW)
    for keyword in missing:
        del workitem[tag_of(keyword)]
    assert {finding.path for finding in validate_create(workitem)} == missing


JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([rule.path[0] for rule in TOP if vr_of(rule.path[0]) != "SQ"]), st.lists(JUNK, max_size=2))
def test_no_value_however_odd_makes_the_rules_fall_over(keyword, values):
    workitem = new_workitem(now=NOW)
    workitem[tag_of(keyword)] = {"vr": vr_of(keyword), "Value": values}
    validate_create(workitem)
    validate_update(workitem)
    validate_final(workitem, State.COMPLETED)


def test_parameters_need_the_value_of_their_type_only():
    item = {}
    put(item, "ValueType", "TEXT")
    put_codes(item, "ConceptNameCodeSequence")
    update = {}
    put_items(update, "ScheduledProcessingParametersSequence", item)
    said = {finding.path.split(".")[-1] for finding in validate_update(update)}
    assert "NumericValue" not in said
