"""Two windows, or two versions in one: the difference, and how much of it chance may have made (sole.md 8.4 A29)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from profiles.errors import BadInput
from sole_logging.measures.answering import MeasureAnswer, MeasureQuery, ask
from sole_logging.measures.definitions import Measure, measure
from sole_logging.measures.figures import SMALLEST_GROUP, Figures
from sole_logging.measures.spread import Values, has_values, values_of

#: Of two draws from what the cases allow, the difference lies between these with a confidence of 95 %.
_LOW, _HIGH = 2.5, 97.5
_DRAWS = 20_000
_SEED = 1
_SHARES = frozenset({"ratio", "compliance"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """Something before and after.

    Attributes:
        before, after: the figures of the two; the median, or the share, is compared.
        difference: after less before; None when one of them has too few cases to be shown.
        low, high: bounds of the difference with a confidence of 95 %, None likewise.
        exact: whether the values are those of the cases; else they are known to 1 %.
    """

    measure: Measure
    before: Figures
    after: Figures
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    exact: bool = True

    @property
    def is_sure(self) -> bool:
        """Whether chance alone would hardly make such a difference."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def compare(connection: Connection, before: MeasureQuery, after: MeasureQuery) -> list[Comparison]:
    """Compare the medians, or the shares, of two queries that ask for the same measures.

    Medians: the bootstrap, whose resampled medians need no resampling: the median of n uniform draws has a beta
    distribution, and the value at that rank is the median of a resample. Shares: draws from Jeffreys' posterior.

    Raises:
        BadInput: when a measure has neither.
    """
    every = [measure(name) for name in before.measures]
    for asked in every:
        if not can_compare(asked):
            raise BadInput(
                f"{asked.id} ({asked.name}) cannot be compared; choose a time that each case has, or a share."
            )
    valued = tuple(asked.id for asked in every if has_values(asked))
    sides = [(ask(connection, one), values_of(connection, replace(one, measures=valued))) for one in (before, after)]
    return [_compared(asked, sides) for asked in every]


def _compared(asked: Measure, sides: Sequence[tuple[MeasureAnswer, Mapping[str, Values]]]) -> Comparison:
    results = [answer.results[asked.id] for answer, _ in sides]
    old, new = (next(iter(one.groups), Figures(count=0)) for one in results)
    exact = all(one.exact for one in results)
    if any(one.hidden or (one.count or 0) < SMALLEST_GROUP for one in (old, new)):
        return Comparison(asked, old, new, exact=exact)
    random = np.random.default_rng(_SEED)
    if has_values(asked):
        draws = [_medians(values[asked.id], random) for _, values in sides]
        told = (new.median or 0.0) - (old.median or 0.0)
    else:
        draws = [_shares(figures, random) for figures in (old, new)]
        told = (new.mean or 0.0) - (old.mean or 0.0)
    low, high = (float(one) for one in np.percentile(draws[1] - draws[0], [_LOW, _HIGH]))
    return Comparison(asked, old, new, told, low, high, exact)


def can_compare(asked: Measure) -> bool:
    """Whether a measure has a median or a share."""
    return has_values(asked) or asked.kind in _SHARES


def _medians(values: Values, random: np.random.Generator) -> NDArray[np.float64]:
    middle = (values.count + 1) / 2
    return values.at(random.beta(middle, middle, _DRAWS))


def _shares(figures: Figures, random: np.random.Generator) -> NDArray[np.float64]:
    of = figures.count or 0
    part = min(figures.total or 0.0, of)
    return random.beta(part + 0.5, of - part + 0.5, _DRAWS)
