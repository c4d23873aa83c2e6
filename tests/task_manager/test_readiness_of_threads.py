"""What the Task Manager does from time to time goes on whatever goes wrong once."""

import threading

import structlog.testing

from actors.task_manager.housekeeping import Regularly
from profiles.errors import Unavailable


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
