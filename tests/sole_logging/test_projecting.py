"""Behind the intake: every message is read once, told on once, and none of them stops the reading."""

import contextlib
import itertools
import sqlite3
from datetime import datetime, timedelta

import pytest
import structlog
from sqlalchemy import text

from connectathon.waiting import eventually
from profiles.errors import Unavailable
from profiles.sole.syslog import compose
from sole_logging.projecting import Projector
from sole_logging.records import Receipt, StoredMessage, project
from sole_logging.store import EventQuery, EventStore

from .conftest import START, event_of, receipt_of


def syslog(content, host="h", application="IHE+SOLE", second=0):
    at = START + timedelta(seconds=second)
    return compose(content, pri=85, at=at, hostname=host, application=application, process="1", message_id="X")


class Listener:
    """Keeps the accessions that it was told of, in a table of its own and so in the same transaction."""

    def __init__(self, store, refuses=(), error=ValueError):
        self.refuses, self.error = set(refuses), error
        self._store = store
        with store.database.write() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS told (accession TEXT)"))

    def __call__(self, connection, entries):
        for entry in entries:
            connection.execute(text("INSERT INTO told VALUES (:accession)"), {"accession": entry.accession})
            if entry.accession in self.refuses:
                raise self.error(entry.accession)

    @property
    def told(self):
        with self._store.database.read() as connection:
            return list(connection.execute(text("SELECT accession FROM told")).scalars())


@pytest.fixture
def add(store):
    return lambda *messages: store.add([receipt_of(raw) for raw in messages])


def accessions(store):
    return [found["accession"] for found in store.search(EventQuery(family="all"))]


@pytest.mark.requirement("SOLE-068")
def test_followers_are_told_of_operational_events_in_order_and_of_nothing_else(store, add, make_message):
    listener = Listener(store)
    add(make_message("A2"), make_message("A9").replace(b"IHE+SOLE", b"Other+App"), b"hello", make_message("A1"))
    assert Projector(store, [listener]).catch_up() == 4
    assert listener.told == ["A2", "A1"]


def test_reading_goes_on_where_it_was_and_tells_nothing_twice(store, add, make_message):
    listener = Listener(store)
    for name in ("A1", "A2"):
        add(make_message(name))
        Projector(store, [listener]).catch_up()
    assert Projector(store, [listener]).catch_up() == 0
    assert listener.told == ["A1", "A2"]


def test_a_process_that_ends_while_it_tells_has_told_nothing_and_the_next_tells_all(store, add, make_message):
    add(*(make_message(name) for name in ("A1", "A2", "A3")))
    dying = Listener(store, {"A2"}, error=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        Projector(store, [dying]).catch_up()
    assert (accessions(store), dying.told, store.figures()["unread"] > 0) == ([], [], True)
    living = Listener(store)
    Projector(store, [living]).catch_up()
    assert (sorted(accessions(store)), living.told) == (["A1", "A2", "A3"], ["A1", "A2", "A3"])


def test_an_event_that_a_follower_cannot_take_is_kept_with_the_reason_and_the_others_are_told(store, add, make_message):
    names = [f"A{number}" for number in range(7)]
    add(*(make_message(name, hour=number) for number, name in enumerate(names)))
    listener = Listener(store, {"A3"})
    with structlog.testing.capture_logs() as logs:
        Projector(store, [listener]).catch_up()
    assert listener.told == [name for name in names if name != "A3"]
    assert accessions(store) == names
    assert [one["reason"] for one in store.quarantine()] == ["It cannot be taken in: ValueError."]
    assert [one["event"] for one in logs] == ["event-not-projected"]


def test_two_that_read_the_same_store_tell_each_event_once(where, store, add, make_message):
    listener = Listener(store)
    other_store = EventStore(where)
    one, other = Projector(store, [listener]), Projector(other_store, [listener])
    add(make_message("A1"))
    # the other comes first, between what the one has seen and what it writes
    slow = [project(message) for message in store.after(0, 10, 10**6)]
    other.catch_up()
    one._settle(0, slow)
    other_store.close()
    assert (listener.told, accessions(store)) == (["A1"], ["A1"])


ODD = {
    "a null in an identifier": {"workitem_uid": "2.999\0.1"},
    "an identifier of ten thousand characters": {"study_instance_uid": "9" * 10_000},
    "an accession as long as a page": {"accession": "\u00e4" * 5_000},
}


@pytest.mark.parametrize("name", ODD)
def test_what_no_column_can_hold_is_cut_and_the_message_is_kept(store, add, where, name):
    changes = dict(ODD[name])
    event = event_of(changes.pop("accession", "A1"), **{key: "X" * 7 for key in changes})
    raw = message_with(event, changes)
    add(raw)
    Projector(store).catch_up()
    (found,) = store.search(EventQuery(family="all"))
    assert max(len(found[key]) for key in ("accession", "study", "workitem")) <= 256
    assert "\0" not in found["workitem"]
    assert [message.raw for message in store.after(0, 10, 10**9)] == [raw]


def message_with(event, changes):
    """The message of an event, with identifiers in it that our own encoder would refuse."""
    import base64

    from sole_logging.reporter import sole_message

    from .conftest import SOURCE

    raw = sole_message(event, SOURCE, event.at)
    for wanted in changes.values():
        raw = raw.replace(base64.b64encode(b"XXXXXXX"), base64.b64encode(wanted.encode()))
        raw = raw.replace(b'"XXXXXXX"', b'"' + wanted.replace("\0", "").encode() + b'"')
    return raw


@pytest.mark.requirement("SOLE-049")
def test_the_same_event_a_thousand_times_is_one_event_and_a_number(store, add, make_message):
    message = make_message("A1", occurrence="1")
    listener = Listener(store)
    assert add(*[message] * 1000) == 1
    add(*(message.replace(b" 77 ", b" %d " % number) for number in range(78, 128)))  # by other processes of its source
    Projector(store, [listener]).catch_up()
    (sender,) = store.senders()
    assert (sender.messages, sender.duplicates, sender.flaws) == (1, 999 + 50, 0)
    assert (listener.told, store.figures()["stored"]) == (["A1"], 51)


@pytest.mark.requirement("SOLE-049")
def test_duplicates_are_counted_for_the_sender_that_sent_them(store, add):
    one, other = syslog(b"up", "one"), syslog(b"up", "other")
    add(one, other)
    add(other, syslog(b"down", "other", second=1), other)
    Projector(store).catch_up()
    assert {sender.host: (sender.messages, sender.duplicates) for sender in store.senders()} == {
        "one": (1, 0),
        "other": (2, 2),
    }


def test_a_sender_is_known_by_when_it_was_heard_and_how_late_its_events_come(store, make_message):
    times = [START + timedelta(hours=hour) for hour in (0, 1, 2)]
    for hour, at in enumerate(times):
        # what happened on the hour comes 600 seconds later by our clock
        store.add([Receipt(make_message("A1", hour=hour), at + timedelta(seconds=600), "syslog-tls", "10.0.0.9")])
        Projector(store).catch_up()
    (sender,) = store.senders()
    assert (sender.host, sender.application, sender.name) == ("scanner1", "IHE+SOLE", "modality@scanner1")
    assert (sender.first_seen, sender.last_seen) == tuple(at + timedelta(seconds=600) for at in (times[0], times[-1]))
    assert sender.delay_seconds == 600


def test_the_sender_that_was_silent_longest_comes_first(store):
    for number, host in enumerate(("late", "early")):
        store.add([Receipt(syslog(b"up", host), START + timedelta(hours=2 - number), "syslog-tls")])
    Projector(store).catch_up()
    assert [sender.host for sender in store.senders()] == ["early", "late"]


def test_what_is_wrong_with_a_stream_is_counted_for_its_peer(store):
    for hour in (0, 1):
        store.note("10.0.0.9", START + timedelta(hours=hour), f"fault {hour}")
    (sender,) = store.senders()
    assert (sender.host, sender.application, sender.messages) == ("10.0.0.9", "", 0)
    assert (sender.flaws, sender.last_flaw, sender.delay_seconds) == (2, "fault 1", None)


@pytest.mark.requirement("SOLE-ER-004", "SOLE-055")
def test_what_is_wrong_is_listed_with_sender_time_and_reason_the_newest_first(store, add, make_message):
    odd = make_message("A1").replace(b' codeSystemName="RadLex"', b"", 1)
    add(make_message("A0"), b"hello", syslog(b"<a/>"), odd)
    Projector(store).catch_up()
    found = store.quarantine()
    assert [(one["host"], one["usable"]) for one in found] == [("scanner1", True), ("h", False), ("-", False)]
    assert ["codeSystemName" in found[0]["reason"], "AuditMessage" in found[1]["reason"]] == [True, True]
    assert {(one["peer"], one["channel"]) for one in found} == {("127.0.0.1", "syslog-tls")}
    assert datetime.fromisoformat(found[0]["received_at"]) == receipt_of(b"").received_at
    assert store.quarantine(limit=1, offset=1) == found[1:2]


def test_events_of_unknown_codes_are_kept_and_told(store, add, make_message):
    listener = Listener(store)
    add(make_message("A1").replace(b"RID45895", b"NEW12345"))
    Projector(store, [listener]).catch_up()
    (found,) = store.search(EventQuery(code="NEW12345"))
    assert (found["step"], found["malformed"], listener.told) == ("", "", ["A1"])


BOMB = b'<!DOCTYPE a [<!ENTITY a0 "xxxxxxxxxx">%s]><AuditMessage>&a9;</AuditMessage>' % b"".join(
    b'<!ENTITY a%d "%s">' % (number, b"&a%d;" % (number - 1) * 10) for number in range(1, 10)
)
HOSTILE = {
    "entities within entities": (BOMB, "entities"),
    "an external entity": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///x">]><a>&x;</a>', "entities"),
    "a hundred thousand levels": (b"<AuditMessage><EventIdentification/>" + b"<a>" * 100_000, "well-formed"),
    "another encoding than it says": (b'<?xml version="1.0" encoding="utf-16"?><AuditMessage/>', "XML"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><AuditMessage/>', "XML"),
    "a date in the year 9999": (b"<AuditMessage><EventIdentification EventDateTime='9999-12-31T23:59:59-14:00'/>"
                                b"</AuditMessage>", "out of range"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.requirement("SOLE-ER-004")
def test_hostile_xml_is_named_and_harms_nothing(name):
    content, reason = HOSTILE[name]
    found = project(StoredMessage(1, b"k" * 24, 0, "h", "IHE+SOLE", syslog(content)))
    assert reason in found.columns["flaw"]


def test_messages_are_read_in_portions_of_bounded_size(store, add):
    add(*(syslog(b"x" * 60_000, second=number) for number in range(5)))
    assert [len(store.after(number, 10, 100_000)) for number in (0, 2, 4)] == [2, 2, 1]
    assert len(store.after(0, 3, 10**9)) == 3


@pytest.fixture
def in_file(tmp_path):
    opened = EventStore(tmp_path / "file.sqlite")
    yield opened
    opened.close()


def test_the_thread_outlives_a_database_that_takes_nothing_for_a_while(in_file, make_message, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "file.sqlite")) as other:
        other.execute("CREATE TRIGGER refuse BEFORE UPDATE ON log_state WHEN new.name = 'projected' "
                      "BEGIN SELECT RAISE(ABORT, 'disk'); END")  # fmt: skip
        other.commit()
        in_file.add([receipt_of(make_message("A1"))])
        projector = Projector(in_file)
        with structlog.testing.capture_logs() as logs:
            projector.start()
            eventually(lambda: any(one["event"] == "projection-waits" for one in logs), what="the log")
            assert accessions(in_file) == []
            other.execute("DROP TRIGGER refuse")
            other.commit()
            eventually(lambda: accessions(in_file) == ["A1"], what="the event")
        projector.close()


def test_who_waits_for_the_reading_finds_what_was_stored_before(in_file, make_message):
    assert in_file.await_reading(0)
    in_file.add([receipt_of(make_message("A1"))])
    assert not in_file.await_reading(0)
    projector = Projector(in_file)
    projector.start()
    assert in_file.await_reading(60)
    projector.close()
    assert accessions(in_file) == ["A1"]


def test_reading_stands_back_while_others_have_work_and_does_not_stand_still(in_file, make_message):
    asked = itertools.count()
    in_file.add([receipt_of(make_message("A1"))])
    projector = Projector(in_file, busy=lambda: next(asked) >= 0)
    projector.start()
    assert in_file.await_reading(60)
    projector.close()
    assert next(asked) > 2


def test_a_store_that_is_gone_is_said_in_words(where, make_message):
    opened = EventStore(where)
    with opened.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE log_state RENAME TO gone")
    with pytest.raises(Unavailable, match=r"The event store .* cannot be used: .*log_state"):
        opened.add([receipt_of(make_message())])
    opened.close()
