"""Syslog over UDP: whole messages, and what is left of those that were cut off on the way."""

import itertools
import json
import socket

import pytest

from actors.event_repository.settings import Settings
from connectathon.waiting import eventually
from profiles.sole import parse
from profiles.sole.repairing import closed

_numbers = itertools.count(1)


@pytest.fixture
def accession():
    return f"UDP-{next(_numbers)}"


@pytest.fixture
def repository(shared_repository):
    return shared_repository


def cast(repository, *messages):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for message in messages:
            sender.sendto(message, ("127.0.0.1", repository.udp))


@pytest.mark.requirement("SOLE-018")
def test_udp_is_off_unless_told_and_on_514_unless_told_otherwise():
    assert (Settings().udp, Settings().udp_port) == (False, 514)
    assert Settings(udp=True, udp_port=5140).udp_port == 5140


@pytest.mark.requirement("SOLE-018")
def test_each_datagram_is_a_message(repository, accession):
    messages = [repository.message(accession, occurrence=str(number)) for number in range(20)]
    for part in messages[:10], messages[10:]:
        cast(repository, *part)
    events = repository.await_events(20, accession=accession)
    assert {event["malformed"] for event in events} == {""}
    cast(repository, b"", messages[0])
    cast(repository, repository.message(accession, occurrence="last"))
    assert len(repository.await_events(21, accession=accession)) == 21


@pytest.mark.requirement("SOLE-019")
def test_a_message_that_was_cut_off_is_kept_as_it_came_read_as_far_as_it_goes_and_marked(repository, accession):
    whole = repository.message(accession, "inference-ended", description="Süd" * 500)
    cut = whole[: whole.index("Süd".encode()) + 1001]
    cast(repository, cut)
    (message,) = eventually(lambda: repository.messages(("msg", "Süd" * 200)).json()["Events"], what="the message")
    assert message["Msg"].encode() in (cut.split(b" - ", 1)[1], cut.split(b" - ", 1)[1] + "\ufffd".encode())

    def read():
        events = repository.events(code="SOLE115", limit=1000)
        return [one for one in events if "cut off" in one["malformed"]]

    (event,) = eventually(read, what="the event")
    assert (event["step"], event["outcome"], event["family"]) == ("inference-ended", 0, "sole")


@pytest.mark.requirement("SOLE-019")
def test_the_same_cut_over_tls_is_no_audit_message(repository, accession):
    cut = repository.message(accession)[:-30]
    repository.send(cut)
    eventually(lambda: repository.messages(("msg", accession)).json()["Events"], what="the message")
    assert repository.events(accession=accession) == []


@pytest.mark.requirement("SOLE-019")
def test_wherever_a_message_is_cut_what_is_left_of_it_can_be_read(repository):
    document = repository.message("X", details={"Priority": "HIGH"}).split(b" - ", 1)[1]
    begun = document.index(b">", document.index(b"<EventIdentification")) + 1
    whole = parse(document)
    for end in range(len(document)):
        left = closed(document[:end])
        assert (left is None) == (end < begun)
        if left:
            assert parse(left).at == whole.at
            assert set(parse(left).codes) <= set(whole.codes)


@pytest.mark.parametrize(
    "document",
    [b"", b"<", b"plain text", b"<a><b></a>", b"<!DOCTYPE a []><AuditMessage><a>", b"\xff<>"],
)
def test_what_cannot_be_mended_is_left(document):
    assert closed(document) is None


def test_a_port_that_is_taken_is_said_at_start(tmp_path):
    from actors.event_repository.udp import UdpServer
    from profiles.errors import Unavailable

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        server = UdpServer("127.0.0.1", other.getsockname()[1], None)
        with pytest.raises(Unavailable, match="udp_port"):
            server.start()
        server.close()


def test_a_sender_of_many_datagrams_does_no_harm(repository, accession):
    cast(repository, *(json.dumps({"noise": number}).encode() * 50 for number in range(300)))
    repository.send(repository.message(accession))
    repository.await_events(1, accession=accession)
