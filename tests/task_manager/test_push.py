"""Push over real Task Managers to a UPS-RS service that is not theirs (AIW-I 50.4.2.3; aiw-i.md 6.3; ups.md 13)."""

import secrets
import signal
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectathon.waiting import eventually
from connectathon.workitems import new_workitem, performed
from profiles.dicom import Code, new_uid, put, put_codes, put_items
from workitems.pipelines import COPY
from workitems.subtasks import child_uid

pytestmark = pytest.mark.requirement("AIWI-TM-086")
PROGRESS = "ProcedureStepProgressInformationSequence"


def station():
    """An AE title of one test."""
    return f"AI{secrets.token_hex(4)}"


def workitem_for(ae_title):
    return put_codes(new_workitem(now=datetime.now(UTC)), "ScheduledStationNameCodeSequence", Code(ae_title, "L", "AI"))


def is_there(manager, uid):
    return manager.http.get(f"/workitems/{uid}").status_code == 200


def test_when_the_manager_that_follows_a_copy_is_killed_another_or_the_next_one_goes_on(task_managers, task_manager):
    ae_title, transaction, performer = station(), new_uid(), task_manager
    managers = task_managers(peers={ae_title: {"push_url": performer.base}}, contract_seconds=0.2)
    uid = managers[0].create(workitem_for(ae_title))
    copy = child_uid(uid, COPY, 1)
    eventually(lambda: is_there(performer, copy), what="the copy")
    [owner] = [one for one in managers if any(line["workitem"] == uid for line in one.logged("engaged"))]
    owner.stop(signal.SIGKILL)
    assert performer.change_state(copy, "IN PROGRESS", transaction).status_code == 200
    half = put_items({}, PROGRESS, put({}, "ProcedureStepProgress", 50))
    assert performer.post(f"/workitems/{copy}", half, transaction).status_code == 200
    alive = managers[-1] if managers[-1] is not owner else managers[0]
    if alive is owner:
        alive.start()
    eventually(lambda: _progress(alive, uid) == 50, what="the progress")
    assert alive.state(uid) == "IN PROGRESS"
    assert performer.post(f"/workitems/{copy}", performed(datetime.now(UTC)), transaction).status_code == 200
    assert performer.change_state(copy, "COMPLETED", transaction).status_code == 200
    eventually(lambda: alive.state(uid) == "COMPLETED", what="the workitem to be completed")
    told = "".join(one.log.read_text() for one in managers)
    assert transaction not in told


def _progress(manager, uid):
    [found] = manager.retrieve(uid)["00741002"].get("Value") or [{}]
    return found.get("00741004", {}).get("Value", [0])[0]


def test_a_request_to_cancel_what_the_manager_performs_itself_is_accepted_and_passed_on(
    mortal_task_manager, task_manager
):
    ae_title, performer = station(), task_manager
    manager = mortal_task_manager
    manager.settings = {"peers": {ae_title: {"push_url": performer.base}}, "contract_seconds": 0.2}
    manager.start()
    uid = manager.create(workitem_for(ae_title))
    eventually(lambda: is_there(performer, child_uid(uid, COPY, 1)), what="the copy")
    assert manager.post(f"/workitems/{uid}/cancelrequest", {}).status_code == 202
    eventually(lambda: manager.state(uid) == "CANCELED", what="the workitem to be canceled")
    assert performer.state(child_uid(uid, COPY, 1)) == "CANCELED"


@pytest.mark.requirement("AIWI-TM-065")
def test_what_is_assigned_later_is_pushed_too_and_the_copys_events_tell_of_its_end_without_a_poll(
    mortal_task_manager, task_manager
):
    ae_title, transaction, performer, manager = station(), new_uid(), task_manager, mortal_task_manager
    manager.settings = {"peers": {ae_title: {"push_url": performer.base}}, "contract_seconds": 3600}
    manager.start()
    uid = manager.create()
    assigned = put_codes({}, "ScheduledStationNameCodeSequence", Code(ae_title, "L", "AI"))
    assert manager.post(f"/workitems/{uid}", assigned).status_code == 200
    copy = child_uid(uid, COPY, 1)
    eventually(lambda: is_there(performer, copy), what="the copy")
    assert performer.change_state(copy, "IN PROGRESS", transaction).status_code == 200
    assert performer.post(f"/workitems/{copy}", performed(datetime.now(UTC)), transaction).status_code == 200
    assert performer.change_state(copy, "COMPLETED", transaction).status_code == 200
    eventually(lambda: manager.state(uid) == "COMPLETED", what="the workitem to be completed")
    assert not manager.logged("copy-not-watched")


class Garbage(BaseHTTPRequestHandler):
    """Answers everything with a success that says nothing."""

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        """Nothing."""


def test_a_performer_that_answers_nonsense_keeps_no_other_waiting(mortal_task_manager, task_manager):
    bad, good, manager = station(), station(), mortal_task_manager
    with ThreadingHTTPServer(("127.0.0.1", 0), Garbage) as server:
        threading.Thread(target=server.serve_forever).start()
        urls = {bad: f"http://127.0.0.1:{server.server_address[1]}", good: task_manager.base}
        manager.settings = {"peers": {one: {"push_url": url} for one, url in urls.items()}, "contract_seconds": 0.2}
        manager.start()
        stuck = manager.create(workitem_for(bad))
        eventually(lambda: manager.logged("performer-away"), what="the manager to notice")
        uid = manager.create(workitem_for(good))
        eventually(lambda: is_there(task_manager, child_uid(uid, COPY, 1)), what="the copy")
        server.shutdown()
    assert manager.state(stuck) == "IN PROGRESS"
