"""A dashboard over a small hospital's log."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import httpx

from actors.event_repository.application import create_app
from actors.event_repository.dashboard import Desk, Live, create_dashboard
from actors.event_repository.ingest import Ingest
from connectathon.operational_log import Hospital, operational_log
from profiles.sole import Source
from sole_logging.measures import FactTable
from sole_logging.store import EventStore

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
NOW = BEGIN + timedelta(days=9, hours=15)
VERSIONS_AFTER_DAYS = 5


def hospital_log():
    """Nine days of about forty studies each."""
    log = operational_log(Hospital(seed=7, studies_a_day=40, begin=BEGIN, new_versions=VERSIONS_AFTER_DAYS))
    return itertools.takewhile(lambda one: one.received_at < NOW, log)


class Dashboard:
    """The pages over a store of their own, asked without a network."""

    def __init__(self, folder, *entries, now=lambda: NOW):
        self.store = EventStore(folder / "events.sqlite")
        self.facts = FactTable()
        with self.store.database.write() as connection:
            self.facts.create(connection)
        self.add(*entries)
        self.audited = []
        self.live = Live(self.store)
        desk = Desk(
            self.store, lambda request: self.audited.append(request.url.path), self.live, "http://127.0.0.1:9", now
        )
        ingest = Ingest(self.store, Source("event_repository", "here", "1"))
        self.app = create_app(self.store, ingest, pages=create_dashboard(desk))

    def add(self, *entries):
        with self.store.database.write() as connection:
            self.facts.apply(connection, entries)

    def get(self, path, **parameters):
        async def ask():
            transport = httpx.ASGITransport(self.app)
            headers = {"accept": "text/html"}
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
                return await client.get(path, params=parameters or None)

        return asyncio.run(ask())

    def table(self, page, chart, **parameters):
        """Rows of a table, as CSV has them."""
        answer = self.get(f"/dashboard/{page}.csv", chart=chart, **parameters)
        assert answer.status_code == 200, answer.text
        return [line.split(",") for line in answer.text.splitlines()]
