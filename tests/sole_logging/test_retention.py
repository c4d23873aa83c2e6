"""Old messages are deleted, in the order in which they came, and nothing else is."""

from datetime import timedelta

import pytest

from profiles.sole.syslog import compose
from sole_logging.projecting import Projector
from sole_logging.records import Receipt
from sole_logging.store import EventQuery, EventStore, retention

from .conftest import START, message_of

DAY = timedelta(days=1)


def plain(number):
    return compose(b"%d" % number, pri=85, at=START, hostname="h", application="a", process="1", message_id="X")


@pytest.fixture
def days(store):
    """Four messages, received on four days."""
    for day in range(4):
        store.add([Receipt(message_of(f"A{day}", hour=24 * day), START + day * DAY, "syslog-tls")])
    return store


def held(store):
    return [message.received_at for message in store.after(0, 100, 10**9)]


def test_messages_received_before_a_moment_are_deleted_with_what_was_read_of_them(days):
    Projector(days).catch_up()
    assert days.forget(START + 2 * DAY) == 2
    assert [found["accession"] for found in days.search(EventQuery())] == ["A2", "A3"]
    assert (len(held(days)), days.figures()["stored"]) == (2, 2)
    assert days.forget(START + 2 * DAY) == 0


def test_a_message_that_was_not_read_yet_is_not_deleted(days):
    assert days.forget(START + 9 * DAY) == 0
    Projector(days).catch_up()
    assert days.forget(START + 9 * DAY) == 4


def test_a_number_is_not_given_again_when_all_messages_were_deleted(days):
    Projector(days).catch_up()
    last = days.after(0, 100, 10**9)[-1].number
    days.forget(START + 9 * DAY)
    days.add([Receipt(message_of("A9"), START + 9 * DAY, "syslog-tls")])
    assert days.after(0, 100, 10**9)[0].number > last
    assert Projector(days).catch_up() == 1


def test_who_sent_stays_known_when_the_messages_are_gone(days):
    Projector(days).catch_up()
    days.forget(START + 9 * DAY)
    assert [(sender.host, sender.messages) for sender in days.senders()] == [("scanner1", 4)]


def test_more_than_one_portion_is_deleted_portion_by_portion(tmp_path, monkeypatch):
    monkeypatch.setattr(retention, "_PART", 3)
    opened = EventStore(tmp_path / "events.sqlite")
    opened.add([Receipt(plain(number), START, "syslog-tls") for number in range(10)])
    Projector(opened).catch_up()
    assert opened.forget(START + DAY) == 10
    assert (held(opened), opened.figures()) == ([], {"stored": 0, "flawed": 0, "unread": 0})
    opened.close()
