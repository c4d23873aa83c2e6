"""Every cell of PS3.4 Table CC.1.1-2, on every store."""

import pytest

from profiles.dicom import get, item, tag_of, text
from profiles.tables import read_table
from profiles.ups import State
from workitems.model import EventKind

CELLS = read_table("profiles.ups", "transitions")
LEADS_TO = {"claim": "IN PROGRESS", "complete": "COMPLETED", "cancel": "CANCELED", "cancel-by-server": "CANCELED"}


@pytest.mark.parametrize("cell", CELLS, ids=[cell["id"] for cell in CELLS])
def test_the_worklist_answers_as_the_cell_says(cell, desk, store):
    uid = desk.workitem_in(cell["state"])
    before = store.find(uid)
    if cell["effect"] == "complete":
        desk.ask("update", uid, desk.transaction)
    outcome = desk.ask(cell["request"], uid, desk.uid_for(cell["transaction_uid"]))
    assert outcome == cell["outcome"]
    after = store.find(uid)
    if cell["effect"]:
        assert after.state == LEADS_TO.get(cell["effect"], before.state if before else "SCHEDULED")
        assert get(after.content, "ProcedureStepState") == after.state
    else:
        assert after == before, "a refused request changes nothing"


@pytest.mark.requirement("UPS-053", "UPS-067", "AIWI-TM-001")
def test_the_server_supplies_what_cancellation_requires(desk, store):
    for state in ("SCHEDULED", "IN PROGRESS"):
        uid = desk.workitem_in(state)
        desk.ask("request-cancel" if state == "SCHEDULED" else "cancel", uid, desk.transaction)
        progress = item(store.find(uid).content, "ProcedureStepProgressInformationSequence")
        assert get(progress, "ProcedureStepCancellationDateTime")
        reason = item(progress, "ProcedureStepDiscontinuationReasonCodeSequence")
        assert text(reason, "CodeValue") == "110513"


@pytest.mark.requirement("UPS-038")
def test_completion_without_its_attributes_is_refused_and_all_of_them_are_named(worklist, desk):
    uid = desk.workitem_in("IN PROGRESS")
    with pytest.raises(Exception, match="requirements for COMPLETED") as refusal:
        worklist.change_state(uid, "COMPLETED", desk.transaction)
    assert refusal.value.row_key == "final-state-requirements"
    assert {finding.path.split(".")[-1] for finding in refusal.value.findings} >= {
        "PerformedStationNameCodeSequence",
        "PerformedWorkitemCodeSequence",
        "PerformedProcedureStepStartDateTime",
        "PerformedProcedureStepEndDateTime",
        "OutputInformationSequence",
    }
    assert worklist.retrieve(uid)[tag_of("ProcedureStepState")]["Value"] == ["IN PROGRESS"]


@pytest.mark.requirement("UPS-055")
def test_of_a_workitem_canceled_before_any_claim_every_transaction_uid_counts_as_right(desk):
    uid = desk.workitem_in("SCHEDULED")
    desk.ask("request-cancel", uid, None)
    assert desk.ask("cancel", uid, desk.uid_for("wrong")) == "already-canceled"


@pytest.mark.requirement("UPS-136")
def test_each_change_of_state_has_one_event_in_order(desk, store):
    uid = desk.workitem_in("COMPLETED")
    kinds = [event.kind for event in store.events_after(0) if event.workitem_uid == uid]
    assert kinds == [EventKind.CREATED, EventKind.CLAIMED, EventKind.COMPLETED]


@pytest.mark.requirement("UPS-138")
def test_a_cancel_request_tells_its_reason_and_leaves_the_workitem_alone(desk, store, worklist):
    uid = desk.workitem_in("IN PROGRESS")
    worklist.request_cancel(uid, {"00741238": {"vr": "LT", "Value": ["order withdrawn"]}})
    event = store.events_after(0)[-1]
    assert event.kind is EventKind.CANCEL_REQUESTED
    assert text(event.content, "ReasonForCancellation") == "order withdrawn"
    assert store.find(uid).state is State.IN_PROGRESS
    assert "00741238" not in worklist.retrieve(uid)


def test_no_state_but_those_of_the_standard_can_be_asked_for(desk, worklist):
    uid = desk.workitem_in("SCHEDULED")
    for state in ("", "CANCELLED", "in progress", "DONE"):
        with pytest.raises(Exception, match="IN PROGRESS, COMPLETED, CANCELED"):
            worklist.change_state(uid, state, desk.transaction)


@pytest.mark.requirement("AIWI-TM-006")
def test_the_transaction_uid_is_in_no_dataset_and_no_event(desk, store, worklist):
    uid = desk.workitem_in("IN PROGRESS")
    worklist.update(uid, {"00081195": {"vr": "UI", "Value": [desk.transaction]}}, desk.transaction)
    page = worklist.search({}, 10)
    everything = repr([worklist.retrieve(uid), page, store.events_after(0), store.find(uid)])
    assert desk.transaction not in everything
    with pytest.raises(Exception, match="cannot be searched"):
        worklist.search({"TransactionUID": desk.transaction}, 10)
