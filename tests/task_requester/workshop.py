"""A Task Requester without threads, over stand-ins for archive and worklist, with a clock that only the test moves."""

from datetime import UTC, datetime, timedelta
from threading import Event

from actors.shared.mllp import Frame
from actors.task_requester.amending import Amender
from actors.task_requester.database import Database
from actors.task_requester.following import Follower
from actors.task_requester.intake import Intake
from actors.task_requester.ledger import Ledger
from actors.task_requester.orders_store import order_thread
from actors.task_requester.publishing import Publisher
from actors.task_requester.rules import load_rules
from actors.task_requester.settings import Settings
from connectathon.fiction import new_order
from connectathon.ris import build_order

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


class Workshop:
    """One requester over one store.

    Args:
        where: directory or URL of the store.
        outside: where the store is read from outside.
        images: the archive.
        worklist: the Task Manager.
        settings: those that differ.
    """

    def __init__(self, where, outside, images, worklist, rules=None, **settings):
        self.settings = Settings(**{"quiet_seconds": 2.0, "poll_seconds": 0.5, **settings})
        self.outside, self.images, self.worklist = outside, images, worklist
        self.passed = 0.0
        self.database = Database(where)
        self.intake = Intake(self.database, self.settings, lambda: None, self.now, lambda: "1")
        self.ledger = Ledger(self.database, self.now, reopen_seconds=self.settings.reopen_seconds)
        self.follower = Follower(
            self.ledger,
            images,
            rules or load_rules(self.settings.rules),
            self.settings,
            clock=self.now,
            monotonic=lambda: self.passed,
        )
        seconds = self.settings.cancel_escalation_seconds
        self.amender = Amender(self.database, worklist, clock=self.now, escalation_seconds=seconds)
        self.publisher = Publisher(self.database, worklist, clock=self.now, stopped=Event())
        self.order = new_order()

    def now(self):
        return NOW + timedelta(seconds=self.passed)

    def take(self, message):
        """Let the intake take a message that it has to accept."""
        self.passed += 0.001
        answer = self.intake.take(Frame(message), "test")
        assert b"|AA|" in answer, answer
        return self

    def send(self, control="NW", status="SC", minutes=None, order=None, **changes):
        """Take a message about the order; of some minute when one is given, else of the present."""
        at = self.now() if minutes is None else NOW + timedelta(minutes=minutes)
        return self.take(build_order(order or self.order, control=control, status=status, now=at, **changes))

    def arrive(self, count=30, order=None, **details):
        """Let the archive have so many images of the order's study."""
        order = order or self.order
        self.images.put(order.study_instance_uid, count, accession=order.accession_number, **details)
        return self

    def turn(self):
        """One turn of each part."""
        self.follower.look()
        self.amender.amend()
        self.publisher.publish()

    def work(self, seconds=10.0, step=0.5):
        """Let time pass."""
        for _ in range(int(seconds / step)):
            self.passed += step
            self.turn()
        return self

    def thread(self, identifier=None):
        """What the store says of the order, and of nothing else."""
        (found,) = order_thread(self.outside, identifier or self.order.accession_number)
        return found

    @property
    def state(self):
        return self.thread()["state"]
