"""Questions about the log and their answers: a measure over a window, filtered and grouped (sole.md 8.3 to 8.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from profiles.errors import BadInput
from sole_logging.measures import standing
from sole_logging.measures.bins import DENOMINATOR_BIN, LOWEST_BIN, NO_VALUE, NUMERATOR_BIN, Counts, middle_of
from sole_logging.measures.case import CLOCK_NOISE
from sole_logging.measures.definitions import STRATA, STUDY, WORKITEM, Measure, measure, slot_of
from sole_logging.measures.entry import MICROSECOND, micros, moment_of
from sole_logging.measures.figures import SMALLEST_GROUP, Figures, binned_figures, exact_figures
from sole_logging.measures.rollups import latencies
from sole_logging.measures.tables import SOURCE_SEEN
from sole_logging.measures.windows import (
    SPANS,
    Cases,
    Strata,
    Window,
    cases,
    counts,
    grouped,
    grouped_counts,
    is_small,
)

#: Longest report turnaround by priority (sole.md 8.3 K15, L7); exams of untold priority are held to the middle one.
LIMITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {"HIGH": timedelta(hours=1), "MEDIUM": timedelta(hours=12), "LOW": timedelta(days=4)}
)
#: What a window may be grouped by, besides the strata.
GROUPINGS: Final = (*SPANS, *STRATA)


@dataclass(frozen=True, slots=True)
class MeasureQuery:
    """What is asked.

    A workitem counts at the moment when it was made (A_new, else its first event); a study when its images were
    prepared (T_prep, else T_arch, else T_end, else its first event), and its events' latencies with it.

    Attributes:
        measures: ids of ``measures.csv``.
        since, until: the window, its end excluded; timezone-aware.
        filters: allowed values by stratum.
        by: a stratum, or ``hour``, ``day``, ``week``, ``month`` (in UTC), or empty for one group.
        limits: longest turnaround by priority (K15).
        servers: how many performers there are (A27); None counts those that worked.
    """

    measures: tuple[str, ...]
    since: datetime
    until: datetime
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by: str = ""
    limits: Mapping[str, timedelta] = field(default_factory=lambda: LIMITS)
    servers: int | None = None

    def __post_init__(self) -> None:
        for name in self.measures:
            measure(name)
        if self.by and self.by not in GROUPINGS:
            raise BadInput(f"Groups are by {', '.join(GROUPINGS)}, not by {self.by!r}.")
        if unknown := set(self.filters) - set(STRATA):
            raise BadInput(f"{', '.join(sorted(unknown))} is no stratum; there are {', '.join(STRATA)}.")
        if self.since.tzinfo is None or self.until.tzinfo is None or self.since >= self.until:
            raise BadInput("The window must begin before it ends, in times with a zone.")

    @property
    def window(self) -> Window:
        """The window in the numbers that tables have."""
        allowed = {name: tuple(values) for name, values in self.filters.items() if values}
        return Window(micros(self.since), micros(self.until), allowed, self.by)


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """The answer for one measure.

    Attributes:
        exact: whether the values are those of the cases; else percentiles and maximum are known to 1 %.
    """

    measure: Measure
    groups: tuple[Figures, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class MeasureAnswer:
    """What the log says.

    Attributes:
        data_as_of: when the last event came that is in the answer; None when there is none (sole.md 8.5 rule 6).
        results: by measure id, in the order asked.
    """

    query: MeasureQuery
    data_as_of: datetime | None
    results: Mapping[str, MeasureResult]

    @property
    def exact(self) -> bool:
        """Whether all values are exact."""
        return all(one.exact for one in self.results.values())


def ask(connection: Connection, query: MeasureQuery) -> MeasureAnswer:
    """Answer a question from the facts.

    Raises:
        BadInput: when a measure cannot be grouped or filtered as asked, or the window is too large for it.
    """
    newest = connection.execute(select(func.max(SOURCE_SEEN.c.received_at))).scalar()
    found: dict[str, MeasureResult] = {}
    for level in (STUDY, WORKITEM):
        names = [name for name in query.measures if _KEPT_WITH.get(measure(name).kind, measure(name).level) == level]
        found |= _distributions(connection, level, names, query.window, query.limits)
    for name in query.measures:
        if name not in found:
            found[name] = _OTHERS[measure(name).kind](connection, measure(name), query)
    results = {name: found[name] for name in query.measures}
    return MeasureAnswer(query, None if newest is None else moment_of(newest), results)


def _distributions(
    connection: Connection, level: str, names: Sequence[str], window: Window, limits: Mapping[str, timedelta]
) -> dict[str, MeasureResult]:
    names = [name for name in names if measure(name).kind in _DISTRIBUTED]
    if not names:
        return {}
    strata = Strata(connection, window)
    longest = {priority: limit // MICROSECOND for priority, limit in limits.items()}
    allowed = strata.mapped("priority", longest, longest.get("MEDIUM", max(longest.values(), default=0)))
    if is_small(connection, level, window):
        rows = cases(connection, level, window.since, window.until)
        return {
            name: MeasureResult(measure(name), tuple(_exactly(strata, window, rows, name, allowed)), exact=True)
            for name in names
        }
    parts = counts(connection, level, [_kept_as(name) for name in names], window)
    found = {}
    for name in names:
        some = parts[_kept_as(name)]
        if measure(name).kind == "compliance":
            some = [(at, _compliance_counts(one, allowed)) for at, one in some]
        is_ratio = measure(name).kind in ("ratio", "compliance")
        groups = [binned_figures(label, one, is_ratio=is_ratio) for label, one in grouped_counts(strata, window, some)]
        found[name] = MeasureResult(measure(name), tuple(groups), exact=is_ratio and name != "K15")
    return found


def _kept_as(name: str) -> str:
    """The measure whose values are kept for another."""
    return measure(name).start[0] if measure(name).kind == "compliance" else name


def _exactly(strata: Strata, window: Window, rows: Cases, name: str, allowed: NDArray[Any]) -> Iterator[Figures]:
    kind, at, stratum = measure(name).kind, rows.at, rows.stratum
    if kind == "latency":
        sizes = [len(content) // 8 for content in rows.latencies]
        stratum, values = latencies(stratum.tolist(), rows.latencies)
        at = np.repeat(at, sizes)
    else:
        values = rows.values[:, slot_of(_kept_as(name))]
    if kind == "compliance":
        values = _compliance(values, allowed[stratum] if len(stratum) else stratum)
    for label, members in grouped(strata, window, at, stratum):
        yield exact_figures(label, values[members], is_ratio=kind in ("ratio", "compliance"))


def _compliance(values: NDArray[np.int64], allowed: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each turnaround whether it keeps its limit, as a ratio of one case."""
    duration = np.where(values == CLOCK_NOISE, 0, values)
    return np.where(duration < 0, duration, (1 << 32) + (duration <= allowed))


def _compliance_counts(some: Counts, allowed: NDArray[Any]) -> Counts:
    bins = np.where(some["bin"] == NO_VALUE[CLOCK_NOISE], 0, some["bin"])
    is_value = bins > LOWEST_BIN
    kept = some[is_value].copy()
    kept["bin"] = DENOMINATOR_BIN
    within = some[is_value & (middle_of(bins) <= allowed[some["stratum"]])].copy()
    within["bin"] = NUMERATOR_BIN
    return np.concatenate([some[bins < LOWEST_BIN], kept, within])


def _contrast(connection: Connection, asked: Measure, query: MeasureQuery) -> MeasureResult:
    """A29: the groups of what the AI found; A31: exams that it did not flag."""
    window = query.window
    if asked.id == "A29":
        window = replace(window, by="finding")
    else:
        window = replace(window, filters={**window.filters, "finding": ("", "negative")})
    of = asked.start[0]
    result = _distributions(connection, STUDY, [of], window, query.limits)[of]
    return replace(result, measure=asked)


def _backlog(connection: Connection, asked: Measure, query: MeasureQuery) -> MeasureResult:
    groups, exact = standing.backlog(connection, asked.level, query.window)
    return MeasureResult(asked, _large_ones(query, groups), exact)


def _flow(connection: Connection, asked: Measure, query: MeasureQuery) -> MeasureResult:
    return MeasureResult(asked, _large_ones(query, standing.flow(connection, asked.level, query.window)), exact=True)


def _queue(connection: Connection, asked: Measure, query: MeasureQuery) -> MeasureResult:
    return MeasureResult(asked, tuple(standing.queue_adjusted(connection, query.window)), exact=True)


def _large_ones(query: MeasureQuery, groups: Sequence[Figures]) -> tuple[Figures, ...]:
    """The groups, small ones hidden when they are of some people and not of all (sole.md 8.5 rule 10)."""
    some = bool(query.window.filters) or query.by in STRATA
    return tuple(
        Figures(one.group, hidden=True) if some and 0 < (one.count or 0) < SMALLEST_GROUP else one for one in groups
    )


def _of_resources(connection: Connection, asked: Measure, query: MeasureQuery) -> MeasureResult:
    """K06, K07, K21, A27, A28; groups are resources, whatever the query is grouped by."""
    window = replace(query.window, by="")
    summed: float | None = None
    if name := _USED.get(asked.id):
        result = _distributions(connection, measure(name).level, [name], window, query.limits)[name]
        if result.groups[0].hidden:
            return MeasureResult(asked, (Figures(hidden=True),), exact=True)
        summed = result.groups[0].total or 0.0
    groups = standing.utilisation(connection, asked, window, summed, query.servers)
    return MeasureResult(asked, tuple(groups), exact=True)


#: The measure whose sum is what was used.
_USED: Final = {"K07": "K07b", "A27": "A10"}
_DISTRIBUTED: Final = frozenset({"interval", "ratio", "throughput", "compliance", "latency"})
#: Measures of events are kept with the study.
_KEPT_WITH: Final = {"latency": STUDY}
_OTHERS: Final[dict[str, Callable[[Connection, Measure, MeasureQuery], MeasureResult]]] = {
    "contrast": _contrast,
    "backlog": _backlog,
    "flow": _flow,
    "queue": _queue,
    "utilisation": _of_resources,
    "downtime": _of_resources,
    "availability": _of_resources,
}


def document_of(answer: MeasureAnswer) -> dict[str, Any]:
    """An answer, JSON-ready."""
    query = answer.query
    return {
        "since": query.since.isoformat(),
        "until": query.until.isoformat(),
        "filters": {name: list(values) for name, values in query.filters.items()},
        "by": query.by,
        "data_as_of": answer.data_as_of.isoformat() if answer.data_as_of else None,
        "percentiles": "linear interpolation between closest ranks",
        "measures": [
            {
                "id": name,
                "name": result.measure.name,
                "unit": result.measure.unit,
                "formula": result.measure.formula,
                "source": result.measure.source,
                "exact": result.exact,
                "groups": [asdict(one) for one in result.groups],
            }
            for name, result in answer.results.items()
        ],
    }
