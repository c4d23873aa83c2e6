"""Subtasks that are themselves pushed, over a real Task Manager (AIW-I 50.4.1.6, 50.4.2.3; aiw-i.md 6.3, 7)."""

import secrets
import signal
from datetime import UTC, datetime

import pytest

from connectathon.waiting import eventually
from connectathon.workitems import new_workitem, performed
from profiles.dicom import Code, get_code, item, items, new_uid, put_codes, text
from workitems.pipelines import COPY
from workitems.subtasks import child_uid

pytestmark = pytest.mark.requirement("AIWI-TM-086")


@pytest.mark.requirement("AIWI-TM-081")
def test_a_step_whose_station_is_pushed_to_is_done_there_and_the_whole_follows_though_the_manager_is_killed(
    mortal_task_manager, task_manager
):
    station, manager, performer = f"AI{secrets.token_hex(4)}", mortal_task_manager, task_manager
    manager.settings = {
        "peers": {station: {"push_url": performer.base}},
        "assignments": [{"workitem_code": "INFER^99TEST", "stations": [station]}],
        "pipelines": [
            {
                "workitem_code": "WHOLE^99TEST",
                "steps": [{"name": "inference", "workitem_code": "INFER^99TEST", "label": "Inference"}],
            }
        ],
        "contract_seconds": 0.2,
    }
    manager.start()
    whole = put_codes(
        new_workitem(now=datetime.now(UTC)), "ScheduledWorkitemCodeSequence", Code("WHOLE", "99TEST", "W")
    )
    uid = manager.create(whole)
    step = child_uid(uid, "inference", 1)
    copy = child_uid(step, COPY, 1)
    eventually(lambda: performer.http.get(f"/workitems/{copy}").status_code == 200, what="the copy of the step")
    manager.stop(signal.SIGKILL)
    transaction = new_uid()
    assert performer.change_state(copy, "IN PROGRESS", transaction).status_code == 200
    assert performer.post(f"/workitems/{copy}", performed(datetime.now(UTC)), transaction).status_code == 200
    assert performer.change_state(copy, "COMPLETED", transaction).status_code == 200
    manager.start()
    eventually(lambda: manager.state(uid) == "COMPLETED", what="the whole to be completed")
    assert manager.state(step) == "COMPLETED"


STEP = {"name": "brain", "workitem_code": "BRAIN^99TEST", "label": "Brain extraction", "shared": True}
WITH_A_JOIN = {
    "workitem_code": "JOINED^99TEST",
    "steps": [
        STEP,
        {"name": "lesions", "workitem_code": "LESIONS^99TEST", "label": "Lesions", "after": ["brain"]},
        {"name": "volumes", "workitem_code": "VOLUMES^99TEST", "label": "Volumes", "after": ["brain"]},
        {"name": "report", "workitem_code": "REPORT^99TEST", "label": "Report", "after": ["lesions", "volumes"]},
    ],
}
WITH_A_STEP_THAT_MAY_FAIL = {
    "workitem_code": "LENIENT^99TEST",
    "steps": [
        STEP,
        {
            "name": "extra",
            "workitem_code": "EXTRA^99TEST",
            "label": "Extra",
            "after": ["brain"],
            "on_failure": "continue",
        },
        {"name": "change", "workitem_code": "CHANGE^99TEST", "label": "Change", "after": ["brain"]},
    ],
}
FATAL = {
    "workitem_code": "FATAL^99TEST",
    "steps": [
        {"name": "first", "workitem_code": "FIRST^99TEST", "label": "First"},
        {"name": "second", "workitem_code": "SECOND^99TEST", "label": "Second"},
    ],
}
REASON = "ProcedureStepDiscontinuationReasonCodeSequence"


class Performer:
    """Does steps, named by parent and step, at a Task Manager."""

    def __init__(self, manager):
        self.manager = manager

    def awaits(self, parent, step):
        child = child_uid(parent, step, 1)
        found = f"/workitems/{child}"
        eventually(lambda: self.manager.http.get(found).status_code == 200, what=f"the step {step}")
        return child

    def begins(self, parent, step):
        child, transaction = self.awaits(parent, step), new_uid()
        assert self.manager.change_state(child, "IN PROGRESS", transaction).status_code == 200
        return child, transaction

    def does(self, parent, step):
        child, transaction = self.begins(parent, step)
        assert self.manager.post(f"/workitems/{child}", performed(datetime.now(UTC)), transaction).status_code == 200
        assert self.manager.change_state(child, "COMPLETED", transaction).status_code == 200

    def gives_up(self, parent, step):
        child, transaction = self.begins(parent, step)
        why = put_codes({}, REASON, Code("110521", "DCM", "Objects incorrectly formatted"))
        update = {"00741002": {"vr": "SQ", "Value": [why]}}
        assert self.manager.post(f"/workitems/{child}", update, transaction).status_code == 200
        assert self.manager.change_state(child, "CANCELED", transaction).status_code == 200

    def ends(self, parent):
        eventually(lambda: self.manager.state(parent) in {"COMPLETED", "CANCELED"}, what="the end of the whole")
        return self.manager.state(parent)


def test_pipelines_with_a_common_step_a_join_and_steps_that_fail_are_driven_to_their_ends(mortal_task_manager):
    manager, performer = mortal_task_manager, Performer(mortal_task_manager)
    manager.settings = {"pipelines": [WITH_A_JOIN, WITH_A_STEP_THAT_MAY_FAIL, FATAL], "contract_seconds": 0.2}
    manager.start()
    study = new_workitem(now=datetime.now(UTC))

    def create(code):
        return manager.create(put_codes(study, "ScheduledWorkitemCodeSequence", Code(code, "99TEST", code)))

    joined = create("JOINED")
    performer.awaits(joined, "brain")
    lenient, fatal = create("LENIENT"), create("FATAL")
    performer.awaits(fatal, "first")  # engaged after the others
    performer.does(joined, "brain")
    performer.gives_up(fatal, "second")
    performer.does(joined, "volumes")
    performer.gives_up(lenient, "extra")
    performer.does(lenient, "change")
    performer.does(joined, "lesions")
    performer.does(joined, "report")
    assert [performer.ends(uid) for uid in (joined, lenient, fatal)] == ["COMPLETED", "COMPLETED", "CANCELED"]
    assert manager.state(child_uid(fatal, "first", 1)) == "CANCELED"
    reason = get_code(item(manager.retrieve(fatal), "ProcedureStepProgressInformationSequence"), REASON)
    assert reason.value == "110521"
    brains = manager.http.get("/workitems", params={"ScheduledWorkitemCodeSequence.CodeValue": "BRAIN"}).json()
    assert [text(one, "SOPInstanceUID") for one in brains] == [child_uid(joined, "brain", 1)]
    ended = item(manager.retrieve(lenient), "UnifiedProcedureStepPerformedProcedureSequence")
    assert text(items(ended, "PerformedWorkitemCodeSequence")[0], "CodeValue") == "LENIENT"
