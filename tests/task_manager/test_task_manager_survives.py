"""kill -9 of a real Task Manager at each of its named steps loses nothing that was acknowledged."""

import json
import signal
import threading
from datetime import UTC, datetime

import httpx
import pytest

from actors.task_manager.steps import Step
from connectathon.waiting import eventually
from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid


@pytest.mark.requirement("AIWI-TM-021")
def test_of_many_claims_over_http_one_wins_and_none_is_a_server_error(task_manager):
    uid = task_manager.create()
    barrier, answers = threading.Barrier(8), []

    def claim():
        with httpx.Client(base_url=task_manager.base) as client:
            barrier.wait()
            body = [
                {"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}, "00081195": {"vr": "UI", "Value": [new_uid()]}}
            ]
            answer = client.put(
                f"/workitems/{uid}/state", content=json.dumps(body), headers={"Content-Type": "application/dicom+json"}
            )
            answers.append(answer.status_code)

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7


@pytest.mark.parametrize("step", list(Step))
def test_what_was_acknowledged_is_there_after_a_kill_at(step, mortal_task_manager):
    manager = mortal_task_manager.start()
    transaction = new_uid()
    kept = [manager.create() for _ in range(3)]
    manager.change_state(kept[0], "IN PROGRESS", transaction)
    (manager.kill_points / str(step)).touch()
    uid = new_uid()
    try:
        answered = manager.post("/workitems", new_workitem(now=datetime.now(UTC)), uid).status_code == 201
    except httpx.TransportError:
        answered = False
    assert manager.process.wait(60) == -signal.SIGKILL
    manager.start()
    assert [manager.state(one) for one in kept] == ["IN PROGRESS", "SCHEDULED", "SCHEDULED"]
    there = manager.http.get(f"/workitems/{uid}").status_code == 200
    assert there or not answered
    if step is Step.REQUEST_TAKEN:
        assert not there
    # the client sends the same again, as it must when it got no answer
    assert manager.post("/workitems", new_workitem(now=datetime.now(UTC)), uid).status_code == (409 if there else 201)
    assert manager.post(f"/workitems/{kept[0]}", performed(datetime.now(UTC)), transaction).status_code == 200
    assert manager.change_state(kept[0], "COMPLETED", transaction).status_code == 200
    eventually(lambda: _creations(manager, uid) == 1, what="the event of the creation to be reported, once")


def _creations(manager, uid):
    return sum(uid in message and "AIX101" in message for message in manager.spooled())


def test_a_read_only_data_directory_and_a_port_in_use_are_told_at_start(mortal_task_manager, task_manager):
    port, mortal_task_manager.port = mortal_task_manager.port, task_manager.port
    assert mortal_task_manager.launch().process.wait(60) == 1
    assert str(task_manager.port) in mortal_task_manager.log.read_text()
    mortal_task_manager.port = port
    directory = mortal_task_manager.data_dir / "task_manager"
    directory.mkdir(exist_ok=True)
    directory.chmod(0o500)
    assert mortal_task_manager.launch().process.wait(60) == 1
    said = mortal_task_manager.log.read_text()
    directory.chmod(0o700)
    assert "cannot be" in said.splitlines()[-1]
    assert "Traceback" not in said
