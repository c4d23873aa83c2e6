"""Security events that nobody waits for: written together, bounded, and never in the way of other events."""

import threading
from datetime import UTC, datetime

import pytest
import structlog

from connectathon.waiting import eventually
from profiles.errors import Unavailable
from profiles.sole import OperationalEvent, SecurityEvent, Source, Thread
from sole_logging import EventReporter, Spool
from sole_logging.gathering import Gathering

NOW = datetime(2031, 5, 6, tzinfo=UTC)
SOURCE = Source("task_manager", "host", "1", "Test", "instance")


def read(number):
    return SecurityEvent("workitem-read", NOW, occurrence=str(number))


def test_what_gathers_is_written_in_one_batch_and_in_order():
    batches, go = [], threading.Event()

    def record(events):
        go.wait(60)
        batches.append([one.occurrence for one in events])

    gathering = Gathering(record, seconds=0.01)
    gathering.start()
    gathering.add(read(0))
    for number in range(1, 100):
        gathering.add(read(number))
    go.set()
    gathering.close()
    assert [one for batch in batches for one in batch] == [str(number) for number in range(100)]
    assert len(batches) <= 3


def test_more_than_can_be_held_is_lost_and_said():
    gathering = Gathering(list, most=2)
    with structlog.testing.capture_logs() as logs:
        for number in range(5):
            gathering.add(read(number))
        gathering.close()
    assert [(one["event"], one["events"]) for one in logs] == [("audit-not-recorded", 3)]


def test_what_cannot_be_written_is_said_and_stops_nobody():
    def full(_events):
        raise Unavailable("the disk is full")

    gathering = Gathering(full)
    with structlog.testing.capture_logs() as logs:
        gathering.add(read(1))
        gathering.close()
    assert [(one["reason"], one["events"]) for one in logs] == [("the disk is full", 1)]


def test_accesses_reach_the_spool_soon_and_leave_one_half_of_it_to_what_matters_more(tmp_path):
    reporter = EventReporter(SOURCE, Spool(tmp_path / "s.sqlite", limit=10))
    with structlog.testing.capture_logs() as logs:
        reporter.start()
        for number in range(4):
            reporter.audit_soon(read(number))
        eventually(lambda: reporter.waiting == 5, what="the accesses to be on disk")
        reporter.audit_soon(read(5))
        eventually(lambda: [one for one in logs if one["event"] == "audit-not-recorded"], what="the log")
    for number in range(4):
        reporter.report(OperationalEvent("order-received", NOW, Thread(), occurrence=str(number)))
    with pytest.raises(Unavailable):
        reporter.record([OperationalEvent("order-received", NOW, Thread(), occurrence=str(one)) for one in "ab"])
    assert reporter.waiting >= 9
    reporter.close()
