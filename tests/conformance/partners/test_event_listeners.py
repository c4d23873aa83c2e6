"""Listeners for event reports keep what comes, and end in bounded time and size whatever the system does."""

import json
import threading
from contextlib import contextmanager

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_role
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from conformance.harness import Verdict
from conformance.harness.declaration import Limits
from conformance.partners import reports
from conformance.partners.channel import Channel
from conformance.partners.event_scp import EventScp
from conformance.partners.reports import EVENT, PUSH, Kind, Received, Report, read
from connectathon.waiting import free_port
from tests.conformance.harness.conftest import peer, read_request

UID = "2.25.111"


def frame(kind=1, **extra):
    told = {
        "00000002": {"vr": "UI", "Value": [PUSH]},
        "00001000": {"vr": "UI", "Value": [UID]},
        "00001002": {"vr": "US", "Value": [kind]},
        "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
    }
    return json.dumps({**told, **extra})


@contextmanager
def server(conversation):
    """A WebSocket server that holds a conversation with whoever comes."""

    def handle(connection):
        try:
            conversation(connection)
        except ConnectionClosed:
            return

    port = free_port()
    with serve(handle, "127.0.0.1", port, compression=None) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{port}/subscribers/HARNESS"
        finally:
            serving.shutdown()
            thread.join()


def listening(url, wanted, **channel):
    """The body of a test that waits for something to come over a channel."""

    def body(trial, _stage):
        found = wanted(Channel(trial, url, **channel).received)
        trial.must(found, "it comes", "", [one.evidence for one in found])

    return body


def test_each_frame_is_a_report_and_evidence(judged):
    def talks(connection):
        connection.send(frame())
        connection.send([frame(5)[:20], frame(5)[20:]])  # in fragments
        connection.send(frame(3).encode())
        connection.send("hello")
        connection.recv()

    seen = []

    def body(trial, _stage):
        channel = Channel(trial, url)
        channel.received.wait("", count=1)
        seen.extend(channel.received.all)
        trial.must(channel.received.states(UID) == ["SCHEDULED"], "one State Report", "", channel.received.evidence)

    with server(talks) as url:
        result = judged(body)
    assert result.verdict is Verdict.PASS, result.tests[0].broken
    assert [(one.kind, one.is_text) for one in seen] == [(1, True), (5, True), (3, False), (0, True)]
    assert [one.words for one in seen] == [
        "STATE SCHEDULED",
        "ASSIGNED SCHEDULED",
        "PROGRESS SCHEDULED",
        "event type 0",
    ]
    kinds = [item.kind for item in judged.evidence.items]
    assert kinds == ["websocket"] * 5  # the opening too


def test_a_connection_that_the_system_closes_ends_the_wait_and_fails_it(judged):
    with server(lambda connection: connection.send(frame())) as url:
        result = judged(listening(url, lambda received: received.wait(UID, count=2)))
    assert result.tests[0].verdict is Verdict.FAIL
    assert "was closed" in result.tests[0].broken[0].found


def test_a_dropped_connection_can_be_opened_again(judged):
    def talks(connection):
        connection.send(frame())
        connection.recv()

    def body(trial, _stage):
        first = Channel(trial, url)
        first.received.wait(UID)
        first.drop()
        trial.must(Channel(trial, url).received.wait(UID), "it comes again")

    with server(talks) as url:
        assert judged(body).verdict is Verdict.PASS


def test_a_slow_subscriber_reads_nothing(judged):
    came = []

    def talks(connection):
        connection.send(frame())
        came.append(connection)
        connection.recv()

    def body(trial, _stage):
        slow = Channel(trial, url, listens=False)
        trial.require(trial.wait_for(lambda: came), "the system has sent")
        trial.must(not slow.received.all, "nothing is read")

    with server(talks) as url:
        assert judged(body).verdict is Verdict.PASS


def floods(connection):
    while True:
        connection.send(frame())


def sends_a_huge_frame(connection):
    connection.send(" " * 3_000_000)
    connection.recv()


@pytest.mark.parametrize("conversation", [floods, sends_a_huge_frame])
def test_a_system_that_floods_fails_in_bounded_size(judged, monkeypatch, conversation):
    monkeypatch.setattr(reports, "MOST", 50)
    with server(conversation) as url:
        wait = listening(url, lambda received: received.wait("2.25.9"))
        result = judged(wait, limits=Limits(answer_seconds=5, reaction_seconds=20, answer_bytes=2_000_000))
    assert result.tests[0].verdict is Verdict.FAIL, result.tests[0].reason
    assert sum(path.stat().st_size for path in judged.evidence.folder.rglob("*")) < 1_000_000


def hangs(connection):
    read_request(connection)
    connection.recv(1)


def refuses(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("conversation", [hangs, refuses])
def test_a_connection_that_cannot_be_opened_fails_the_system(judged, conversation):
    with peer(conversation) as address:
        body = listening(address.replace("http", "ws"), lambda received: received.all)
        result = judged(body, limits=Limits(answer_seconds=0.3))
    assert result.tests[0].verdict is Verdict.FAIL
    assert result.tests[0].broken[0].evidence


def test_an_address_that_is_none_fails_the_system(judged):
    result = judged(listening("http://127.0.0.1/x", lambda received: received.all))
    assert result.tests[0].verdict is Verdict.FAIL


def test_what_does_not_come_is_not_waited_for_longer_than_declared(judged):
    with server(lambda connection: connection.recv()) as url:
        wait = listening(url, lambda received: received.wait(UID))
        result = judged(wait, limits=Limits(reaction_seconds=0.05))
    assert result.tests[0].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("content", "expected"),
    [("[{}]", {}), ('[{"a": 1}]', {"a": 1}), ("[1, 2]", {}), ("3", {}), ("{", {}), (b"\xff", {}), ("[" * 100_000, {})],
)
def test_a_frame_is_an_object_or_an_array_of_one(content, expected):
    assert read(content) == expected


def test_an_attribute_without_a_value_has_none():
    odd = Report({"00001002": {"vr": "US", "Value": []}, "00741000": "READY", "00404041": {"vr": "CS"}})
    assert (odd.kind, odd.state, odd.value("00404041"), odd.workitem) == (0, "", None, "")


@contextmanager
def sender(port, called, contexts=(EVENT,)):
    entity = AE(ae_title="MANAGER")
    for one in contexts:
        entity.add_requested_context(one, ExplicitVRLittleEndian)
    roles = [build_role(one, scp_role=True) for one in contexts]
    association = entity.associate("127.0.0.1", port, ae_title=called, ext_neg=roles)
    assert association.is_established
    try:
        yield association
    finally:
        association.release()


def state_report(state="IN PROGRESS"):
    information = Dataset()
    information.ProcedureStepState = state
    return information


def test_reports_over_dimse_are_kept_for_the_title_that_was_called(judged):
    scp = EventScp("127.0.0.1", port := free_port())
    seen = {}

    def body(trial, _stage):
        scp.begin(trial)
        inbox = scp.inbox("WATCHER")
        with sender(port, "WATCHER") as association:
            association.send_n_event_report(state_report(), 1, PUSH, UID, meta_uid=EVENT)
        with sender(port, "OTHER") as association:
            association.send_n_event_report(None, 2, PUSH, UID, meta_uid=EVENT)
        [report] = inbox.wait(UID, kind=Kind.STATE)
        seen.update(report=report, other=scp.inbox("OTHER").all)
        trial.must(report.state == "IN PROGRESS", "it says the state", report.words, report.evidence)
        scp.end()

    try:
        result = judged(body)
        with sender(port, "WATCHER") as association:
            status, _ = association.send_n_event_report(state_report(), 1, PUSH, UID, meta_uid=EVENT)
        assert status.Status == 0
        with pytest.raises(RuntimeError):
            scp.inbox("WATCHER")
    finally:
        scp.close()
    assert result.verdict is Verdict.PASS, result.tests[0].broken
    assert (seen["report"].context, seen["report"].value("00000002")) == (EVENT, PUSH)
    assert [one.kind for one in seen["other"]] == [Kind.CANCEL_REQUESTED]
    assert [item.kind for item in judged.evidence.items] == ["dimse"] * 2


def test_a_report_that_cannot_be_read_is_refused_and_kept(judged, monkeypatch):
    scp = EventScp("127.0.0.1", port := free_port())
    broken = state_report()
    broken.SpecificCharacterSet = "ISO_IR 192"
    monkeypatch.setattr(Dataset, "to_json_dict", lambda self: 1 / 0)

    def body(trial, _stage):
        scp.begin(trial)
        with sender(port, "WATCHER") as association:
            status, _ = association.send_n_event_report(broken, 1, PUSH, UID, meta_uid=EVENT)
        [report] = scp.inbox("WATCHER").wait(UID)
        trial.must(status.Status == 0x0110 and not report.state, "it is refused", "", report.evidence)

    try:
        assert judged(body).verdict is Verdict.PASS
    finally:
        scp.close()


def test_received_reports_are_told_apart_by_workitem_and_type(judged):
    def body(trial, _stage):
        received = Received(trial)
        for kind in (1, 3, 1):
            received.add(Report(json.loads(frame(kind)), f"e{kind}"), 100)
        trial.must(len(received.of(UID)) == 3 and len(received.of(UID, "2.25.9", kind=3)) == 1, "they are")
        trial.must(received.of("2.25.9") == [] and received.evidence == ["e1", "e3", "e1"], "they are")

    assert judged(body).verdict is Verdict.PASS
