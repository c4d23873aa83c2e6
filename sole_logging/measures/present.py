"""What is so at this moment: work that waits or is done, and who was heard of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from sole_logging.measures.definitions import STRATA, STUDY, WORKITEM
from sole_logging.measures.entry import micros, moment_of
from sole_logging.measures.tables import FACT, SOURCE_SEEN, STRATUM

#: States of workitems that are not final.
OPEN = ("created", "claimed", "started")


@dataclass(frozen=True, slots=True)
class Heard:
    """A source: when its last event happened, and when that came here."""

    source: str
    last_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Present:
    """What is so now.

    Attributes:
        states: how many workitems are in each of `OPEN`.
        unread: studies whose images are prepared and whose report is not signed.
        sources: the one that was heard of last comes first.
    """

    states: Mapping[str, int]
    unread: int
    sources: tuple[Heard, ...]


def present(connection: Connection, filters: Mapping[str, tuple[str, ...]], since: datetime) -> Present:
    """Count what is open, of the strata wanted; what nothing was heard of since a moment is forgotten, not open."""
    heard = FACT.c.last_at >= micros(since)
    states = _open(connection, WORKITEM, filters, FACT.c.state.in_(OPEN), heard)
    unread = _open(connection, STUDY, filters, FACT.c.state == "open", FACT.c.begin_at.is_not(None), heard)
    return Present(states, sum(unread.values()), _heard(connection))


def _open(
    connection: Connection, level: str, filters: Mapping[str, tuple[str, ...]], *conditions: ColumnElement[bool]
) -> Counter[str]:
    asked = select(FACT.c.state, func.count()).where(FACT.c.level == level, *conditions)
    named = [STRATUM.c[name].in_(filters[name]) for name in STRATA if filters.get(name)]
    if named:
        asked = asked.where(FACT.c.stratum.in_(select(STRATUM.c.id).where(*named)))
    return Counter({state: number for state, number in connection.execute(asked.group_by(FACT.c.state))})


def _heard(connection: Connection) -> tuple[Heard, ...]:
    rows = connection.execute(select(SOURCE_SEEN).order_by(SOURCE_SEEN.c.received_at.desc(), SOURCE_SEEN.c.source))
    return tuple(Heard(row.source, moment_of(row.last_at), moment_of(row.received_at)) for row in rows)
