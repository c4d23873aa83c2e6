"""Clients that lie, send rubbish or far too much: a clear 4xx, nothing stored, a server that lives on (AIWI-TM-009)."""

import json
import re
import socket
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote

import psutil
import pytest

from actors.shared.ups_face.routes import Limits
from connectathon.waiting import eventually
from connectathon.workitems import new_workitem
from profiles.dicom import new_uid
from tests.contract.http import Service
from workitems.store import Store, sqlite_url

JSON = "application/dicom+json"
TYPE = {"Content-Type": JSON}
GREATEST_GROWTH = 64 * 2**20
HEAD = b"POST /ups-rs/workitems HTTP/1.1\r\nHost: %b\r\nContent-Type: application/dicom+json\r\n"


def workitem():
    return json.dumps([new_workitem(now=datetime.now(UTC))]).encode()


@pytest.fixture
def count(task_manager):
    """How many workitems there are."""

    def found():
        answer = task_manager.http.get("/workitems", params={"limit": 1, "includefield": "SOPInstanceUID"})
        words = answer.headers.get("Warning", "There are 0 additional").split()
        return len(answer.json() if answer.content else []) + int(words[words.index("are") + 1])

    return found


def whole(received):
    """Whether a response has come with its payload."""
    head, end, payload = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return end and len(payload) >= int(length[1] if length else 0)


class Wire:
    """A connection on which anything can be sent."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def send_until_cut_off(self, blocks):
        """Whether the other side closed the connection before all was sent."""
        try:
            for block in blocks:
                self.send(block)
        except (BrokenPipeError, ConnectionResetError):
            return True
        return False

    def answer(self):
        """Status and everything that came with it; 0 when the connection was just closed."""
        received = b""
        with suppress(ConnectionResetError):
            while not whole(received) and (more := self.socket.recv(65536)):
                received += more
        return (int(received.split()[1]) if received else 0), received


@pytest.fixture
def wire(task_manager):
    with Wire(task_manager.port) as connected:
        yield connected


def memory(manager):
    return psutil.Process(manager.process.pid).memory_info().rss


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda: workitem()[:-20], "not JSON"),
        (lambda: workitem().replace(b'"vr": "CS"', b'"vr": NaN', 1), "not JSON"),
        (lambda: workitem().replace(b'"MEDIUM"', b"Infinity"), "not JSON"),
        (lambda: workitem().replace(b'"MEDIUM"', b'"\xff\xfe"'), "not JSON"),
        (lambda: workitem().replace(b'"MEDIUM"', b'"\\ud800"'), "not JSON"),
        (lambda: b"\xef\xbb\xbf" + workitem(), "not JSON"),
        (lambda: workitem().decode().encode("utf-16"), "not JSON"),
        (lambda: workitem().replace(b'{"vr"', b'{"vr": "LO", "vr"', 1), "there twice"),
        (lambda: workitem().replace(b'"00741000":', b'"00741000": {"vr": "CS"}, "00741000":'), "there twice"),
        (lambda: workitem().replace(b'"vr": "CS", "Value": ["MEDIUM"]', b'"Value": ["MEDIUM"]'), "has no vr"),
        (lambda: workitem().replace(b'"vr": "CS"', b'"vr": "SQ"'), "has the vr SQ"),
        (lambda: workitem()[:-1] + b"," + workitem()[1:], "one dataset"),
        (lambda: b"[" * 90_000, "not JSON"),
        (lambda: b"[" + b"[]," * 2**19 + b"[]]", "arrays and objects"),
        (lambda: b"[" * 500 + b"]" * 500, "nested too deeply"),
        (lambda: b"0", "one dataset"),
        (lambda: b"\x00", "not JSON"),
    ],
)
@pytest.mark.requirement("AIWI-TM-009")
def test_json_that_is_none_or_no_dataset_is_refused_and_nothing_is_created(body, words, task_manager, count):
    before = count()
    answer = task_manager.http.post("/workitems", content=body(), headers=TYPE)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert count() == before


@pytest.mark.parametrize("length", [b"Content-Length: 104857600\r\n", b"Content-Length: 99999999999999999999\r\n"])
@pytest.mark.requirement("AIWI-TM-009")
def test_a_payload_that_says_it_is_huge_is_refused_before_it_comes(length, task_manager, wire):
    wire.send(HEAD % b"x", length, b"\r\n", b"[")
    status, received = wire.answer()
    assert status in (400, 413)
    assert b"larger than" in received or status == 400
    assert task_manager.http.get("/workitems").status_code in (200, 204)


@pytest.mark.parametrize("framing", ["chunked", "counted"])
@pytest.mark.requirement("AIWI-TM-009")
def test_100_megabytes_are_refused_without_being_held(framing, task_manager, wire):
    before, most = memory(task_manager), []
    block = b" " * 2**20
    wire.send(HEAD % b"x")
    wire.send(b"Transfer-Encoding: chunked\r\n\r\n" if framing == "chunked" else b"Content-Length: 104857600\r\n\r\n")

    def blocks():
        for _ in range(100):
            yield b"100000\r\n%b\r\n" % block if framing == "chunked" else block
            most.append(memory(task_manager))

    wire.send_until_cut_off(blocks())
    status, received = wire.answer()
    assert status == 413
    assert b"larger than 4194304 bytes" in received
    assert max(most) - before < GREATEST_GROWTH
    assert task_manager.http.get("/workitems").status_code in (200, 204)


@pytest.mark.requirement("AIWI-TM-009")
def test_a_head_without_end_is_cut_off_without_being_held(task_manager, wire):
    before = memory(task_manager)
    wire.send(b"GET /ups-rs/workitems HTTP/1.1\r\n")
    assert wire.send_until_cut_off(b"X-%d: %b\r\n" % (number, b"a" * 2**20) for number in range(200))
    assert memory(task_manager) - before < GREATEST_GROWTH
    assert task_manager.http.get("/workitems").status_code in (200, 204)


@pytest.mark.requirement("AIWI-TM-009")
@pytest.mark.parametrize("parts", [1, 2, 9])
def test_a_head_that_is_just_too_large_is_told_so_however_it_arrives(task_manager, wire, parts):
    lines = [b"GET /ups-rs/workitems HTTP/1.1\r\nHost: x\r\n"]
    lines += [b"X-%d: %b\r\n" % (number, b"a" * 8000) for number in range(9)]
    for part in range(parts):
        wire.send(b"".join(lines[part * len(lines) // parts : (part + 1) * len(lines) // parts]))
        eventually(lambda: task_manager.http.get("/workitems").status_code in (200, 204), what="the server")
    wire.send(b"\r\n")
    status, received = wire.answer()
    assert status == 400
    assert b"larger than 64 KiB" in received


@pytest.mark.requirement("AIWI-TM-009")
def test_a_client_that_leaves_before_its_payload_is_whole_changes_nothing(task_manager, count):
    before, body = count(), workitem()
    with Wire(task_manager.port) as leaving:
        leaving.send(HEAD % b"x", b"Content-Length: %d\r\n\r\n" % (len(body) + 1), body)
    with Wire(task_manager.port) as leaving:
        leaving.send(HEAD % b"x", b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body), body)
    assert task_manager.create()
    assert count() == before + 1


@pytest.mark.requirement("AIWI-TM-009")
def test_a_payload_that_does_not_come_is_not_waited_for_for_ever(tmp_path):
    store = Store(sqlite_url(tmp_path / "workitems.sqlite"))
    with Service(store, limits=Limits(body_seconds=0.2)) as service, Wire(service.port) as slow:
        slow.send(HEAD % b"x", b"Content-Length: 5000\r\n\r\n[")
        status, received = slow.answer()
        assert status == 408
        assert b"Content-Length" in received
        assert service.refused == ["payload-not-received"]
        assert service.http.get("/workitems").status_code == 204
    store.close()


@pytest.mark.requirement("AIWI-TM-009")
def test_a_content_length_that_is_too_short_leaves_no_whole_payload(task_manager, wire, count):
    before, body = count(), workitem()
    wire.send(HEAD % b"x", b"Content-Length: 100\r\n\r\n", body)
    status, _ = wire.answer()
    assert status == 400
    assert count() == before


@pytest.mark.requirement("AIWI-TM-009")
@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: x\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
    ],
)
def test_framing_that_contradicts_itself_is_refused(lines, task_manager, wire, count):
    before = count()
    wire.send(HEAD % b"x", lines, b"\r\n", b"0\r\n\r\n")
    status, _ = wire.answer()
    assert 400 <= status < 500
    assert count() == before


@pytest.mark.parametrize(
    "host", [b"", b"evil/path?x=", b"a b", b"\xff\xfe", b"x" * 300 + b"@y", b"x:999999", b"127.0.0.1,evil"]
)
@pytest.mark.requirement("AIWI-TM-001", "AIWI-TM-009")
def test_a_host_that_is_none_is_not_repeated_in_what_is_answered(host, task_manager, wire):
    body = workitem()
    wire.send(HEAD % host, b"Content-Length: %d\r\n\r\n" % len(body), body)
    status, received = wire.answer()
    assert status == 201
    assert f"location: http://127.0.0.1:{task_manager.port}/ups-rs/workitems/".encode() in received


UNKNOWN = ["/workitems/{}", "/workitems/{}/state", "/workitems/{}/cancelrequest", "/workitems/{}/subscribers/W1"]
METHODS = {"/workitems/{}": "GET", "/workitems/{}/state": "PUT"}


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("uid", ["nonsense", "1..2", "1" * 65, "1.2%00", "%F0%9F%92%A9", "%FF", "1.2;drop", "٣"])
@pytest.mark.requirement("AIWI-TM-015")
def test_what_is_no_uid_is_refused_with_the_reason(path, uid, task_manager):
    transaction = {"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}, "00081195": {"vr": "UI", "Value": ["1.2"]}}
    content = json.dumps([transaction]) if path.endswith("state") else None
    method = METHODS.get(path, "POST")
    answer = task_manager.http.request(method, path.format(uid), content=content, headers=TYPE if content else None)
    assert answer.status_code in (400, 404)
    if answer.status_code == 400:
        assert "no UID" in answer.json()["message"]


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.requirement("AIWI-TM-015", "AIWI-TM-025", "AIWI-TM-034", "AIWI-TM-071")
def test_a_uid_of_no_workitem_is_not_found(path, task_manager):
    wanted = {"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}, "00081195": {"vr": "UI", "Value": ["1.2"]}}
    content = json.dumps([wanted]) if path.endswith("state") else None
    method = METHODS.get(path, "POST")
    path = path.format(new_uid())
    answer = task_manager.http.request(method, path, content=content, headers=TYPE if content else None)
    assert answer.status_code == 404
    assert answer.json()["error"] == "no-such-workitem"


@pytest.mark.parametrize(
    "accept",
    ["," * 30_000, '"' * 30_000, "*/*;" * 10_000, "a/b;q=" * 5_000, "é", "multipart/related;type=" + "x" * 9_000],
)
@pytest.mark.requirement("AIWI-TM-016")
def test_an_accept_header_of_rubbish_is_not_acceptable(accept, task_manager):
    uid = task_manager.create()
    answer = task_manager.http.get(f"/workitems/{uid}", headers={"Accept": accept.encode("latin-1")})
    assert answer.status_code in (200, 406)


@pytest.mark.requirement("AIWI-TM-009")
def test_memory_is_given_back_after_many_payloads_of_rubbish(task_manager):
    before = memory(task_manager)
    bodies = [b"[" + b"[]," * 2**19 + b"[]]", b"[" + b"[]," * 2**15 + b"[]]", b'"' + b"x" * 2**21 + b'"']
    for body in bodies * 10:
        assert task_manager.http.post("/workitems", content=body, headers=TYPE).status_code == 400
    assert memory(task_manager) - before < GREATEST_GROWTH


ODD = ["\x00", "\ud800", "\uffff", "\U0010ffff", "x" * 100_000, "'; DROP TABLE workitem; --", "%00", "\\", "[", "1e400"]
INDEXED = [
    "WorklistLabel",
    "PatientID",
    "ScheduledStationNameCodeSequence.CodeValue",
    "PatientName",
    "StudyInstanceUID",
]
MOMENTS = ["00000000", "99999999", "-", "--", "20260101-20250101", "2026-13", "99991231235959-", "-00010101", "+9999"]


def text_of(value):
    return json.dumps(value).encode()


@pytest.mark.requirement("AIWI-TM-009", "AIWI-TM-015", "AIWI-TM-057")
def test_no_value_is_a_server_error_on_any_database(task_managers):
    manager, *_ = task_managers()
    http, uid = manager.http, manager.create()
    answers = []
    for odd in ODD:
        for text in (b'"MEDIUM"', b'"BRAIN"', b'"Brain segmentation"', b'"BRAINSEG"'):
            sent = workitem().replace(text, text_of(odd))
            answers.append(http.post("/workitems", content=sent, headers=TYPE))
        wanted = [{"00741000": {"vr": "CS", "Value": [odd]}, "00081195": {"vr": "UI", "Value": [odd]}}]
        answers.append(http.put(f"/workitems/{uid}/state", content=text_of(wanted), headers=TYPE))
        details = [{"00741238": {"vr": "LT", "Value": [odd]}}]
        answers.append(http.post(f"/workitems/{new_uid()}/cancelrequest", content=text_of(details), headers=TYPE))
        value = quote(odd[:5000], errors="surrogatepass")
        answers += [http.get(f"/workitems?{key}={value}") for key in INDEXED]
        answers += [
            http.get(f"/workitems?PatientName={value}&fuzzymatching=true"),
            http.get(f"/workitems?includefield={value}"),
            http.post(f"/workitems/{uid}/subscribers/{value}"),
            http.put(f"/workitems/{uid}/state?requester={value}", content=text_of(wanted), headers=TYPE),
            http.post(f"/workitems?workitem={value}", content=workitem(), headers=TYPE),
            http.post(f"/workitems/{uid}?Transaction-uid={value}", content=b"[{}]", headers=TYPE),
        ]
    answers += [http.get(f"/workitems?ScheduledProcedureStepStartDateTime={one}") for one in MOMENTS]
    answers += [http.get(f"/workitems?PatientBirthDate={one}") for one in MOMENTS]
    answers += [http.get("/workitems?TimezoneOffsetFromUTC=%2B9999&ScheduledProcedureStepStartDateTime=2026")]
    errors = [
        (one.request.method, str(one.request.url)[:120], one.text[:200]) for one in answers if one.is_server_error
    ]
    assert errors == []
