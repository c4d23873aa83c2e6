"""A workitem is told in words: why it waits, who works on it, why it ended."""

from datetime import UTC, datetime, timedelta

import pytest

from actors.watcher.board import Filters, board
from actors.watcher.workitem import WorkitemView, situation, without_lock
from profiles.dicom import Code, dicom_datetime, put, put_codes, put_items

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATE = 900


def workitem(state="SCHEDULED", *, minutes_ago=1.0, readiness="READY", **values):
    found = {}
    put(found, "SOPInstanceUID", values.get("uid", "2.25.1"))
    put(found, "ProcedureStepState", state)
    put(found, "InputReadinessState", readiness)
    put(found, "ScheduledProcedureStepStartDateTime", dicom_datetime(NOW - timedelta(minutes=minutes_ago)))
    put_codes(found, "ScheduledWorkitemCodeSequence", Code("BE", "99X", "Brain extraction"))
    if "label" in values:
        put(found, "WorklistLabel", values["label"])
    return found


def told(found):
    return situation(WorkitemView.read(found), NOW, LATE)


def test_a_scheduled_workitem_waits_for_any_performer_or_for_the_named_one():
    assert told(workitem()) == "Waits for 1 min for a performer that offers this procedure to claim it."
    assigned = put_codes(workitem(), "ScheduledStationNameCodeSequence", Code("AI1", "L", "Head scanner AI"))
    assert "for Head scanner AI to claim it" in told(assigned)


def test_a_workitem_whose_input_is_not_ready_says_so():
    assert told(workitem(readiness="INCOMPLETE")) == "Waits for its input, which is INCOMPLETE."


def test_a_workitem_that_nobody_claims_for_long_is_called_late():
    assert "That is late" in told(workitem(minutes_ago=16))
    assert "late" not in told(workitem(minutes_ago=14))


def test_a_workitem_of_the_future_says_when_it_is_to_start():
    assert told(workitem(minutes_ago=-10)) == "It is to start in 10 min 00 s."


def test_a_completed_workitem_names_its_performer_and_how_long_it_took():
    performed = {}
    put_codes(performed, "PerformedStationNameCodeSequence", Code("AI1", "L", "AI one"))
    put(performed, "PerformedProcedureStepStartDateTime", dicom_datetime(NOW))
    put(performed, "PerformedProcedureStepEndDateTime", dicom_datetime(NOW + timedelta(seconds=8.5)))
    found = put_items(workitem("COMPLETED"), "UnifiedProcedureStepPerformedProcedureSequence", performed)
    assert told(found) == "Done by AI1 in 8.5 s."


def test_a_canceled_workitem_gives_its_coded_reason_and_its_words():
    progress = {}
    put_codes(
        progress,
        "ProcedureStepDiscontinuationReasonCodeSequence",
        Code("110523", "DCM", "Object Set incomplete"),
    )
    put(progress, "ReasonForCancellation", "only 3 slices")
    found = put_items(workitem("CANCELED"), "ProcedureStepProgressInformationSequence", progress)
    assert told(found) == "Canceled: Object Set incomplete; only 3 slices."


@pytest.mark.parametrize("state", ["SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED", "", "SOMETHING"])
def test_an_empty_workitem_in_any_state_is_no_crash(state):
    assert told(put({}, "ProcedureStepState", state)).endswith(".")


@pytest.mark.parametrize(
    "keyword", ["ProcedureStepProgress", "ProcedureStepProgressDescription", "ReasonForCancellation"]
)
def test_odd_values_of_progress_are_no_crash(keyword):
    found = put_items(
        workitem("IN PROGRESS"), "ProcedureStepProgressInformationSequence", put({}, keyword, "not a number")
    )
    assert told(found)


def test_a_transaction_uid_that_a_server_discloses_is_not_shown():
    assert "TransactionUID" not in str(without_lock(put({}, "TransactionUID", "1.2.3")))
    assert without_lock(put({}, "TransactionUID", "1.2.3")) == {}


class Answers:
    """A worklist of fixed workitems that remembers what it was asked."""

    def __init__(self, *workitems):
        self.workitems, self.asked = workitems, []

    def search(self, matches, limit, fields):
        self.asked.append(dict(matches))
        return [one for one in self.workitems if WorkitemView.read(one).state == matches["ProcedureStepState"]][:limit]


def test_the_board_counts_every_state_and_puts_work_before_waiting_before_done():
    worklist = Answers(
        workitem("COMPLETED", uid="2.25.1"),
        workitem("SCHEDULED", uid="2.25.2", minutes_ago=5),
        workitem("IN PROGRESS", uid="2.25.3"),
        workitem("SCHEDULED", uid="2.25.4", minutes_ago=30),
    )
    found = board(worklist, Filters(), NOW, LATE)
    assert [one.uid for one in found.rows] == ["2.25.3", "2.25.2", "2.25.4", "2.25.1"]
    assert found.counts == {"SCHEDULED": 2, "IN PROGRESS": 1, "COMPLETED": 1, "CANCELED": 0}
    assert found.late == 1


def test_a_chosen_state_filters_rows_but_not_counts():
    found = board(Answers(workitem("COMPLETED"), workitem("SCHEDULED")), Filters(state="COMPLETED"), NOW, LATE)
    assert [one.state for one in found.rows] == ["COMPLETED"]
    assert found.counts["SCHEDULED"] == 1


@pytest.mark.requirement("AIWI-TM-003")
def test_filters_become_matching_keys_of_the_search():
    worklist = Answers()
    board(worklist, Filters(label="AI", engine="BE", priority="HIGH", age="hour"), NOW, LATE)
    assert worklist.asked[0] == {
        "ProcedureStepState": "SCHEDULED",
        "WorklistLabel": "AI",
        "ScheduledWorkitemCodeSequence.CodeValue": "BE",
        "ScheduledProcedureStepPriority": "HIGH",
        "ScheduledProcedureStepStartDateTime": "20261124110000.000000+0000-",
    }


def test_a_chosen_filter_stays_choosable_when_nothing_matches_it():
    found = board(Answers(), Filters(label="AI", engine="BE"), NOW, LATE)
    assert found.labels == ("AI",)
    assert found.engines == (("BE", "BE"),)
