"""A system that hangs, closes, floods or lies gets a verdict, in bounded time and memory."""

import pytest

from conformance.harness import Verdict
from conformance.harness.declaration import Limits

from .conftest import peer, read_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"


def hangs(connection):
    read_request(connection)
    connection.recv(1)


def closes(connection):
    read_request(connection)


def cuts_the_head(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200")


def lies_in_content_length(connection):
    read_request(connection)
    connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n[]")


def answers_garbage(connection):
    read_request(connection)
    connection.sendall(b"\x00\xff" * 512)


def streams_forever(connection):
    read_request(connection)
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def answers_a_broken_coding(connection):
    read_request(connection)
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")


def answers_no_json(connection):
    read_request(connection)
    connection.sendall(HEAD + b"Content-Length: 5\r\n\r\nhello")


def get(trial, stage):
    stage.http.send("GET", "/workitems").json()


@pytest.mark.parametrize(
    "conversation",
    [
        hangs,
        closes,
        cuts_the_head,
        lies_in_content_length,
        answers_garbage,
        streams_forever,
        answers_a_broken_coding,
        answers_no_json,
    ],
)
def test_misbehaviour_on_the_wire_fails_the_system_with_evidence(judged, conversation):
    limits = Limits(answer_seconds=1.0, answer_bytes=2_000_000)
    with peer(conversation) as address:
        result = judged(get, base_url=address, limits=limits)
    test = result.tests[0]
    assert test.verdict is Verdict.FAIL, test.reason
    assert test.broken[0].found
    assert test.broken[0].evidence
    assert sum(path.stat().st_size for path in judged.evidence.folder.rglob("*")) < 8_000_000


def test_a_system_that_is_not_there_fails_in_words(judged):
    result = judged(get)
    assert "ConnectError" in result.tests[0].broken[0].found
