"""The worklist over each store it runs on: embedded SQLite and a real PostgreSQL."""

import itertools
from datetime import UTC, datetime

import pytest

from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid
from profiles.errors import StepwellError
from profiles.ups import Request
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.model import Channel
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist

_numbers = itertools.count(1)


def now():
    return datetime.now(UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """A database without tables."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "workitems.sqlite")
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(database_url):
    made = Store(database_url)
    yield made
    made.close()


@pytest.fixture
def worklist(store):
    return Worklist(store, now)


class Desk:
    """Asks a worklist for things by the names of the transition table, and tells outcomes by its names too."""

    def __init__(self, worklist):
        self.worklist = worklist
        self.transaction = new_uid()
        worklist.subscriptions.subscribe("PERFORMER", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)

    def workitem_in(self, state):
        """A new workitem brought into a state; for ``none`` the UID of no workitem."""
        if state == "none":
            return new_uid()
        uid = self.worklist.create(new_workitem(now=now())).uid
        if state != "SCHEDULED":
            self.worklist.change_state(uid, "IN PROGRESS", self.transaction)
        if state == "COMPLETED":
            self.worklist.update(uid, performed(now()), self.transaction)
        if state in ("COMPLETED", "CANCELED"):
            self.worklist.change_state(uid, state, self.transaction)
        return uid

    def uid_for(self, comparison):
        """A Transaction UID that compares as the table says."""
        return {"ok": self.transaction, "wrong": new_uid()}.get(comparison)

    def ask(self, request, uid, transaction):
        """The key of the outcome: done, accepted, or a row of the error table."""
        states = {"claim": "IN PROGRESS", "schedule": "SCHEDULED", "complete": "COMPLETED", "cancel": "CANCELED"}
        try:
            match Request(request):
                case Request.CREATE:
                    outcome = self.worklist.create(new_workitem(now=now()), uid)
                case Request.UPDATE:
                    outcome = self.worklist.update(uid, performed(now()), transaction)
                case Request.REQUEST_CANCEL:
                    outcome = self.worklist.request_cancel(uid, {})
                case _:
                    outcome = self.worklist.change_state(uid, states[request], transaction)
        except StepwellError as error:
            return error.row_key
        return outcome.warning or ("accepted" if request == "request-cancel" else "done")


@pytest.fixture
def desk(worklist):
    return Desk(worklist)


@pytest.fixture
def task_managers(database_url):
    """Makes that many worklists which share one database, as several processes would."""
    stores = []

    def make(count):
        stores.extend(Store(database_url) for _ in range(count))
        return [Worklist(one, now) for one in stores[-count:]]

    yield make
    for one in stores:
        one.close()


@pytest.fixture
def desk_of():
    """Makes a desk for another worklist."""
    return Desk
