"""Event Consumers with one defect each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectathon.bad_peers.defects import defect

ACTOR = "event_consumer"


def _consumer() -> Any:
    from connectathon import event_consumer

    return event_consumer.Consumer


@defect("event-ec-plain-plus", ACTOR, "plus signs are not encoded", warns=("SOLE-EC-001",))
def _plain_plus() -> None:
    consumer = _consumer()
    honest = consumer.query
    consumer.query = lambda self, start, stop: honest(self, start, stop).replace("%2B", "+")


@defect("event-ec-known-only", ACTOR, "an event of an unknown kind spoils the answer", warns=("SOLE-EC-002",))
def _known_only() -> None:
    from profiles.sole import catalogue

    consumer = _consumer()
    honest = consumer.take

    def take(self: Any, at: datetime, code: str, accession: str) -> None:
        if code not in catalogue():
            raise ValueError(f"unknown code {code}")
        honest(self, at, code, accession)

    consumer.take = take


@defect("event-ec-one-page", ACTOR, "only the first page is taken", warns=("SOLE-EC-003",))
def _one_page() -> None:
    consumer = _consumer()
    honest = consumer._page

    def page(self: Any, *args: Any) -> int:
        honest(self, *args)
        return 0

    consumer._page = page


@defect("event-ec-error-is-nothing", ACTOR, "a failed query looks like one without events", warns=("SOLE-EC-004",))
def _error_is_nothing() -> None:
    _consumer().failed = lambda _self: False


@defect("event-ec-time-of-telling", ACTOR, "events have the time of their message", warns=("SOLE-EC-005",))
def _time_of_telling() -> None:
    _consumer().moment = lambda _self, _at, row: datetime.fromisoformat(row["Timestamp"])
