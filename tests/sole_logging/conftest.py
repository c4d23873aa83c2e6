"""Events, their messages, and a store on disk."""

from datetime import UTC, datetime, timedelta

import pytest

from profiles.sole import OperationalEvent, Source, Thread
from sole_logging.records import Receipt
from sole_logging.reporter import sole_message
from sole_logging.store import EventStore

START = datetime(2031, 5, 6, 8, 0, tzinfo=UTC)
SOURCE = Source("modality", "scanner1", "77", "Test", "scanner-instance")


def event_of(accession="A1", step="order-received", hour=0, **changes):
    """An event at an hour of a day that is not today; identifiers of the thread by name."""
    names = ("patient_id", "placer_order_number", "filler_order_number", "study_instance_uid", "workitem_uid")
    thread = {name: changes.pop(name) for name in names if name in changes}
    return OperationalEvent(
        step, START + timedelta(hours=hour), Thread(accession_number=accession, **thread), **changes
    )


def message_of(accession="A1", step="order-received", hour=0, **changes):
    """Its syslog message, written a second after it happened."""
    event = event_of(accession, step, hour, **changes)
    return sole_message(event, SOURCE, event.at + timedelta(seconds=1))


def receipt_of(raw, hour=0):
    """That message, received two seconds later."""
    return Receipt(raw, START + timedelta(hours=hour, seconds=3), "syslog-tls", "127.0.0.1")


@pytest.fixture
def make_event():
    return event_of


@pytest.fixture
def make_message():
    return message_of


@pytest.fixture
def store(tmp_path):
    opened = EventStore(tmp_path / "events.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def keep(store):
    """Store messages as received; returns how many were new."""
    return lambda *messages, hour=0: store.add([receipt_of(raw, hour) for raw in messages])
