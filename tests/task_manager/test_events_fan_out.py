"""Send Event Report (RAD-87): order, backlog and live, slow and silent peers, several connections and processes."""

import socket
import threading

import pytest
import sqlalchemy
from websockets.sync.client import connect

from connectathon.event_service import event_service
from connectathon.peers.postgres import postgres
from connectathon.subscriber import Subscriber
from connectathon.waiting import eventually
from profiles.dicom import put, put_items
from workitems.store import sqlite_url
from workitems.store.database import CHANNEL

RESTARTED = 4


@pytest.fixture
def service(tmp_path):
    with event_service(sqlite_url(tmp_path / "w.sqlite"), ping_seconds=0.1) as made:
        yield made


@pytest.fixture(scope="module")
def database():
    with postgres(durable=False) as url:
        yield url


def change(service, uid, times):
    """Change the readiness of a workitem again and again, each time with an event."""
    for number in range(times):
        state = ("UNAVAILABLE", "READY")[number % 2]
        service.worklist.update(uid, put({}, "InputReadinessState", state), None)


def places(subscriber):
    return [place for place, _ in subscriber.told()]


@pytest.mark.requirement("AIWI-TM-065", "UPS-136", "UPS-137")
def test_backlog_and_live_events_come_in_order_and_without_a_gap(service):
    service.subscribe()
    uid = service.create()
    change(service, uid, 150)
    writer = threading.Thread(target=change, args=(service, uid, 300))
    writer.start()
    with Subscriber(service.url("WATCHER")) as watcher:
        writer.join()
        expected = [event.sequence for event in service.store.events_after(0, 1000)]
        eventually(lambda: len(watcher.told()) == len(expected))
        assert places(watcher) == expected
        assert len(watcher.frames) == len(expected)


@pytest.mark.requirement("AIWI-TM-072")
def test_after_each_broken_connection_everything_missed_comes_in_order(service):
    service.subscribe()
    uid = service.create()
    with Subscriber(service.url("WATCHER")) as watcher:
        for turn in range(1, 6):
            change(service, uid, 40)
            eventually(lambda turn=turn: watcher.connections >= turn)
            watcher.drop()
        expected = [event.sequence for event in service.store.events_after(0, 1000)]
        eventually(lambda: len(watcher.told()) == len(expected))
        assert places(watcher) == expected


@pytest.mark.requirement("AIWI-TM-073")
def test_a_peer_that_never_reads_delays_nobody_and_is_closed_and_loses_nothing(tmp_path):
    with event_service(sqlite_url(tmp_path / "w.sqlite"), ping_seconds=0.1, pong_seconds=1) as service:
        for name in ("SLOW", "QUICK"):
            service.subscribe(name)
        uid = service.create()
        with connect(service.url("SLOW"), compression=None, max_queue=1, close_timeout=1) as slow:
            with Subscriber(service.url("QUICK")) as quick:
                change(service, uid, 500)
                eventually(lambda: len(quick.told()) == 501)
                assert len(service.waiting("SLOW")) > 0
            eventually(lambda: not service.channels.open_connections, what="the connection to be closed")
            slow.socket.shutdown(socket.SHUT_RDWR)
        with Subscriber(service.url("SLOW")) as again:
            expected = service.waiting("SLOW")
            eventually(lambda: len(again.told()) >= len(expected))


@pytest.mark.requirement("AIWI-TM-073")
def test_a_peer_that_leaves_megabytes_unread_is_cut_off(tmp_path):
    with event_service(sqlite_url(tmp_path / "w.sqlite"), ping_seconds=0.1, pong_seconds=1) as service:
        service.subscribe()
        uid = service.create()
        contacts = [put({}, "ContactURI", f"https://contacts.example/{number:040}") for number in range(2000)]
        progress = put_items({}, "ProcedureStepCommunicationsURISequence", *contacts)
        for _ in range(40):
            service.worklist.update(uid, put_items({}, "ProcedureStepProgressInformationSequence", progress), None)
        with socket.socket() as silent:
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.connect(("127.0.0.1", service.port))
            silent.sendall(
                b"GET /ups-rs/subscribers/WATCHER HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                b"Sec-WebSocket-Version: 13\r\n\r\n"
            )
            eventually(lambda: service.channels.open_connections)
            eventually(lambda: not service.channels.open_connections, what="the connection to be cut")
        assert service.waiting()


@pytest.mark.requirement("AIWI-TM-073")
def test_a_slow_reader_with_a_long_backlog_gets_all_of_it(tmp_path):
    with event_service(sqlite_url(tmp_path / "w.sqlite"), ping_seconds=0.1, pong_seconds=5) as service:
        service.subscribe()
        uid = service.create()
        change(service, uid, 400)
        with connect(service.url("WATCHER"), compression=None, max_queue=1) as slow:
            tick = threading.Event()
            for _ in range(401):
                slow.recv(30)
                tick.wait(0.002)  # it works on each event for a while
            eventually(lambda: not service.waiting(), what="the confirmation of all")


@pytest.mark.requirement("UPS-141", "AIWI-TM-072")
def test_who_lost_events_is_told_first_to_query_again_and_then_gets_the_rest(service):
    service.subscribe()
    uid = service.create()
    change(service, uid, 9)
    assert service.store.bound_backlogs(4) == [("WATCHER", 6)]
    with Subscriber(service.url("WATCHER")) as watcher:
        eventually(lambda: len(watcher.frames) == 6)
        assert [kind for _, kind in watcher.told()] == [RESTARTED, 1, 1, 1, 1]
        assert watcher.frames[0] == watcher.frames[-1]  # it waits durably, last of all, should the first one be lost
        assert watcher.reports[0]["00741242"]["Value"] == ["RESTARTED"]
        assert watcher.reports[0]["00741246"]["Value"] == ["WARM START"]


@pytest.mark.requirement("UPS-190")
def test_each_connection_of_an_ae_gets_every_event(service):
    service.subscribe()
    with Subscriber(service.url("WATCHER")) as one, Subscriber(service.url("WATCHER")) as other:
        uid = service.create()
        change(service, uid, 50)
        for watcher in (one, other):
            eventually(lambda watcher=watcher: len(watcher.told()) == 51)
        eventually(lambda: not service.waiting(), what="the confirmation")


def test_an_event_caused_in_one_process_reaches_the_subscriber_of_another(database):
    with event_service(database) as here, event_service(database) as there:
        here.subscribe("ELSEWHERE")
        with Subscriber(there.url("ELSEWHERE")) as watcher:
            uid = here.create()
            eventually(lambda: watcher.states(uid) == ["SCHEDULED"])


def test_events_reach_another_process_also_after_it_stopped_hearing_of_them(database):
    engine = sqlalchemy.create_engine(database)
    listening = sqlalchemy.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE :listen")
    with event_service(database) as here, event_service(database) as there:
        here.subscribe("DEAF")
        with Subscriber(there.url("DEAF")) as watcher:
            with engine.begin() as connection:
                assert connection.execute(listening, {"listen": f"LISTEN {CHANNEL}%"}).rowcount >= 2
            uid = here.create()
            eventually(lambda: watcher.states(uid) == ["SCHEDULED"])
            change(here, uid, 3)
            eventually(lambda: watcher.states(uid) == ["SCHEDULED"] * 4)
    engine.dispose()


@pytest.mark.requirement("AIWI-TM-072")
def test_events_survive_the_loss_of_every_connection_to_the_database(database):
    engine = sqlalchemy.create_engine(database)
    ending = sqlalchemy.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with event_service(database, ping_seconds=0.1) as service:
        service.subscribe("PATIENT")
        with Subscriber(service.url("PATIENT")) as watcher:
            uid = service.create()
            eventually(lambda: watcher.states(uid) == ["SCHEDULED"])
            with engine.begin() as connection:
                connection.execute(ending)
            change(service, uid, 4)
            eventually(lambda: len(watcher.states(uid)) == 5)
            eventually(lambda: not service.waiting("PATIENT"), what="the confirmation")
    engine.dispose()
