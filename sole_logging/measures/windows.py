"""The values of a window of time: from the facts where cases are few, else from the counts of days and months."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, func, select

from profiles.errors import BadInput
from sole_logging.measures import rollups
from sole_logging.measures.bins import COUNT, Counts
from sole_logging.measures.definitions import STRATA
from sole_logging.measures.entry import moment_of
from sole_logging.measures.rollups import DAY, DAY_LENGTH, MONTH, STARTS, month_of, start_of_day, start_of_month
from sole_logging.measures.state import oldest_case
from sole_logging.measures.tables import FACT, STRATUM

#: Windows of at most so many cases are answered from the facts.
MOST_EXACT = 20_000
HOUR: Final = 3_600_000_000
#: The weeks of ISO 8601 begin on Monday; the epoch was a Thursday.
_MONDAY = 4 * DAY_LENGTH
#: Where the span of time begins that a moment lies in.
SPANS: Final[dict[str, Callable[[int], int]]] = {
    "hour": lambda at: at - at % HOUR,
    "day": lambda at: at - at % DAY_LENGTH,
    "week": lambda at: at - (at - _MONDAY) % (7 * DAY_LENGTH),
    "month": lambda at: start_of_month(month_of(at)),
}


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at: from ``since`` up to but not including ``until``, in microseconds."""

    since: int
    until: int
    filters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by: str = ""


class Strata:
    """The combinations of strata there are, and which of them a window looks at."""

    def __init__(self, connection: Connection, window: Window) -> None:
        self._rows = connection.execute(select(STRATUM).order_by(STRATUM.c.id)).all()
        self._size = (self._rows[-1][0] if self._rows else 0) + 1
        self.wanted = np.ones(self._size, bool)
        for name, values in window.filters.items():
            column, allowed = STRATA.index(name) + 1, frozenset(values)
            for row in self._rows:
                self.wanted[row[0]] &= row[column] in allowed

    def labels(self, name: str) -> tuple[list[str], NDArray[Any]]:
        """The values of a stratum, and for each combination the place of its value among them."""
        column = STRATA.index(name) + 1
        labels = sorted({row[column] for row in self._rows})
        order = {label: place for place, label in enumerate(labels)}
        places = np.zeros(self._size, np.int64)
        for row in self._rows:
            places[row[0]] = order[row[column]]
        return labels, places

    def mapped(self, name: str, values: dict[str, int], otherwise: int) -> NDArray[Any]:
        """A number for each combination, by its value of a stratum."""
        labels, places = self.labels(name)
        numbers = np.array([values.get(label, otherwise) for label in labels] or [otherwise], np.int64)
        mapped: NDArray[Any] = numbers[places]
        return mapped


@dataclass(frozen=True, slots=True)
class Cases:
    """Rows of facts as columns."""

    at: NDArray[np.int64]
    stratum: NDArray[np.int64]
    values: NDArray[np.int64]
    latencies: list[bytes]


def is_small(connection: Connection, level: str, window: Window) -> bool:
    """Whether a window has so few cases that the facts are read, and all of them are still there."""
    if window.since < oldest_case(connection):
        return False
    first = select(FACT.c.at).where(*_within(level, window.since, window.until)).limit(MOST_EXACT + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(first)).scalar_one()) <= MOST_EXACT


def cases(connection: Connection, level: str, since: int, until: int) -> Cases:
    """The cases of a span of time."""
    asked = select(FACT.c.at, FACT.c.stratum, FACT.c.measured, FACT.c.latencies)
    rows = connection.execute(asked.where(*_within(level, since, until))).all()
    return Cases(
        np.array([row.at for row in rows], np.int64),
        np.array([row.stratum for row in rows], np.int64),
        rollups.matrix(level, [row.measured for row in rows]),
        [row.latencies for row in rows],
    )


def counts(
    connection: Connection, level: str, names: Sequence[str], window: Window
) -> dict[str, list[tuple[int, Counts]]]:
    """The counts of a window by measure, each part with the moment where it begins; parts do not overlap.

    Raises:
        BadInput: when hours are asked of a window with too many cases.
    """
    if window.by == "hour":
        raise BadInput(f"By hour, a window may hold {MOST_EXACT} cases; take a shorter one, or ask by day.")
    found: dict[str, list[tuple[int, Counts]]] = {name: [] for name in names}
    for grain, low, high in _pieces(connection, level, window):
        if grain:
            for name, parts in rollups.read(connection, level, names, grain, low, high).items():
                found[name] += [(STARTS[grain](bucket), some) for bucket, some in parts]
        else:
            some_counts = rollups.count_cases(connection, level, low, high, names)
            for name, kept in found.items():
                kept += [(low, some) for some in some_counts.get(name, ())]
    return found


def grouped(
    strata: Strata, window: Window, at: NDArray[np.int64], stratum: NDArray[np.int64]
) -> list[tuple[str, NDArray[np.bool_]]]:
    """The groups of a window with the cases that are in each, those without cases left out."""
    wanted = strata.wanted[stratum] if len(stratum) else np.zeros(0, bool)
    if not window.by:
        return [("", wanted)]
    if window.by in SPANS:
        starts = np.array([SPANS[window.by](one) for one in at.tolist()], np.int64)
        spans = np.unique(starts[wanted]).tolist()
        return [(label_of(start, window.by), wanted & (starts == start)) for start in spans]
    labels, places = strata.labels(window.by)
    place = places[stratum] if len(stratum) else stratum
    return [(labels[number], wanted & (place == number)) for number in np.unique(place[wanted]).tolist()]


def grouped_counts(strata: Strata, window: Window, parts: Sequence[tuple[int, Counts]]) -> list[tuple[str, Counts]]:
    """The groups of a window with the counts of each."""
    kept = [(at, some[strata.wanted[some["stratum"]]]) for at, some in parts] if window.filters else parts
    if window.by in SPANS:
        spans: dict[int, list[Counts]] = defaultdict(list)
        for at, some in kept:
            if len(some):
                spans[SPANS[window.by](at)].append(some)
        return [(label_of(at, window.by), np.concatenate(some)) for at, some in sorted(spans.items())]
    every = np.concatenate([np.zeros(0, COUNT), *(some for _, some in kept)])
    if not window.by:
        return [("", every)]
    labels, places = strata.labels(window.by)
    place = places[every["stratum"]]
    return [(labels[number], every[place == number]) for number in np.unique(place).tolist()]


def label_of(at: int, by: str) -> str:
    """How a span of time is called: when it begins, in UTC."""
    return moment_of(at).strftime({"hour": "%Y-%m-%dT%H:00Z", "month": "%Y-%m"}.get(by, "%Y-%m-%d"))


def _within(level: str, since: int, until: int) -> Iterable[ColumnElement[bool]]:
    return FACT.c.level == level, FACT.c.at >= since, FACT.c.at < until


def _pieces(connection: Connection, level: str, window: Window) -> list[tuple[str, int, int]]:
    """A window as months and days that are counted, by their numbers, and stretches that are read from the cases."""
    first, last = -(-window.since // DAY_LENGTH), window.until // DAY_LENGTH
    if first >= last:
        return [("", window.since, window.until)]
    pieces = [("", window.since, start_of_day(first)), ("", start_of_day(last), window.until)]
    changed = set(rollups.marked(connection, level, DAY))
    months = set() if window.by in (DAY, "week") else _whole_months(first, last)
    months -= set(rollups.marked(connection, level, MONTH))
    pieces += [(MONTH, low, high) for low, high in _runs(months)]
    days = {day for day in range(first, last) if month_of(start_of_day(day)) not in months}
    pieces += [(DAY, low, high) for low, high in _runs(days - changed)]
    pieces += [("", start_of_day(day), start_of_day(day + 1)) for day in sorted(days & changed)]
    return [piece for piece in pieces if piece[1] < piece[2]]


def _whole_months(first: int, last: int) -> set[int]:
    low, high = month_of(start_of_day(first)), month_of(start_of_day(last))
    return set(range(low + (start_of_month(low) < start_of_day(first)), high))


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as stretches, each up to but not including its end."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs
