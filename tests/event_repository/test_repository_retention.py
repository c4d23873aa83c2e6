"""What the repository deletes, and that the deletion is in the audit trail."""

from datetime import UTC, datetime, timedelta

import pytest

from actors.event_repository.ingest import Ingest
from actors.event_repository.retention import Retention
from actors.event_repository.settings import Settings
from connectathon.waiting import eventually
from profiles.sole import Source
from sole_logging.measures import FactTable
from sole_logging.projecting import Projector
from sole_logging.records import Receipt
from sole_logging.store import EventQuery, EventStore

from .conftest import Repository

NOW = datetime.now(UTC)


@pytest.fixture
def store(tmp_path):
    opened = EventStore(tmp_path / "events.sqlite")
    facts = FactTable()
    with opened.database.write() as connection:
        facts.create(connection)
    for days in (40, 20, 1):
        message = Repository.message(f"DAY-{days}", occurrence=str(days))
        opened.add([Receipt(message, NOW - timedelta(days=days), "syslog-tls")])
    Projector(opened, [facts.apply]).catch_up()
    yield opened
    opened.close()


@pytest.fixture
def forget(store):
    """Delete by some settings; returns the audit events that this left."""

    def deleted(**settings):
        recorded = []
        Retention(store, Settings(**settings), recorded.append, lambda: NOW).forget()
        return recorded

    return deleted


def accessions(store):
    return [found["accession"] for found in store.search(EventQuery())]


def test_messages_older_than_the_settings_say_are_deleted_and_that_is_audited(store, forget):
    (event,) = forget(keep_messages_days=30)
    assert sorted(accessions(store)) == ["DAY-1", "DAY-20"]
    assert (event.kind, event.description.startswith("1 messages received before")) == ("audit-log-deleted", True)
    assert forget(keep_messages_days=30) == []


def test_without_such_settings_everything_is_kept(store, forget):
    assert forget() == []
    assert len(accessions(store)) == 3


def test_the_audit_event_of_a_deletion_is_stored_like_any_other(store):
    ingest = Ingest(store, Source("event_repository", "here", "1", "Test", "x"))
    ingest.start()
    retention = Retention(store, Settings(keep_messages_days=10), ingest.record)
    retention.start()
    eventually(lambda: ingest.received, what="the audit event")
    retention.close()
    ingest.close()
    Projector(store).catch_up()
    (found,) = store.search(EventQuery(family="audit"))
    assert (found["code"], found["details"]["Alert Description"][:21]) == ("110132", "2 messages received b")
