"""What a workitem must have before COMPLETED and CANCELED (PS3.4 CC.2.5.1.3.2), items of sequences too."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectathon.full_workitems import full_update
from connectathon.workitems import new_workitem, performed
from profiles.dicom import item, put, put_items, remove, tag_of, vr_of
from profiles.ups import State, validate_final
from profiles.ups.attributes import Moment, attribute_rules

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
CODES = {State.COMPLETED: ("R", "P"), State.CANCELED: ("R", "X")}


def ended():
    """A workitem with all that any final state asks, as full as an update can make it."""
    workitem = {**new_workitem(now=NOW), **full_update()}
    put(workitem, "SOPClassUID", "1.2.840.10008.5.1.4.34.6.1")
    put(workitem, "SOPInstanceUID", "1.2.3")
    remove(workitem, "TransactionUID")
    return workitem


def holder(workitem, path):
    for keyword in path[:-1]:
        workitem = item(workitem, keyword)
    return workitem


def written(path):
    return ".".join([*(f"{keyword}[1]" for keyword in path[:-1]), path[-1]])


CASES = [
    pytest.param(
        state,
        rule,
        id=f"{state} {'.'.join(rule.path)}",
        marks=pytest.mark.requirement(rule.source(Moment.FINAL).split("(")[1].rstrip(")")),
    )
    for state, codes in CODES.items()
    for rule in attribute_rules()
    if rule.final in codes
]


@pytest.mark.parametrize("state", CODES)
def test_a_workitem_with_everything_may_end(state):
    assert validate_final(ended(), state) == []


@pytest.mark.requirement("UPS-038")
def test_a_workitem_with_what_completion_needs_may_be_completed_and_not_canceled():
    workitem = {**ended(), **performed(NOW)}
    put_items(workitem, "ProcedureStepProgressInformationSequence")
    assert validate_final(workitem, State.COMPLETED) == []
    assert {finding.path for finding in validate_final(workitem, State.CANCELED)} == {
        "ProcedureStepProgressInformationSequence",
        "ProcedureStepProgressInformationSequence.ProcedureStepCancellationDateTime",
        "ProcedureStepProgressInformationSequence.ProcedureStepDiscontinuationReasonCodeSequence",
    }


@pytest.mark.parametrize(("state", "rule"), CASES)
def test_what_a_final_state_requires_is_missed_by_its_path(state, rule):
    for gone in (True, False):
        workitem = ended()
        here = holder(workitem, rule.path)
        del here[rule.tag]
        if not gone:
            here[rule.tag] = {"vr": vr_of(rule.keyword)}
        if not gone and rule.keyword == "OutputInformationSequence":
            assert validate_final(workitem, state) == []
            continue
        found = {finding.path: finding for finding in validate_final(workitem, state)}
        finding = found.pop(written(rule.path))
        assert finding.rule == rule.source(Moment.FINAL)
        assert f"(code {rule.final}) before {state}" in finding.message
        assert all(path.startswith(written(rule.path)) for path in found), "only what it would hold is missed besides"


@pytest.mark.parametrize("state", CODES)
def test_what_no_code_asks_for_may_be_lacking(state):
    asked = {rule.path[0] for rule in attribute_rules() if rule.final in CODES[state]}
    workitem = {tag: element for tag, element in ended().items() if tag in {tag_of(keyword) for keyword in asked}}
    assert validate_final(workitem, state) == []


@given(st.data())
@pytest.mark.requirement("UPS-038")
def test_everything_that_is_missing_is_named_at_once(data):
    rules = [rule for rule in attribute_rules() if rule.final in CODES[State.COMPLETED] and rule.path[0] != PERFORMED]
    inner = [rule for rule in attribute_rules() if rule.final == "P" and len(rule.path) == 2]
    missing = data.draw(st.lists(st.sampled_from([*rules, *inner]), unique=True))
    workitem = ended()
    for rule in missing:
        del holder(workitem, rule.path)[rule.tag]
    assert {finding.path for finding in validate_final(workitem, State.COMPLETED)} == {
        written(rule.path) for rule in missing
    }


@pytest.mark.parametrize("keyword", ["PerformedStationNameCodeSequence", "PerformedWorkitemCodeSequence"])
def test_a_code_that_completion_needs_must_be_one(keyword):
    workitem = ended()
    code = item(item(workitem, PERFORMED), keyword)
    remove(code, "CodeMeaning")
    remove(code, "CodeValue")
    assert {finding.path for finding in validate_final(workitem, State.COMPLETED)} == {
        f"{PERFORMED}[1].{keyword}[1]",
        f"{PERFORMED}[1].{keyword}[1].CodeMeaning",
    }


def test_outputs_that_are_listed_must_be_retrievable():
    workitem = ended()
    output = item(item(workitem, PERFORMED), "OutputInformationSequence")
    remove(item(output, "ReferencedSOPSequence"), "ReferencedSOPInstanceUID")
    (finding,) = validate_final(workitem, State.COMPLETED)
    assert finding.path.endswith("OutputInformationSequence[1].ReferencedSOPSequence[1].ReferencedSOPInstanceUID")


@pytest.mark.requirement("UPS-1007")
@pytest.mark.parametrize("state", CODES)
def test_text_beyond_ascii_needs_its_character_set_at_the_end(state):
    workitem = put(ended(), "CommentsOnTheScheduledProcedureStep", "für Übung")
    remove(workitem, "SpecificCharacterSet")
    assert [finding.path for finding in validate_final(workitem, state)] == ["SpecificCharacterSet"]
