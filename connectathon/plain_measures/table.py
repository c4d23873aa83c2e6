"""All cases of a log, and what a group of them comes to (sole.md 8.5)."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectathon.plain_measures.cases import INCOMPLETE, NOISE, ORDER, PENDING, STRATA, Case, cases
from connectathon.plain_measures.definitions import OF_RESOURCES
from connectathon.plain_measures.reading import cases_of, once, rows_of

Figures = dict[str, Any]
_ABSENT, _VALUE = 0, 1
_WORDS = {PENDING: 2, INCOMPLETE: 3, NOISE: 4, ORDER: 5}
_FEWEST = 5
_SPANS = {"day": "M8[D]", "month": "M8[M]"}
_HIDDEN = ("count", "median", "p90", "p95", "maximum", "mean", "total", "clock_noise")


@dataclass
class Column:
    """A measure: of each case a value and what kind of value it is, or of a ratio numerator and denominator."""

    is_ratio: bool
    value: array[int] = field(default_factory=lambda: array("q"))
    kind: array[int] = field(default_factory=lambda: array("q"))
    case: array[int] = field(default_factory=lambda: array("q"))


class Table:
    """The cases of one level."""

    def __init__(self) -> None:
        self.at, self.begin, self.end = array("q"), array("q"), array("q")
        self.strata = array("q")
        self.combinations: dict[tuple[str, ...], int] = {}
        self.columns: dict[str, Column] = {}
        self.performers: dict[str, int] = {}
        self.performer = array("q")

    def add(self, one: Case) -> None:
        """Take a case in."""
        number = len(self.at)
        self.at.append(one.at)
        self.begin.append(-1 if one.begin is None else one.begin)
        self.end.append(-1 if one.end is None else one.end)
        strata = tuple(one.strata[name] for name in STRATA)
        self.strata.append(self.combinations.setdefault(strata, len(self.combinations)))
        self.performer.append(self.performers.setdefault(one.performer, len(self.performers)))
        for name, value in one.values.items():
            for single in value if isinstance(value, list) else [value]:
                self._put(name, number, single)

    def _put(self, name: str, number: int, value: int | str | tuple[int, int]) -> None:
        column = self.columns.setdefault(name, Column(isinstance(value, tuple)))
        first, second = value if isinstance(value, tuple) else (value, _VALUE)
        if isinstance(first, str):
            second, first = _WORDS[first], 0
        column.case.append(number)
        column.value.append(first)
        column.kind.append(second)

    def numbers(self, name: str) -> NDArray[np.int64]:
        """One of the arrays."""
        return np.frombuffer(getattr(self, name) or array("q"), np.int64)

    def groups(self, since: int, until: int, by: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """The groups of a window by a stratum, ``day`` or ``month``, each with the cases that are in it."""
        at = self.numbers("at")
        inside = (at >= since) & (at < until)
        if not by:
            yield "", inside
            return
        if by in STRATA:
            place = STRATA.index(by)
            labels = [one[place] for one in self.combinations]
            of_case = np.array(labels, object)[self.numbers("strata")] if labels else np.array([], object)
        else:
            of_case = at.view("M8[us]").astype(_SPANS[by]).astype(str).astype(object)
        for label in sorted(set(of_case[inside])):
            yield label, inside & (of_case == label)

    def figures(self, name: str, members: NDArray[np.bool_]) -> Figures:
        """What the values of some cases come to."""
        column = self.columns.get(name)
        if column is None:
            return shown({"count": 0})
        value, kind, case = (np.frombuffer(one, np.int64) for one in (column.value, column.kind, column.case))
        here = members[case]
        value, kind = value[here], kind[here]
        if column.is_ratio:
            parts, of = int(value.sum()), int(kind.sum())
            return shown({"count": of, "mean": parts / of if of else None, "total": float(parts)})
        left_out = {word: int((kind == number).sum()) for word, number in _WORDS.items()}
        kept = np.sort(value[(kind == _VALUE) | (kind == _WORDS[NOISE])])
        return shown(_spread(kept) | left_out)


@dataclass
class Log:
    """What a file says: studies, workitems, and events of resources in order of their time."""

    tables: dict[str, Table]
    resources: list[tuple[int, str, str]]


def read(path: Path) -> Log:
    """Read a file."""
    tables: dict[str, Table] = defaultdict(Table)
    for rows in cases_of(path):
        for one in cases(rows):
            tables[one.level].add(one)
    found = once(row for row in rows_of(path) if OF_RESOURCES.intersection(row["codes"].split("|")))
    events = [
        (row["at"], next(code for code in row["codes"] if code in OF_RESOURCES), row["performer"] or row["source"])
        for row in found
    ]
    return Log(tables, events)


def _spread(kept: NDArray[np.int64]) -> Figures:
    if not len(kept):
        return {"count": 0}
    total = int(kept.sum())
    found: Figures = {"count": len(kept), "mean": total / len(kept), "total": float(total), "maximum": float(kept[-1])}
    for word, share in (("median", 0.5), ("p90", 0.9), ("p95", 0.95)):
        rank = share * (len(kept) - 1)
        low, high = int(kept[int(rank)]), int(kept[min(int(rank) + 1, len(kept) - 1)])
        found[word] = low + (high - low) * (rank - int(rank))
    return found


def shown(figures: Figures) -> Figures:
    """Figures without what is told of fewer than five (8.5 rule 10)."""
    count = figures.get("count") or 0
    members = count + sum(figures.get(word) or 0 for word in (PENDING, INCOMPLETE, ORDER))
    if count >= _FEWEST or not members:
        return figures
    kept = {} if members < _FEWEST else {name: value for name, value in figures.items() if name not in _HIDDEN}
    return {"hidden": True, **kept}


def span_lengths(
    events: Sequence[tuple[int, str, str]], pairs: Sequence[tuple[str, str]], since: int, until: int
) -> dict[str, list[int]]:
    """How long each resource was down, open or used, time after time, within a window."""
    found: dict[str, list[int]] = defaultdict(list)
    for begin, end in pairs:
        for resource in sorted({name for _, _, name in events}):
            own = [(at, code) for at, code, name in events if name == resource and code in (begin, end) and at < until]
            for low, high in _spans(own, begin, since, until):
                if min(high, until) > max(low, since):
                    found[resource].append(min(high, until) - max(low, since))
    return found


def _spans(own: Sequence[tuple[int, str]], begin: str, since: int, until: int) -> Iterator[tuple[int, int]]:
    started: int | None = None
    for number, (at, code) in enumerate(own):
        if code == begin:
            started = at if started is None else started
        elif started is not None:
            yield started, at
            started = None
        elif number == 0:
            yield since, at
    if started is not None:
        yield started, until
