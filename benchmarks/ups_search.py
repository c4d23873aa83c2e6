"""ups-search: the worklist query of a performer over a hundred times as many workitems (DESIGN 4.5)."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks._worklists import PAIRS, fill, mix
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist

SIZES, OPEN_PER_PAIR, QUICK = (10_000, 1_000_000), 75, 100
GOAL = 3.0
SEARCHES, LIMIT = 2_000, 50


def run(quick: bool) -> list[dict[str, Any]]:
    """One row: the 95th percentile of a search by state, label and station, large against small."""
    by = QUICK if quick else 1
    searches, open_per_pair = SEARCHES // (4 if quick else 1), max(1, OPEN_PER_PAIR // by)
    with tempfile.TemporaryDirectory() as folder:
        stores = []
        for size in SIZES:
            path = Path(folder) / f"{size}.sqlite"
            fill(path, size // by, open_per_pair)
            stores.append(Store(sqlite_url(path)))
        small, large = _times([Worklist(store, lambda: datetime.now(UTC)) for store in stores], searches)
        for store in stores:
            store.close()
    ratio = round(_percentile(large) / _percentile(small), 2)
    medians = f"medians {statistics.median(large):.2f} and {statistics.median(small):.2f} ms"
    return [
        {
            "name": "ups-search",
            "ratio": ratio,
            "goal": GOAL,
            "better": "lower",
            "met": ratio <= GOAL,
            "value": round(_percentile(large), 3),
            "baseline": round(_percentile(small), 3),
            "unit": "ms",
            "note": f"95th percentile of {searches} searches by state, label and station, pages of {LIMIT} with the "
            f"count of the rest, SQLite; {mix(SIZES[1] // by, open_per_pair)}; baseline over {SIZES[0] // by:,} with "
            f"as many SCHEDULED; {medians}{', 1/100 of the size' * quick}",
        }
    ]


def _percentile(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _times(worklists: list[Worklist], searches: int) -> list[list[float]]:
    """Milliseconds of each search over each worklist; they take turns, so that both see the same machine.

    Raises:
        RuntimeError: when a search finds nothing.
    """
    took: list[list[float]] = [[] for _ in worklists]
    for turn in range(searches + len(PAIRS)):
        label, station = PAIRS[turn % len(PAIRS)]
        keys = {
            "ProcedureStepState": "SCHEDULED",
            "WorklistLabel": label,
            "ScheduledStationNameCodeSequence.CodeValue": station,
        }
        for worklist, times in zip(worklists, took, strict=True):
            started = time.perf_counter()
            page = worklist.search(keys, LIMIT)
            spent = time.perf_counter() - started
            if not page.workitems:
                raise RuntimeError(f"nothing was found of {label} for {station}")
            if turn >= len(PAIRS):  # the first searches warm both up
                times.append(spent * 1000)
    return took
