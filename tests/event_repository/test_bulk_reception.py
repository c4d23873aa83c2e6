"""RAD-124: batches of events over HTTP, stored whole or not at all."""

import gzip
import itertools
import json
import socket
from datetime import UTC, datetime

import httpx
import pytest

from profiles.errors import BadInput
from profiles.sole.syslog import parse_syslog
from profiles.sole.transfer import GREATEST_BATCH, GREATEST_BODY, parse_batch

_numbers = itertools.count(1)


@pytest.fixture
def accession():
    return f"BULK-{next(_numbers)}"


@pytest.fixture
def repository(shared_repository):
    return shared_repository


def member(message):
    parts = parse_syslog(message)
    return {
        "Pri": str(parts.pri),
        "Version": str(parts.version),
        "Timestamp": parts.timestamp,
        "Hostname": parts.hostname,
        "App-name": parts.application,
        "Procid": parts.process,
        "Msg-id": parts.message_id,
        "Msg": parts.content.decode(),
    }


def body(*messages, **changes):
    return json.dumps({"Events": [{**member(one), **changes} for one in messages]}).encode()


def post(repository, content, kind="application/json", **headers):
    headers = {"content-type": kind, "accept": "application/json", **headers}
    return httpx.post(f"{repository.url}/bulk-syslog-events", content=content, headers=headers)


def stored(repository, accession):
    return repository.messages(("msg", accession)).json()["Events"]


@pytest.mark.requirement("SOLE-050")
def test_a_batch_is_stored_when_it_is_answered(repository, accession):
    messages = [repository.message(accession, occurrence=str(number), description="Süd") for number in range(50)]
    answer = post(repository, body(*messages), "application/json; charset=utf-8")
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(stored(repository, accession)) == 50
    assert len(repository.await_events(50, accession=accession)) == 50


@pytest.mark.requirement("SOLE-053", "SOLE-049")
def test_an_event_is_the_same_record_whichever_way_it_came(repository, accession):
    first, second = (repository.message(accession, occurrence=one) for one in "ab")
    repository.send(first)
    repository.await_events(1, accession=accession)
    assert post(repository, body(second)).status_code == 204
    events = repository.await_events(2, accession=accession)
    alike = [{k: v for k, v in one.items() if k not in ("event_id", "at", "received_at")} for one in events]
    assert alike[0] == alike[1]
    assert post(repository, body(first)).status_code == 204
    repository.send(second)
    assert len(stored(repository, accession)) == 2, "each is recognised when it comes by the other way"


@pytest.mark.requirement("SOLE-054", "SOLE-051")
@pytest.mark.parametrize(
    "spoilt",
    [
        {"Msg": "<AuditMessage><EventIdentification"},
        {"Msg": "<!DOCTYPE a [<!ENTITY x 'y'>]><AuditMessage>&x;</AuditMessage>"},
        {"Msg": None, "Hostname": "two words"},
        {"Pri": "192"},
        {"Pri": ""},
        {"Version": "0"},
        {"Procid": "\u00fc"},
        {"Timestamp": ["now"]},
        {"Msg": 5},
    ],
    ids="-".join,
)
def test_one_bad_event_keeps_its_whole_batch_out_and_is_told(repository, accession, spoilt):
    good = member(repository.message(accession))
    content = json.dumps({"Events": [good, {**good, **spoilt}]}).encode()
    with pytest.raises(BadInput, match=r"^Events\[1\]"):
        parse_batch(content)
    answer = post(repository, content)
    assert answer.status_code == 400
    assert "Events[1]" in answer.json()["message"]
    assert stored(repository, accession) == []


@pytest.mark.requirement("SOLE-051")
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"Events": []}', b'{"Events": {}}', b'{"Events": [1]}', b"\xff", b"[" * 9999]
)
def test_what_is_no_batch_is_refused(repository, content):
    assert post(repository, content).status_code == 400
    with pytest.raises(BadInput):
        parse_batch(content)


@pytest.mark.requirement("SOLE-052")
def test_other_media_types_and_methods_are_refused(repository, accession):
    batch = body(repository.message(accession))
    assert post(repository, batch, "text/plain").status_code == 415
    assert post(repository, gzip.compress(batch), "application/gzip").status_code == 415
    assert httpx.put(f"{repository.url}/bulk-syslog-events", content=batch).status_code == 405
    assert stored(repository, accession) == []


def head(octets):
    line = "POST /bulk-syslog-events HTTP/1.1"
    return f"{line}\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {octets}\r\n\r\n".encode()


def test_a_batch_that_is_too_large_is_refused_before_it_is_read_whole(repository):
    request = (
        f"POST /bulk-syslog-events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {10**8}"
    )
    with socket.create_connection(("127.0.0.1", repository.port), timeout=30) as connection:
        connection.sendall(f"{request}\r\n\r\n".encode() + b" " * (GREATEST_BODY + 100_000))
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert httpx.get(f"{repository.url}/health").is_success


def test_a_body_that_never_becomes_whole_is_given_up(repository):
    """The repository of these tests waits for one second."""
    request = (
        b"POST /bulk-syslog-events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", repository.port), timeout=30) as connection:
        connection.sendall(request)
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_too_many_events_are_refused_with_the_number():
    event = member(b"<85>1 - - - - - - x")
    with pytest.raises(BadInput, match=str(GREATEST_BATCH)) as refused:
        parse_batch(json.dumps({"Events": [event] * (GREATEST_BATCH + 1)}).encode())
    assert refused.value.row.http == 413


def test_members_are_found_in_any_case_and_unknown_ones_are_passed_over():
    told = {
        "PRI": 85,
        "version": 1,
        "MSG": "free text",
        "Comment": "as some add",
        "msg-ID": "SOLE107",
        "Hostname": None,
    }
    assert parse_batch(json.dumps({"events": [told]}).encode()) == [b"<85>1 - - - - SOLE107 - free text"]


@pytest.mark.parametrize("timestamp", ["2015-03-17T00:05", "-", datetime(2026, 1, 1, tzinfo=UTC).isoformat()])
def test_times_are_kept_as_they_came(timestamp):
    event = {"Pri": "1", "Version": "1", "Timestamp": timestamp, "Msg": "x"}
    (message,) = parse_batch(json.dumps({"Events": [event]}).encode())
    assert parse_syslog(message).timestamp == timestamp
