"""The values of a measure in a window one by one, the cases with the longest of them, and the events of one case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from profiles.errors import BadInput, NotFound
from sole_logging.measures import rollups
from sole_logging.measures.answering import MeasureQuery
from sole_logging.measures.bins import COUNT, LOWEST_BIN, NO_VALUE, Counts, middle_of
from sole_logging.measures.case import CLOCK_NOISE
from sole_logging.measures.definitions import Measure, measure, slot_of
from sole_logging.measures.entry import LogEntry, micros, moment_of
from sole_logging.measures.facts import unpacked
from sole_logging.measures.figures import SMALLEST_GROUP
from sole_logging.measures.tables import CASE_KEY, CASE_ROW, FACT
from sole_logging.measures.windows import Strata, Window, cases, counts, is_small

#: Among so many cases of a window, the newest, the longest are looked for.
LOOKED_AT = 5_000
_KINDS = frozenset({"interval", "throughput"})


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a measure.

    Attributes:
        numbers: distinct values in rising order, in the unit of the measure.
        weights: how many cases have each.
        exact: whether they are those of the cases; else they are known to 1 %.
    """

    numbers: NDArray[np.float64]
    weights: NDArray[np.int64]
    exact: bool

    @property
    def count(self) -> int:
        """How many cases there are."""
        return int(self.weights.sum())

    def at(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values below which given shares of the cases are."""
        places = np.searchsorted(np.cumsum(self.weights), shares * self.count, side="right")
        found: NDArray[np.float64] = self.numbers[np.minimum(places, len(self.numbers) - 1)]
        return found

    def between(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many cases are from each edge up to but not including the next."""
        upto = np.concatenate([[0], np.cumsum(self.weights)])
        places = np.searchsorted(self.numbers, edges, side="left")
        number: NDArray[np.int64] = np.diff(upto[places])
        return number


@dataclass(frozen=True, slots=True)
class Example:
    """One case with its value.

    Attributes:
        key: UID of the workitem; empty for a study.
        value: in the unit of the measure.
    """

    at: datetime
    key: str
    study: str
    accession: str
    state: str
    performer: str
    value: float


def has_values(asked: Measure) -> bool:
    """Whether each case has a value of a measure that can be spread out."""
    return asked.kind in _KINDS


def values_of(connection: Connection, query: MeasureQuery) -> dict[str, Values]:
    """The values of the measures of a query, whatever it is grouped by.

    Raises:
        BadInput: when cases have no values of one.
    """
    levels: dict[str, list[str]] = {}
    for name in query.measures:
        levels.setdefault(_valued(name).level, []).append(name)
    window = _whole(query)
    strata = Strata(connection, window)
    found: dict[str, Values] = {}
    for level, names in levels.items():
        read = _from_cases if is_small(connection, level, window) else _from_counts
        found |= read(connection, strata, window, level, names)
    return {name: found[name] for name in query.measures}


def _from_cases(
    connection: Connection, strata: Strata, window: Window, level: str, names: Sequence[str]
) -> dict[str, Values]:
    rows = cases(connection, level, window.since, window.until)
    wanted = rows.values[strata.wanted[rows.stratum]] if len(rows.stratum) else rows.values
    found = {}
    for name in names:
        values = wanted[:, slot_of(name)]
        values = np.where(values == CLOCK_NOISE, 0, values)
        numbers, weights = np.unique(values[values > CLOCK_NOISE], return_counts=True)
        found[name] = Values(numbers.astype(float), weights, exact=True)
    return found


def _from_counts(
    connection: Connection, strata: Strata, window: Window, level: str, names: Sequence[str]
) -> dict[str, Values]:
    found = {}
    for name, parts in counts(connection, level, names, window).items():
        some: Counts = np.concatenate([np.zeros(0, COUNT), *(one[strata.wanted[one["stratum"]]] for _, one in parts)])
        bins = np.where(some["bin"] == NO_VALUE[CLOCK_NOISE], 0, some["bin"])
        is_value = bins > LOWEST_BIN
        numbers, where = np.unique(bins[is_value], return_inverse=True)
        weights = np.zeros(len(numbers), np.int64)
        np.add.at(weights, where, some["count"][is_value])
        found[name] = Values(middle_of(numbers), weights, exact=False)
    return found


def longest(connection: Connection, query: MeasureQuery, limit: int = 25) -> tuple[list[Example], datetime]:
    """The cases with the greatest values of the only measure of a query.

    Only the newest `LOOKED_AT` cases of the window are looked at.

    Returns:
        The cases, the greatest value first, none when they are too few to be shown (sole.md 8.5 rule 10); and from
        which moment on cases were looked at.

    Raises:
        BadInput: when cases have no values of it.
    """
    (name,) = query.measures
    asked, window = _valued(name), _whole(query)
    columns = (FACT.c.case_id, FACT.c.key, FACT.c.at, FACT.c.stratum, FACT.c.measured)
    within = (FACT.c.level == asked.level, FACT.c.at >= window.since, FACT.c.at < window.until)
    rows = connection.execute(select(*columns).where(*within).order_by(FACT.c.at.desc()).limit(LOOKED_AT)).all()
    since = moment_of(rows[-1].at) if len(rows) == LOOKED_AT else query.since
    if not rows:
        return [], since
    every = rollups.matrix(asked.level, [row.measured for row in rows])[:, slot_of(asked.id)]
    wanted = Strata(connection, window).wanted[np.array([row.stratum for row in rows], np.int64)]
    there = np.flatnonzero(wanted & (every >= 0))
    if len(there) < SMALLEST_GROUP:
        return [], since
    first = there[np.argsort(-every[there], kind="stable")][:limit]
    details = _details(connection, asked.level, [(rows[one].case_id, rows[one].key) for one in first])
    return [
        Example(moment_of(rows[one].at), *details[rows[one].case_id, rows[one].key], float(every[one])) for one in first
    ], since


def events_of(connection: Connection, name: str) -> list[LogEntry]:
    """The events of the case that a Study Instance UID, accession number or workitem UID belongs to, in order of time.

    Raises:
        NotFound: when the facts know no such case.
    """
    keys = [f"{kind}:{name}" for kind in "saw"]
    joined = CASE_KEY.join(CASE_ROW, CASE_KEY.c.case_id == CASE_ROW.c.case_id)
    found = select(CASE_ROW.c.entries).select_from(joined).where(CASE_KEY.c.key.in_(keys)).limit(1)
    content = connection.execute(found).scalar()
    if content is None:
        raise NotFound(
            f"The log knows no study, accession number or workitem {name!r}, or its facts were deleted by age."
        )
    return sorted(unpacked(content), key=lambda one: (one.at, one.event_id))


def _valued(name: str) -> Measure:
    asked = measure(name)
    if not has_values(asked):
        raise BadInput(f"{name} ({asked.name}) is one number for all cases; choose a measure that each case has.")
    return asked


def _whole(query: MeasureQuery) -> Window:
    window = query.window
    return Window(micros(query.since), micros(query.until), window.filters)


def _details(
    connection: Connection, level: str, keys: list[tuple[int, str]]
) -> dict[tuple[int, str], tuple[Any, Any, Any, Any, Any]]:
    columns = (FACT.c.case_id, FACT.c.key, FACT.c.study, FACT.c.accession, FACT.c.state, FACT.c.performer)
    # by case alone: SQLite looks for pairs in all rows
    asked = select(*columns).where(FACT.c.level == level, FACT.c.case_id.in_({case_id for case_id, _ in keys}))
    wanted = set(keys)
    rows = (row for row in connection.execute(asked) if (row[0], row[1]) in wanted)
    return {(row[0], row[1]): (row[1], row[2], row[3], row[4], row[5]) for row in rows}
