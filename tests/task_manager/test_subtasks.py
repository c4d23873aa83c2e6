"""Subtasks that are themselves pushed, over a real Task Manager (AIW-I 50.4.1.6, 50.4.2.3; aiw-i.md 6.3, 7)."""

import secrets
import signal
from datetime import UTC, datetime

import pytest

from connectathon.waiting import eventually
from connectathon.workitems import new_workitem, performed
from profiles.dicom import Code, new_uid, put_codes
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
