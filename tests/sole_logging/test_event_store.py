"""The event store: every message as it came, found again by what it is about, kept when it is broken."""

import contextlib
import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiles.errors import Unavailable
from profiles.sole.retrieval import parse_query
from profiles.sole.syslog import compose
from sole_logging.projecting import Projector
from sole_logging.records import Receipt, message_row, micros, moment, stamp
from sole_logging.store import VERSION, EventQuery, EventStore
from sole_logging.store.database import advance
from sole_logging.store.tables import MESSAGE_COLUMNS

DAY = datetime(2031, 5, 6, tzinfo=UTC)


def accessions(store, **query):
    return [found["accession"] for found in store.search(EventQuery(**query))]


def on_disk(where):
    """The octets that another connection finds, in the order in which they were stored."""
    other = EventStore(where)
    try:
        return [message.raw for message in other.after(0, 10_000, 10**9)]
    finally:
        other.close()


def syslog(content, at=DAY, message_id="X", process="1"):
    return compose(content, pri=85, at=at, hostname="h", application="IHE+SOLE", process=process, message_id=message_id)


@pytest.mark.requirement("SOLE-056")
def test_messages_are_there_octet_for_octet_for_everybody_when_add_returns(store, keep, make_message, where):
    first = make_message("A1", details={"Location": "Röntgen 放射線"})
    assert keep(first, b"\x00\xff no syslog") == 2
    assert on_disk(where) == [first, b"\x00\xff no syslog"]


@given(raw=st.lists(st.binary(min_size=1, max_size=300), unique=True, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.requirement("SOLE-055", "SOLE-056")
def test_any_octets_are_kept_as_they_came_and_flagged(store, keep, where, raw):
    before = store.figures()
    new = keep(*raw)
    after = store.figures()
    assert after["stored"] - before["stored"] == new
    assert after["flawed"] - before["flawed"] == new
    held = on_disk(where)
    assert all(one in held for one in raw)


@given(content=st.binary(max_size=200), process=st.text("abc0123456789", min_size=1, max_size=10))
@settings(max_examples=50)
def test_a_row_keeps_the_content_apart_from_its_header(content, process):
    raw = syslog(content, process=process)
    row = dict(zip(MESSAGE_COLUMNS, message_row(Receipt(raw, DAY, "syslog-tls")), strict=True))
    assert raw[row["content_at"] :] == content
    assert (row["process"], row["application"], row["hostname"], row["pri"]) == (process, "IHE+SOLE", "h", 85)


MOMENTS = st.builds(
    lambda seconds, zone: (DAY + timedelta(seconds=seconds)).astimezone(zone),
    st.floats(-4e9, 4e9),
    st.sampled_from([UTC, timezone(timedelta(hours=-9))]),
)


@given(at=MOMENTS, other=MOMENTS)
def test_stored_moments_sort_as_moments_do_and_are_read_back(at, other):
    assert (micros(at) < micros(other)) == (at < other)
    assert moment(micros(at)) == at
    assert datetime.fromisoformat(stamp(micros(at))) == at


@pytest.mark.requirement("SOLE-049")
def test_the_same_message_is_stored_once_whatever_a_relay_made_of_its_priority(store, keep, make_message):
    message = make_message()
    assert keep(message, message) == 1
    assert keep(message.replace(b"<85>1", b"<13>1")) == 0
    assert store.figures() == {"stored": 1, "flawed": 0, "unread": 0}


@pytest.mark.requirement("SOLE-049")
def test_the_same_event_told_again_in_another_message_is_one_event(store, keep, make_message):
    message = make_message("A1", occurrence="7")
    keep(message, message.replace(b" 77 ", b" 78 "))
    keep(message.replace(b" 77 ", b" 79 "))
    assert accessions(store) == ["A1"]
    keep(make_message("A1", occurrence="8"))
    assert accessions(store) == ["A1", "A1"]
    (sender,) = store.senders()
    assert (sender.messages, sender.duplicates) == (2, 2)


@pytest.mark.requirement("SOLE-049")
def test_the_same_text_in_two_messages_of_a_foreign_sender_is_two_messages(store, keep):
    assert keep(syslog(b"up"), syslog(b"up", at=DAY + timedelta(seconds=1))) == 2


@pytest.fixture
def day(keep, make_message):
    """Four events at 8, 9, 10 and 11 o'clock, stored out of order."""
    messages = {
        8: make_message("A1", patient_id="MRN1^^^&2.999&ISO", placer_order_number="P1", study_instance_uid="2.999.1"),
        9: make_message(
            "A1", "images-stored", 1, patient_id="MRN1", filler_order_number="F1", study_instance_uid="2.999.1"
        ),
        10: make_message("A2", "workitem-created", 2, patient_id="MRN11^^^&2.999&ISO", workitem_uid="2.999.5"),
        11: make_message("A2", "workitem-claimed", 3, placer_order_number="F1", workitem_uid="2.999.5"),
    }
    for hour in (10, 8, 11, 9):
        keep(messages[hour])
    return messages


@pytest.mark.parametrize(
    ("query", "hours"),
    [
        ({}, [8, 9, 10, 11]),
        ({"accession": "A1"}, [8, 9]),
        ({"study": "2.999.1"}, [8, 9]),
        ({"workitem": "2.999.5"}, [10, 11]),
        ({"order": "P1"}, [8]),
        ({"order": "F1"}, [9, 11]),
        ({"patient": "MRN1"}, [8, 9]),
        ({"patient": "MRN1^^^&2.999&ISO"}, [8]),
        ({"patient": "MRN11"}, [10]),
        ({"patient": "%"}, []),
        ({"step": "workitem-claimed"}, [11]),
        ({"accession": "A2", "step": "workitem-created"}, [10]),
        ({"since": DAY.replace(hour=9), "until": DAY.replace(hour=10)}, [9, 10]),
        ({"since": datetime(2031, 5, 6, 12, tzinfo=timezone(timedelta(hours=2)))}, [10, 11]),
        ({"until": DAY.replace(hour=9) - timedelta(microseconds=1)}, [8]),
        ({"limit": 2}, [8, 9]),
        ({"limit": 2, "offset": 1}, [9, 10]),
        ({"family": "audit"}, []),
        ({"family": "all"}, [8, 9, 10, 11]),
        ({"accession": "unknown"}, []),
    ],
    ids=str,
)
def test_events_are_found_by_what_they_are_about_in_order_of_time(store, day, query, hours):
    assert [datetime.fromisoformat(found["at"]).hour for found in store.search(EventQuery(**query))] == hours


def test_events_are_found_by_their_code(store, day):
    (found,) = store.search(EventQuery(step="workitem-claimed"))
    assert store.search(EventQuery(code=found["code"])) == [found]


@pytest.mark.requirement("SOLE-043")
def test_a_found_event_tells_its_identifiers_and_not_the_patient(store, day):
    found = store.search(EventQuery(accession="A1"))[0]
    assert (found["accession"], found["study"], found["orders"]) == ("A1", "2.999.1", ["P1"])
    assert (found["step"], found["outcome"], found["host"]) == ("order-received", 0, "scanner1")
    assert (found["malformed"], found["received_at"] > found["at"]) == ("", True)
    assert "MRN1" not in str(found)


BROKEN = {
    "no syslog": (b"hello", "no header of RFC 5424"),
    "no xml": (syslog(b"hello"), "not well-formed XML"),
    "not utf-8": (syslog(b"<AuditMessage>\xff</AuditMessage>"), "MSG is not UTF-8"),
    "other xml": (syslog(b"<html/>"), "no AuditMessage"),
    "cut": (syslog(b"<AuditMessage><EventIdent"), "not well-formed XML"),
    "bomb": (syslog(b'<!DOCTYPE a [<!ENTITY b "c">]><AuditMessage>&b;</AuditMessage>'), "document type or entities"),
    "no time": (syslog(b"up").replace(b"2031-05-06T00:00:00.000000Z", b"yesterday"), "TIMESTAMP is no date-time"),
    "no zone": (
        syslog(b"up").replace(b"2031-05-06T00:00:00.000000Z", b"2031-05-06T00:00:00"),
        "TIMESTAMP without zone",
    ),
    "edge of time": (
        syslog(b"up").replace(b"2031-05-06T00:00:00.000000Z", b"0001-01-01T00:00:00+14:00"),
        "TIMESTAMP is no date-time",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.requirement("SOLE-019", "SOLE-055")
def test_a_broken_message_is_kept_with_what_is_wrong_and_found(store, keep, where, name):
    raw, flaw = BROKEN[name]
    assert keep(raw) == 1
    assert on_disk(where) == [raw]
    (found,) = store.search(EventQuery(family="all"))
    assert flaw in found["malformed"]
    assert (found["family"], found["accession"], found["outcome"]) == ("other", "", None)
    assert store.figures() == {"stored": 1, "flawed": 1, "unread": 0}
    (message,) = store.messages(parse_query([("date", "ge1900-01-01")]))
    assert raw.decode("utf-8", "replace").endswith(message["Msg"])


def test_a_message_without_header_shows_that_it_has_none(store, keep):
    keep(b"hello")
    (message,) = store.messages(parse_query([("date", "ge1900-01-01")]))
    assert message == {
        **dict.fromkeys(("Pri", "Version", "Timestamp", "Hostname", "App-name", "Procid", "Msg-id"), "-"),
        "Msg": "hello",
    }


def test_an_unknown_time_in_the_header_is_no_flaw_and_counts_as_received_then(store, keep, make_message):
    raw = make_message().replace(b"2031-05-06T08:00:01.000000Z", b"-")
    keep(raw)
    assert store.figures()["flawed"] == 0
    (message,) = store.messages(parse_query([("date", "2031-05-06T08:00:03Z")]))
    assert message["Timestamp"] == "-"


@pytest.mark.requirement("SOLE-010")
def test_a_byte_order_mark_is_kept_in_the_store_and_not_shown(store, keep, make_message):
    raw = make_message().replace(b" - <", b" - \xef\xbb\xbf<", 1)
    keep(raw)
    assert store.figures() == {"stored": 1, "flawed": 0, "unread": 0}
    (message,) = store.messages(parse_query([("date", "2031-05-06")]))
    assert message["Msg"].startswith("<")


@pytest.mark.requirement("SOLE-068")
def test_an_audit_message_under_the_name_of_an_operational_one_is_told_apart(store, keep, make_message):
    keep(make_message("A1"), make_message("A2").replace(b"IHE+SOLE", b"Other+App"))
    assert accessions(store) == ["A1"]
    assert accessions(store, family="audit") == ["A2"]


@pytest.mark.parametrize(
    ("query", "hours"),
    [
        ([("date", "2031-05-06")], [8, 9, 10, 11]),
        ([("date", "ge2031-05-06T09:00:01Z")], [9, 10, 11]),
        ([("date", "gt2031-05-06T09:00:01Z")], [10, 11]),
        ([("date", "le2031-05-06T09:00:01Z")], [8, 9]),
        ([("date", "lt2031-05-06T09:00:01Z")], [8]),
        ([("date", "2031-05-06T09:00:01Z")], [9]),
        ([("date", "le2031-05-06T10:30Z"), ("date", "ge2031-05-06T08:30Z")], [9, 10]),
        ([("date", "2031-05-06"), ("pri", "85,x")], [8, 9, 10, 11]),
        ([("date", "2031-05-06"), ("pri", "x")], []),
        ([("date", "2031-05-06"), ("version", "2")], []),
        ([("date", "2031-05-06"), ("procid", "77")], [8, 9, 10, 11]),
        ([("date", "2031-05-06"), ("hostname", "nobody,scanner1")], [8, 9, 10, 11]),
        ([("date", "2031-05-06"), ("hostname", "scanner")], []),
        ([("date", "2031-05-06"), ("msg", "2.999.5")], [10, 11]),
        ([("date", "2031-05-06"), ("msg", "MRN11^")], [10]),
        ([("date", "2031-05-06"), ("msg", "scanner1 IHE+SOLE")], []),
        ([("date", "2031-05-06"), ("_count", "2")], [8, 9]),
        ([("date", "2031-05-06"), ("_count", "2"), ("_offset", "3")], [11]),
        ([("date", "2031-05-06"), ("_count", "0")], []),
    ],
    ids=str,
)
@pytest.mark.requirement("SOLE-058", "SOLE-059")
def test_messages_are_found_by_their_header_and_text(store, day, query, hours):
    wanted = parse_query(query)
    found = store.messages(wanted)
    assert [datetime.fromisoformat(one["Timestamp"]).hour for one in found] == hours
    assert wanted.count is not None or store.count_messages(wanted) == len(hours)


def test_a_batch_is_stored_whole_or_not_at_all(keep_in_file, make_message, tmp_path):
    store, keep = keep_in_file
    other = sqlite3.connect(tmp_path / "file.sqlite")
    other.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN instr(new.raw, 'A3') "
        "BEGIN SELECT RAISE(ABORT, 'disk'); END"
    )
    other.commit()
    with pytest.raises(Unavailable, match=r"cannot be used: disk\. Make its directory writable or free some space"):
        keep(make_message("A1"), make_message("A2"), make_message("A3"))
    assert store.figures()["stored"] == 0
    other.execute("DROP TRIGGER refuse")
    other.commit()
    other.close()
    assert keep(make_message("A1"), make_message("A2"), make_message("A3")) == 3


def test_an_empty_batch_stores_nothing(store):
    assert store.add([]) == 0
    assert store.figures() == {"stored": 0, "flawed": 0, "unread": 0}


def test_what_is_stored_is_there_after_a_restart(store, day, where):
    store.close()
    again = EventStore(where)
    assert accessions(again) == ["A1", "A1", "A2", "A2"]
    again.close()


@pytest.fixture
def keep_in_file(tmp_path):
    """A store in SQLite, and how to fill it."""
    opened = EventStore(tmp_path / "file.sqlite")

    def keep(*raw):
        new = opened.add([Receipt(one, DAY, "syslog-tls") for one in raw])
        Projector(opened).catch_up()
        return new

    yield opened, keep
    opened.close()


def test_readers_and_a_writer_do_not_wait_for_each_other(keep_in_file, make_message, tmp_path):
    store, keep = keep_in_file
    keep(make_message("A0"))
    writer = sqlite3.connect(tmp_path / "file.sqlite", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    found = []
    reading = threading.Thread(target=lambda: found.append(accessions(store)))
    reading.start()
    reading.join(30)
    writer.execute("ROLLBACK")
    writer.close()
    assert found == [["A0"]]


@pytest.mark.parametrize("content", [b"no database " * 100, None])
def test_a_file_that_cannot_be_a_store_is_refused_in_words(tmp_path, content):
    path = tmp_path / "events.sqlite"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(Unavailable, match=r"The event store .*events\.sqlite cannot be used"):
        EventStore(path)


def test_a_store_of_a_later_release_is_refused(store, where):
    with store.database.write() as connection:
        advance(connection, "layout", to=VERSION + 1)
    with pytest.raises(Unavailable, match=f"has version {VERSION + 1}; this release reads version {VERSION}"):
        EventStore(where)


def test_a_store_of_the_first_release_is_carried_over(make_message, tmp_path):
    raw = [make_message("A1"), b"hello", make_message("A2")]
    with contextlib.closing(sqlite3.connect(tmp_path / "events.sqlite")) as first:
        first.execute(
            "CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT, channel TEXT, peer TEXT, "
            "at TEXT, raw BLOB)"
        )
        first.execute("CREATE INDEX ix_event_at ON event (at)")
        for one in raw:
            first.execute(
                "INSERT INTO event (received_at, channel, peer, raw) VALUES (?, 'syslog-tls', '10.0.0.1', ?)",
                ("2031-05-06T08:00:03.000000Z", one),
            )
        first.execute("PRAGMA user_version = 1")
        first.commit()
    for _ in range(2):
        opened = EventStore(tmp_path / "events.sqlite")
        Projector(opened).catch_up()
        assert [message.raw for message in opened.after(0, 10, 10**9)] == raw
        assert accessions(opened) == ["A1", "A2"]
        assert opened.figures() == {"stored": 3, "flawed": 1, "unread": 0}
        assert opened.quarantine()[0]["received_at"] == "2031-05-06T08:00:03.000000Z"
        opened.close()


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path):
    other = sqlite3.connect(tmp_path / "events.sqlite")
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    with pytest.raises(Unavailable, match="has version 0"):
        EventStore(tmp_path / "events.sqlite")
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    other.close()
