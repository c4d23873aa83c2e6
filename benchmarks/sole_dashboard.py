"""sole-dashboard: the pages of the dashboard over a hundred times as many events."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event

from actors.event_repository.dashboard import pages, present
from actors.event_repository.dashboard.differences import differences
from actors.event_repository.dashboard.views import View
from connectathon.operational_log import Hospital, operational_log
from sole_logging.measures import FactTable, LogEntry
from sole_logging.measures.present import present as look
from sole_logging.measures.spread import events_of

GOAL = 2.0
EVENTS, QUICK, TIMES = (100_000, 10_000_000), (100_000, 1_000_000), 7
DAYS = 365
#: Studies a day of a hospital that makes an event in each year.
_STUDIES_A_DAY = 1_190.0 / 10_000_000
#: What a colleague might be sent the address of.
_FILTERS: dict[str, dict[str, tuple[str, ...]]] = {
    "": {},
    " of CT at one site": {"modality": ("CT",), "site": ("North Campus",)},
}


class _Page(Protocol):
    def __call__(self, connection: Connection, view: View) -> object: ...


def _now(connection: Connection, view: View) -> object:
    found = look(connection, view.filters, view.until - present.HORIZON)
    charts, stalled = present.charts(connection, view, found, view.until)
    return charts, present.tiles(found, stalled, view, view.until), present.shares(connection, view)


_PAGES: dict[str, _Page] = {
    "now": _now,
    "efficiency": pages.efficiency,
    "distribution": pages.distribution,
    "failures": pages.failures,
    "gaps": pages.gap_charts,
    "left-out": pages.left_out_chart,
    "compare": differences,
}


def run(quick: bool) -> list[dict[str, Any]]:
    """One row: the view whose time grows the most when there are more events in the same year."""
    sizes = QUICK if quick else EVENTS
    with tempfile.TemporaryDirectory() as folder:
        engines = [filled(Path(folder) / f"{size}.sqlite", size) for size in sizes]
        try:
            times = {name: _times(engines, view) for name, view in views().items()}
        finally:
            for engine in engines:
                engine.dispose()
    ratios = {name: large / small for name, (small, large) in times.items()}
    worst = max(ratios, key=ratios.__getitem__)
    slowest = max(times, key=lambda name: times[name][1])
    return [
        {
            "name": "sole-dashboard",
            "ratio": round(ratios[worst], 2),
            "goal": GOAL,
            "better": "lower",
            "met": ratios[worst] <= GOAL,
            "value": round(times[worst][1], 1),
            "baseline": round(times[worst][0], 1),
            "unit": "ms",
            "note": f"{worst}, the one of {len(times)} views of a year whose time grows the most, over {sizes[1]:,} "
            f"events against {sizes[0]:,} of the same year; the slowest is {slowest} with {times[slowest][1]:.0f} ms; "
            f"median of {TIMES}, pages without their HTML{', a tenth of the size' * quick}",
        }
    ]


def views() -> dict[str, Callable[[Connection], object]]:
    """What is looked at: each page with the whole year, with and without filters; and one study."""
    begin = Hospital().begin
    found: dict[str, Callable[[Connection], object]] = {"study": _a_study}
    for words, filters in _FILTERS.items():
        view = View(begin, begin + timedelta(days=DAYS), filters=filters, measure="A11")
        for name, page in _PAGES.items():
            found[name + words] = partial(page, view=view)
    return found


def _a_study(connection: Connection) -> object:
    return events_of(connection, "A00000100")


def filled(path: Path, size: int) -> Engine:
    """The facts of a year in which so many events happened, taken in day by day."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    facts = FactTable()
    with engine.begin() as connection:
        facts.create(connection)
    entries = islice(operational_log(Hospital(studies_a_day=_STUDIES_A_DAY * size)), size)
    for part in _parts(entries, max(1, size // DAYS)):
        with engine.begin() as connection:
            facts.apply(connection, part)
    return engine


def _parts(entries: Iterator[LogEntry], size: int) -> Iterator[list[LogEntry]]:
    while part := list(islice(entries, size)):
        yield part


def _times(engines: Sequence[Engine], view: Callable[[Connection], object]) -> tuple[float, float]:
    """Milliseconds over the small and the large log; they take turns, so that both see the same machine."""
    took: list[list[float]] = [[] for _ in engines]
    for turn in range(TIMES + 1):
        for engine, times in zip(engines, took, strict=True):
            with engine.connect() as connection:
                started = time.perf_counter()
                view(connection)
                spent = time.perf_counter() - started
            if turn:  # the first turn warms both up
                times.append(spent * 1000)
    small, large = (statistics.median(times) for times in took)
    return small, large
