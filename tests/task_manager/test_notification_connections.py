"""Open Notification Connection (PS3.18 8.10.4, RAD-109): who may listen where, and how long a connection lives."""

import socket

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Opcode
from websockets.sync.client import connect

from connectathon.event_service import event_service
from connectathon.subscriber import Subscriber
from connectathon.waiting import eventually
from workitems.store import sqlite_url


@pytest.fixture
def service(tmp_path):
    with event_service(sqlite_url(tmp_path / "w.sqlite"), ping_seconds=0.1) as made:
        yield made


@pytest.mark.parametrize("path", ["/subscribers/{}", "/ws/subscribers/{}", "/?requester={}"])
@pytest.mark.requirement("AIWI-TM-060", "UPS-131")
def test_a_connection_is_opened_before_its_ae_has_subscribed_to_anything(path, service):
    uid = service.create()
    with Subscriber(service.url("WATCHER", path)) as watcher:
        service.subscribe(target=uid)
        eventually(lambda: watcher.states(uid) == ["SCHEDULED"])


def refusal(url, **more):
    with pytest.raises(InvalidStatus) as refused, connect(url, **more):
        pass
    return refused.value.response


@pytest.mark.parametrize("name", ["SEVENTEEN_LETTERS", "BACK%5CSLASH", "%20"])
@pytest.mark.requirement("AIWI-TM-071")
def test_what_is_no_ae_title_is_refused_and_audited(name, service):
    answer = refusal(service.url(name))
    assert answer.status_code == 400
    assert b"AE title" in answer.body
    assert service.refused == ["bad-input"]


def test_a_connection_that_names_nobody_is_refused(service):
    assert refusal(service.url("", "/{}")).status_code == 400


def test_the_page_of_another_site_may_not_listen(service):
    assert refusal(service.url("WATCHER"), origin="https://elsewhere.example").status_code == 403
    assert service.refused == ["not-authorised"]
    with connect(service.url("WATCHER"), origin="http://localhost:9000"):
        pass


def test_another_version_of_the_protocol_is_refused_with_426(service):
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = f"Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\nSec-WebSocket-Version: 8\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as raw:
        raw.sendall(f"GET /ups-rs/subscribers/WATCHER HTTP/1.1\r\n{upgrade}\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 426 ")
    assert "\r\nSec-WebSocket-Version: 13\r\n" in answer


def test_a_plain_request_is_told_to_upgrade(service):
    answer = httpx.get(f"http://127.0.0.1:{service.port}/ups-rs/subscribers/WATCHER")
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")


@pytest.mark.requirement("AIWI-TM-067")
def test_what_a_subscriber_sends_is_not_answered_and_hurts_nothing(service):
    service.subscribe()
    with connect(service.url("WATCHER"), compression=None) as watcher:
        for _ in range(100):
            watcher.send("hello")
        watcher.send(b"\x00\xff")
        service.create()
        assert watcher.recv(30).startswith('{"00000002"')


@pytest.mark.requirement("UPS-190", "AIWI-TM-072")
def test_a_subscription_outlives_its_connection(service):
    service.subscribe()
    with Subscriber(service.url("WATCHER")):
        pass
    uid = service.create()
    with Subscriber(service.url("WATCHER")) as watcher:
        eventually(lambda: watcher.states(uid) == ["SCHEDULED"])


@pytest.mark.requirement("AIWI-TM-072")
def test_what_a_peer_has_is_confirmed_and_is_not_sent_again(service):
    service.subscribe()
    with Subscriber(service.url("WATCHER")) as watcher:
        uid = service.create()
        eventually(lambda: watcher.states(uid))
        eventually(lambda: not service.waiting(), what="the confirmation")
    new = service.create()
    with Subscriber(service.url("WATCHER")) as again:
        eventually(lambda: again.states(new))
        assert again.states(uid) == []


def without_pongs(connection):
    """A peer that reads, and answers no ping."""
    send = connection.protocol.send_frame
    connection.protocol.send_frame = lambda frame: None if frame.opcode is Opcode.PONG else send(frame)
    return connection


@pytest.mark.requirement("AIWI-TM-072")
def test_what_no_pong_followed_is_sent_again_with_the_same_message_id(service):
    service.subscribe()
    with without_pongs(connect(service.url("WATCHER"), compression=None)) as deaf:
        made = [service.create() for _ in range(3)]
        frames = [deaf.recv(30) for _ in made]
        deaf.socket.shutdown(socket.SHUT_RDWR)
    assert len(service.waiting()) == 3
    with Subscriber(service.url("WATCHER")) as watcher:
        eventually(lambda: len(watcher.frames) == 3)
        assert watcher.frames == frames


def test_a_connection_whose_peer_answers_no_ping_is_closed(tmp_path):
    with (
        event_service(sqlite_url(tmp_path / "w.sqlite"), ping_seconds=0.1, pong_seconds=0.2) as service,
        without_pongs(connect(service.url("WATCHER"), compression=None)) as deaf,
        pytest.raises(ConnectionClosed) as closed,
    ):
        deaf.recv(30)
    assert closed.value.rcvd.code == 1011
