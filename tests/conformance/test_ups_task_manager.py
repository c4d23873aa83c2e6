"""What our own Task Manager answers and reports, from creation to the end, gives no finding."""

import json

import httpx
import pytest

from conformance import check
from conformance.ups import check_workitem
from connectathon.bad_peers.running import running
from connectathon.subscriber import Subscriber
from connectathon.waiting import eventually, free_port
from tests.conformance.ups_good import PERFORMED, cancel_request, claim, created, drop, item, performed, put, updated

JSON, XML = "application/dicom+json", "application/dicom+xml"
WORKLIST = "1.2.840.10008.5.1.4.34.5"


class Worklist:
    """Our Task Manager as a client sees it."""

    def __init__(self, address):
        self.http = httpx.Client(base_url=address, headers={"Accept": JSON, "Content-Type": JSON}, timeout=60)

    def ask(self, method, path, dataset=None):
        content = None if dataset is None else json.dumps([dataset])
        answer = self.http.request(method, path, content=content)
        assert answer.is_success, answer.text
        return answer

    def create(self, dataset):
        return self.ask("POST", "/workitems", dataset).headers["Location"].rsplit("/", 1)[1]

    def change(self, uid, state):
        dataset = claim()
        put(dataset, "ProcedureStepState", state)
        self.ask("PUT", f"/workitems/{uid}/state", dataset)

    def update(self, uid, dataset):
        self.ask("POST", f"/workitems/{uid}?transaction-uid=2.25.99", dataset)

    def stored(self, uid):
        return self.ask("GET", f"/workitems/{uid}").json()[0]


@pytest.fixture(scope="module")
def worklist(tmp_path_factory):
    port = free_port()
    with running("task_manager", tmp_path_factory.mktemp("manager") / "data", port=port):
        found = Worklist(f"http://127.0.0.1:{port}/ups-rs")
        with found.http:
            yield found


@pytest.mark.requirement("AIWI-TM-013", "AIWI-TM-014", "AIWI-TM-055", "AIWI-TM-067")
def test_a_whole_life_gives_no_finding(worklist):
    answer = worklist.ask("POST", f"/workitems/{WORKLIST}/subscribers/WATCHER")
    judged = []

    def judge(moment, dataset):
        judged.extend(check_workitem(dataset, moment, moment))

    with Subscriber(answer.headers["Content-Location"]) as watcher:
        done, gone, refused = (worklist.create(created()) for _ in range(3))
        judge("stored", worklist.stored(done))
        for uid in (done, gone):
            worklist.change(uid, "IN PROGRESS")
            worklist.update(uid, updated())
            judge("stored", worklist.stored(uid))
        worklist.update(done, performed())
        worklist.change(done, "COMPLETED")
        worklist.change(gone, "CANCELED")
        worklist.ask("POST", f"/workitems/{refused}/cancelrequest", cancel_request())
        for uid in (done, gone, refused):
            judge("stored", worklist.stored(uid))
        for found in worklist.ask("GET", "/workitems").json():
            judge("found", found)
        eventually(lambda: watcher.states(refused)[-1:] == ["CANCELED"], what="the last report")
        for report in watcher.reports:
            judge("event", report)
    assert not judged
    assert {kind for _, kind in watcher.told()} == {1, 3, 5}


def test_what_it_answers_in_xml_is_as_right(worklist, tmp_path):
    uid = worklist.create(created())
    answer = worklist.http.get(f"/workitems/{uid}", headers={"Accept": XML})
    assert answer.headers["Content-Type"].startswith(XML)
    (tmp_path / "workitem.xml").write_bytes(answer.content)
    assert check("ups", [tmp_path]) == []


@pytest.mark.requirement("UPS-FINAL-P", "UPS-CREATE-TYPE1")
def test_what_it_refuses_the_judge_does_not_let_pass(worklist):
    """Two independent readings of the table agree on what is bad."""
    unfinished = performed()
    drop(item(unfinished, PERFORMED), "PerformedProcedureStepEndDateTime")
    uid = worklist.create(created())
    worklist.change(uid, "IN PROGRESS")
    worklist.update(uid, unfinished)
    refused = worklist.http.put(
        f"/workitems/{uid}/state",
        content=json.dumps([{**claim(), "00741000": {"vr": "CS", "Value": ["COMPLETED"]}}]),
    )
    assert refused.is_client_error
    assert {one.rule for one in check_workitem(worklist.stored(uid), "completed", "x")} == {"UPS-FINAL-P"}
