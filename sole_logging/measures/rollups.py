"""Counts per day and month, measure and combination of strata: what views over years read in place of the cases.

One row holds the counts of all strata of one bucket as an array, so that a filter or a grouping is arithmetic on a few
arrays, whatever combination of strata is asked for. Counts and sums are exact; values are known to 1 %.

A day that changed is only marked; whoever reads takes its cases instead, until it is counted again. Days are counted
again when newer ones have changed since: a log that comes in order has each day counted about once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from sole_logging.measures.bins import COUNT, Counts, combined, counted
from sole_logging.measures.definitions import LATENCY, STUDY, slots
from sole_logging.measures.entry import micros, moment_of
from sole_logging.measures.tables import DIRTY, FACT, ROLLUP

DAY_LENGTH: Final = 86_400_000_000
DAY: Final = "day"
MONTH: Final = "month"
#: Pseudo measures: how many cases entered the backlog, how many of them left it, and how many ended (K18, A25, A26).
BEGUN: Final = "begun"
LEFT: Final = "left"
ENDED: Final = "ended"
_FLOWS = ((BEGUN, FACT.c.begin_at, None), (LEFT, FACT.c.end_at, FACT.c.begin_at), (ENDED, FACT.c.end_at, None))
#: So many changed days of a level are left to be read from the cases, and so many are counted at once.
_LEFT_ALONE = 2
_AT_ONCE = 2


def day_of(at: int) -> int:
    """The number of a day."""
    return at // DAY_LENGTH


def month_of(at: int) -> int:
    """The number of a month."""
    moment = moment_of(at)
    return moment.year * 12 + moment.month - 1


def start_of_day(day: int) -> int:
    """When a day begins."""
    return day * DAY_LENGTH


def start_of_month(month: int) -> int:
    """When a month begins."""
    return micros(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC))


STARTS: Final[dict[str, Callable[[int], int]]] = {DAY: start_of_day, MONTH: start_of_month}


def mark(connection: Connection, days: Iterable[tuple[str, int]]) -> None:
    """Say of which levels and days the cases have changed."""
    changed = {(level, DAY, day) for level, day in days}
    changed |= {(level, MONTH, month_of(start_of_day(day))) for level, _, day in changed}
    new = sorted(changed - {tuple(row) for row in connection.execute(select(DIRTY))})
    if new:
        names = ("level", "grain", "bucket")
        connection.execute(insert(DIRTY), [dict(zip(names, row, strict=True)) for row in new])


def marked(connection: Connection, level: str, grain: str) -> list[int]:
    """The buckets of a level that have changed since they were counted, in order."""
    asked = select(DIRTY.c.bucket).where(DIRTY.c.level == level, DIRTY.c.grain == grain).order_by(DIRTY.c.bucket)
    return list(connection.execute(asked).scalars())


def refresh(connection: Connection, level: str, *, leave: int = _LEFT_ALONE, at_once: int = _AT_ONCE) -> None:
    """Count changed days again, the oldest first, then months that have no changed day left.

    Args:
        connection: within a transaction of the writer.
        level: ``study`` or ``workitem``.
        leave: how many of the newest days are left as they are.
        at_once: how many days, and how many months, are counted.
    """
    days = marked(connection, level, DAY)
    for day in days[: max(0, min(at_once, len(days) - leave))]:
        _store(connection, level, DAY, day, count_cases(connection, level, start_of_day(day), start_of_day(day + 1)))
    busy = {month_of(start_of_day(day)) for day in marked(connection, level, DAY)}
    due = [month for month in marked(connection, level, MONTH) if month not in busy]
    newest = max(busy, default=2**31)
    for month in [month for month in due if month < newest or not leave][:at_once]:
        first, last = (day_of(start_of_month(one)) for one in (month, month + 1))
        found = read(connection, level, None, DAY, first, last)
        _store(connection, level, MONTH, month, {name: [some for _, some in parts] for name, parts in found.items()})


def read(
    connection: Connection, level: str, names: Sequence[str] | None, grain: str, low: int, high: int
) -> dict[str, list[tuple[int, Counts]]]:
    """The counts of some measures in buckets from ``low`` up to but not including ``high``, by measure."""
    found: dict[str, list[tuple[int, Counts]]] = defaultdict(list)
    asked = select(ROLLUP.c.measure, ROLLUP.c.bucket, ROLLUP.c.bins).where(
        ROLLUP.c.level == level, ROLLUP.c.grain == grain, ROLLUP.c.bucket >= low, ROLLUP.c.bucket < high
    )
    if names is not None:
        asked = asked.where(ROLLUP.c.measure.in_(names))
    for name, bucket, content in connection.execute(asked):
        found[name].append((bucket, np.frombuffer(content, COUNT)))
    return found


def matrix(level: str, contents: Sequence[bytes]) -> NDArray[np.int64]:
    """What rows keep of their values, as one row each."""
    return np.frombuffer(b"".join(contents), "<i8").reshape(len(contents), len(slots(level)))


def latencies(stratum: Sequence[int], contents: Sequence[bytes]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The latencies of all events of some studies, with the stratum of each."""
    sizes = [len(content) // 8 for content in contents]
    return np.repeat(np.array(stratum, np.int64), sizes), np.frombuffer(b"".join(contents), "<i8")


def count_cases(
    connection: Connection, level: str, since: int, until: int, names: Collection[str] | None = None
) -> dict[str, list[Counts]]:
    """The counts of a span of time, by measure, from its cases; of some measures, or of all."""
    wanted = {one.id: number for number, one in enumerate(slots(level)) if names is None or one.id in names}
    found: dict[str, list[Counts]] = {}
    columns = (FACT.c.stratum, FACT.c.measured, FACT.c.latencies)
    has_latency = level == STUDY and (names is None or LATENCY in names)
    needed = wanted or has_latency
    rows = connection.execute(select(*columns).where(*_between(level, FACT.c.at, since, until))).all() if needed else []
    if rows:
        stratum = np.array([row.stratum for row in rows], np.int64)
        values = matrix(level, [row.measured for row in rows])
        for name, number in wanted.items():
            is_ratio = slots(level)[number].kind == "ratio"
            found[name] = [counted(stratum, values[:, number], is_ratio=is_ratio)]
    if rows and has_latency:
        found[LATENCY] = [counted(*latencies([row.stratum for row in rows], [row.latencies for row in rows]))]
    for name, column, other in _FLOWS:
        if names is not None and name not in names:
            continue
        asked = select(FACT.c.stratum).where(*_between(level, column, since, until))
        asked = asked if other is None else asked.where(other.is_not(None))
        some = np.array(connection.execute(asked).scalars().all(), np.int64)
        if len(some):
            found[name] = [counted(some, np.ones(len(some), np.int64))]
    return found


def _between(level: str, column: ColumnElement[Any], since: int, until: int) -> tuple[ColumnElement[bool], ...]:
    return FACT.c.level == level, column >= since, column < until


def _store(connection: Connection, level: str, grain: str, bucket: int, found: dict[str, list[Counts]]) -> None:
    here = (ROLLUP.c.level == level, ROLLUP.c.grain == grain, ROLLUP.c.bucket == bucket)
    connection.execute(delete(ROLLUP).where(*here))
    place = {"level": level, "grain": grain, "bucket": bucket}
    rows = [{**place, "measure": name, "bins": combined(parts).tobytes()} for name, parts in found.items()]
    if rows:
        connection.execute(insert(ROLLUP), rows)
    connection.execute(delete(DIRTY).where(DIRTY.c.level == level, DIRTY.c.grain == grain, DIRTY.c.bucket == bucket))
