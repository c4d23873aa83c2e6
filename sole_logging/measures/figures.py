"""From the values of a group to what is told of it (sole.md 8.5 rules 3 to 5 and 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sole_logging.measures.bins import (
    DENOMINATOR_BIN,
    LOWEST_BIN,
    NO_VALUE,
    NUMERATOR_BIN,
    SUM_BIN,
    Counts,
    middle_of,
    percentile,
)
from sole_logging.measures.case import ABSENT, CLOCK_NOISE, INCOMPLETE, ORDER_ERROR, PENDING

#: Groups of fewer cases are not shown, because people could be told in them (sole.md 8.5 rule 10).
SMALLEST_GROUP = 5
_SHARES = (0.5, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Figures:
    """One group of an answer. Values are in the unit of the measure; None where there is nothing to tell.

    Attributes:
        group: value of the stratum, beginning of the span of time, or empty.
        count: cases with a value, those of clock noise among them.
        median, p90, p95: percentiles by linear interpolation between closest ranks.
        mean: of values; the share or rate of ratios, the mean level of a backlog.
        total: sum of values; numerator of ratios.
        incomplete, pending, clock_noise, order_error: cases left out and why; noise counts as 0 and is not left out.
        hidden: there are too few values to be shown; they are None, and so is all else of a group that is small.
    """

    group: str = ""
    count: int | None = None
    median: float | None = None
    p90: float | None = None
    p95: float | None = None
    maximum: float | None = None
    mean: float | None = None
    total: float | None = None
    incomplete: int | None = None
    pending: int | None = None
    clock_noise: int | None = None
    order_error: int | None = None
    hidden: bool = False


def exact_figures(group: str, values: NDArray[np.int64], *, is_ratio: bool) -> Figures:
    """Figures of values as cases have them (`sole_logging.measures.case.CaseRow`)."""
    left_out: dict[str, Any] = {
        "pending": int(np.count_nonzero(values == PENDING)),
        "incomplete": int(np.count_nonzero(values == INCOMPLETE)),
        "order_error": int(np.count_nonzero(values == ORDER_ERROR)),
        "clock_noise": int(np.count_nonzero(values == CLOCK_NOISE)),
    }
    kept = np.where(values == CLOCK_NOISE, 0, values)
    kept = kept[(kept != PENDING) & (kept != INCOMPLETE) & (kept != ORDER_ERROR) & (kept != ABSENT)]
    if is_ratio:
        return _ratio(group, int(np.sum(kept >> 32)), int(np.sum(kept & 0xFFFFFFFF)), left_out)
    if len(kept) == 0:
        return _shown(Figures(group, count=0, **left_out))
    median, p90, p95 = (float(one) for one in np.percentile(kept, [100 * share for share in _SHARES]))
    total = int(np.sum(kept))
    largest = float(np.max(kept))
    return _shown(Figures(group, len(kept), median, p90, p95, largest, total / len(kept), float(total), **left_out))


def binned_figures(group: str, counts: Counts, *, is_ratio: bool) -> Figures:
    """Figures of counts in bins: exact in number, sum and mean, to 1 % in percentiles and maximum."""
    said = _by_bin(counts)
    left_out: dict[str, Any] = {
        "pending": said.get(NO_VALUE[PENDING], 0),
        "incomplete": said.get(NO_VALUE[INCOMPLETE], 0),
        "order_error": said.get(NO_VALUE[ORDER_ERROR], 0),
        "clock_noise": said.get(NO_VALUE[CLOCK_NOISE], 0),
    }
    if is_ratio:
        return _ratio(group, said.get(DENOMINATOR_BIN, 0), said.get(NUMERATOR_BIN, 0), left_out)
    if left_out["clock_noise"]:  # counts as 0
        said[0] = said.get(0, 0) + left_out["clock_noise"]
    kept = sorted(one for one in said if one > LOWEST_BIN)
    weights = np.array([said[one] for one in kept], np.int64)
    count = int(weights.sum())
    if not count:
        return _shown(Figures(group, count=0, **left_out))
    bins = np.array(kept)
    median, p90, p95 = (percentile(bins, weights, share) for share in _SHARES)
    total = float(said.get(SUM_BIN, 0))
    largest = float(middle_of(bins[-1:])[0])
    return _shown(Figures(group, count, median, p90, p95, largest, total / count, total, **left_out))


def _by_bin(counts: Counts) -> dict[int, int]:
    """How much is in each bin. Counts are exact as floating point numbers; the sum of values is added up apart."""
    numbers = counts["bin"].astype(np.int64) - SUM_BIN
    totals = np.bincount(numbers, counts["count"]) if len(counts) else np.zeros(0)
    there = np.flatnonzero(totals)
    said = {number + SUM_BIN: int(total) for number, total in zip(there.tolist(), totals[there].tolist(), strict=True)}
    if SUM_BIN in said:
        said[SUM_BIN] = int(counts["count"][counts["bin"] == SUM_BIN].sum())
    return said


def _ratio(group: str, of: int, part: int, left_out: dict[str, Any]) -> Figures:
    share = part / of if of else None
    return _shown(Figures(group, count=of, mean=share, total=float(part), **left_out))


def _shown(figures: Figures) -> Figures:
    """The figures without what could tell people apart: values of few, and all of a group that is small."""
    count = figures.count or 0
    members = count + sum(one or 0 for one in (figures.incomplete, figures.pending, figures.order_error))
    if count >= SMALLEST_GROUP or not members:
        return figures
    if members < SMALLEST_GROUP:
        return Figures(figures.group, hidden=True)
    kept = {name: getattr(figures, name) for name in ("incomplete", "pending", "order_error")}
    return Figures(figures.group, hidden=True, **kept)
