"""Choose a series by a table of checks: the one with the most images among those that pass."""

from __future__ import annotations

from collections.abc import Sequence

from ai_engines.bundled.measuring import of_series
from ai_engines.checks import Check, judge
from ai_engines.images import Series
from ai_engines.refusal import Moment, Refused


def choose(study: Sequence[Series], checks: tuple[Check, ...]) -> Series:
    """The first series, by number of images, that passes the checks of moment ``series``.

    Raises:
        Refused: when none passes, with the refusal of the largest series.
    """
    refusals: list[Refused] = []
    for series in sorted(study, key=lambda one: len(one.headers), reverse=True):
        try:
            judge(checks, Moment.SERIES, of_series(series))
        except Refused as refusal:
            refusals.append(refusal)
        else:
            return series
    raise refusals[0]
