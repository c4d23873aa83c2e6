"""Values in bins of 2 % width: millions of cases added up, taken away again, and asked for percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sole_logging.measures.case import ABSENT, CLOCK_NOISE, INCOMPLETE, ORDER_ERROR, PENDING

WIDTH = 1.02
_LOG = math.log(WIDTH)
#: Bins of what is no value, below all bins of values; and the sum of the values of a stratum.
NO_VALUE = {PENDING: -10_001, INCOMPLETE: -10_002, ORDER_ERROR: -10_003, CLOCK_NOISE: -10_004}
SUM_BIN = -10_005
LOWEST_BIN = -10_000
#: Bins of a ratio.
DENOMINATOR_BIN, NUMERATOR_BIN = 0, 1
#: One number of a rollup: how many cases of a stratum are in a bin.
COUNT = np.dtype([("stratum", "<i4"), ("bin", "<i2"), ("count", "<i8")])

Counts = NDArray[Any]


def bins_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bins of values; 0 has its own, negative values mirror the positive ones."""
    size = 1 + np.floor(np.log(np.maximum(np.abs(values), 1)) / _LOG).astype(np.int64)
    return np.sign(values) * size


def middle_of(bins: NDArray[Any]) -> NDArray[np.float64]:
    """The geometric middle of bins: at most 1 % from every value in them."""
    size = np.exp((np.abs(bins) - 0.5) * _LOG)
    return np.where(bins == 0, 0.0, np.sign(bins) * size)


def counted(stratum: NDArray[Any], values: NDArray[np.int64], *, is_ratio: bool = False) -> Counts:
    """The counts of values as cases have them, each with its stratum."""
    there = values != ABSENT
    stratum, values = stratum[there], values[there]
    none = values <= CLOCK_NOISE
    parts: list[tuple[Any, Any, Any]] = [(stratum[values == code], number, 1) for code, number in NO_VALUE.items()]
    stratum, values = stratum[~none], values[~none]
    if is_ratio:
        parts += [(stratum, DENOMINATOR_BIN, values >> 32), (stratum, NUMERATOR_BIN, values & 0xFFFFFFFF)]
    else:
        parts += [(stratum, bins_of(values), 1), (stratum, SUM_BIN, values)]
    every = []
    for where, number, count in parts:
        rows = np.zeros(len(where), COUNT)
        rows["stratum"], rows["bin"], rows["count"] = where, number, count
        every.append(rows)
    return combined(every)


def combined(parts: Iterable[Counts]) -> Counts:
    """Counts of the same stratum and bin added up, those that are 0 left out."""
    every: Counts = np.concatenate(list(parts))
    if not len(every):
        return every
    every = every[np.lexsort((every["bin"], every["stratum"]))]
    first = np.ones(len(every), bool)
    first[1:] = (every["stratum"][1:] != every["stratum"][:-1]) | (every["bin"][1:] != every["bin"][:-1])
    total: Counts = every[first]
    total["count"] = np.add.reduceat(every["count"], np.flatnonzero(first))
    kept: Counts = total[total["count"] != 0]
    return kept


def percentile(bins: NDArray[Any], counts: NDArray[Any], share: float) -> float:
    """A percentile of values in bins, by linear interpolation between closest ranks (sole.md 8.5 rule 3)."""
    upto = np.cumsum(counts)
    rank = share * (int(upto[-1]) - 1)
    low, high = (int(np.searchsorted(upto, one, side="right")) for one in (math.floor(rank), math.ceil(rank)))
    below, above = middle_of(bins[[low, high]])
    return float(below + (above - below) * (rank - math.floor(rank)))
