"""What the log says is missing: work that stands still, results that nobody sees, sources gone silent (SOLE-083)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, select

from sole_logging.measures.case import NEVER_CLAIMED, NEVER_SEEN, NO_RESULT, TWO_ENDS
from sole_logging.measures.definitions import STUDY, WORKITEM
from sole_logging.measures.entry import micros, moment_of
from sole_logging.measures.tables import FACT, SOURCE_SEEN


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something may take before it is a gap."""

    claim: timedelta = timedelta(hours=1)
    work: timedelta = timedelta(hours=1)
    reading: timedelta = timedelta(days=4)
    silence: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that should have happened.

    Attributes:
        kind: key of `KINDS`.
        since: the last that was heard.
        workitem, study, accession: of what; empty for a source.
        source: the silent source, or the performer that has the work.
    """

    kind: str
    since: datetime
    workitem: str = ""
    study: str = ""
    accession: str = ""
    source: str = ""


#: The kinds of gaps, in words.
KINDS = {
    "never-claimed": "made and claimed by nobody",
    "never-started": "claimed, and not started or ended since",
    "never-ended": "started and not ended",
    "never-read": "images prepared and no report signed",
    "no-result": "completed without a result",
    "never-seen": "a result that was there, and the report signed without anybody looking at it",
    "two-ends": "completed and canceled too",
    "without-claim": "worked on without a claim",
    "silent-source": "a source that has sent nothing for long",
}
_KINDS_OF_STRANGE = {
    "no-result": NO_RESULT,
    "never-seen": NEVER_SEEN,
    "two-ends": TWO_ENDS,
    "without-claim": NEVER_CLAIMED,
}


def gaps(
    connection: Connection,
    now: datetime,
    patience: Patience | None = None,
    since: datetime | None = None,
    limit: int = 1000,
) -> list[Gap]:
    """The gaps in the log, the oldest of each kind first.

    Args:
        connection: to the facts.
        now: until when things are waited for.
        patience: how long things may take.
        since: cases from before this are not looked at; without it all are.
        limit: most gaps of one kind.
    """
    patience = patience or Patience()
    low = 0 if since is None else micros(since)
    standing = (
        ("never-claimed", WORKITEM, "created", patience.claim),
        ("never-started", WORKITEM, "claimed", patience.work),
        ("never-ended", WORKITEM, "started", patience.work),
        ("never-read", STUDY, "open", patience.reading),
    )
    found: list[Gap] = []
    for kind, level, state, longest in standing:
        waiting = and_(FACT.c.level == level, FACT.c.state == state, FACT.c.last_at < micros(now - longest))
        if level == STUDY:
            waiting = and_(waiting, FACT.c.begin_at.is_not(None))
        rows = _rows(connection, and_(waiting, FACT.c.at >= low), FACT.c.last_at, limit)
        found += [_gap(kind, row) for row in rows]
    found += _strange(connection, low, limit)
    return found + list(_silent(connection, now - patience.silence))


def count_gaps(connection: Connection, now: datetime, patience: Patience | None = None) -> dict[str, int]:
    """How many gaps of each kind there are, at most 1000 of each."""
    every = gaps(connection, now, patience)
    return {kind: sum(1 for one in every if one.kind == kind) for kind in KINDS}


def _strange(connection: Connection, low: int, limit: int) -> list[Gap]:
    """The oldest strange cases of each kind, by what is strange about them, so that an index gives the oldest."""
    bits = NO_RESULT | NEVER_SEEN | TWO_ENDS | NEVER_CLAIMED
    found: dict[str, list[Gap]] = {kind: [] for kind in _KINDS_OF_STRANGE}
    for combination in range(1, bits + 1):
        rows = _rows(connection, and_(FACT.c.strange == combination, FACT.c.at >= low), FACT.c.at, limit)
        for kind, bit in _KINDS_OF_STRANGE.items():
            if combination & bit:
                found[kind] += [_gap(kind, row) for row in rows]
    return [one for some in found.values() for one in sorted(some, key=attrgetter("since"))[:limit]]


def _rows(
    connection: Connection, condition: ColumnElement[bool], order: ColumnElement[int], limit: int
) -> Sequence[RowMapping]:
    columns = (FACT.c.key, FACT.c.study, FACT.c.accession, FACT.c.performer, FACT.c.last_at)
    asked = select(*columns).where(condition).order_by(order, FACT.c.case_id).limit(limit)
    return connection.execute(asked).mappings().all()


def _gap(kind: str, row: RowMapping) -> Gap:
    named = (row["key"], row["study"], row["accession"], row["performer"])
    return Gap(kind, moment_of(row["last_at"]), *named)


def _silent(connection: Connection, before: datetime) -> Iterator[Gap]:
    """Sources that sent nothing since a moment, while the log goes on."""
    asked = select(SOURCE_SEEN).where(SOURCE_SEEN.c.received_at < micros(before)).order_by(SOURCE_SEEN.c.received_at)
    for row in connection.execute(asked):
        yield Gap("silent-source", moment_of(row.received_at), source=row.source)
