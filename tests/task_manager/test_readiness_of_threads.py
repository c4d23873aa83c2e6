"""What the Task Manager does from time to time goes on whatever goes wrong once."""

import threading
from datetime import UTC, datetime

import structlog.testing

from actors.task_manager.housekeeping import Regularly
from actors.task_manager.reporting import READER, OutboxReporting
from connectathon.waiting import eventually
from connectathon.workitems import new_workitem
from profiles.errors import Unavailable
from profiles.sole import OperationalEvent
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist


def test_work_that_fails_is_logged_without_what_it_was_about_and_done_again():
    done, failures = threading.Event(), [Unavailable("the store is away"), KeyError("DOE^JANE")]

    def work():
        if failures:
            raise failures.pop(0)
        done.set()

    regularly = Regularly("sweeping", 0.01, work)
    with structlog.testing.capture_logs() as lines:
        regularly.start()
        assert done.wait(60)
        regularly.stop()
    assert [(line["event"], line["reason"]) for line in lines] == [
        ("sweeping-failed", "the store is away"),
        ("sweeping-failed", "KeyError"),
    ]


def test_the_operational_log_is_told_every_event_however_it_failed_before(tmp_path):
    store = Store(sqlite_url(tmp_path / "w.sqlite"))
    worklist = Worklist(store, lambda: datetime.now(UTC))
    made = [worklist.create(new_workitem(now=datetime.now(UTC))).uid for _ in range(3)]

    class Failing:
        failures, told = [Unavailable("the disk is full"), ValueError("DOE^JANE")], []

        def record(self, events):
            if self.failures:
                raise self.failures.pop(0)
            self.told.extend(one.thread.workitem_uid for one in events if isinstance(one, OperationalEvent))

    reporting = OutboxReporting(store, Failing())
    with structlog.testing.capture_logs() as lines:
        reporting.start()
        eventually(lambda: store.cursor(READER) == store.last_sequence(), what="the outbox to be reported")
        reporting.stop()
    store.close()
    assert Failing.told == made
    assert [line["reason"] for line in lines if line["event"] == "outbox-not-reported"] == [
        "the disk is full",
        "ValueError",
    ]


def test_it_is_done_at_once_when_somebody_asks_and_not_before_its_time_otherwise():
    done = threading.Semaphore(0)
    regularly = Regularly("sweeping", 3600, done.release)
    regularly.start()
    assert done.acquire(timeout=60)
    for _ in range(3):
        regularly.soon()
        assert done.acquire(timeout=60)
    regularly.stop()
    assert not done.acquire(blocking=False)
