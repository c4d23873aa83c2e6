"""When a change is one: rules of progression as data (``tables/progression.csv``), and their verdicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from profiles.air.errors import IllegalResult, require
from profiles.air.units import Amount, exact
from profiles.air.values import require_code
from profiles.dicom import Code, code
from profiles.tables import read_table


class Against(StrEnum):
    """With which earlier study a later one is compared."""

    BASELINE = "baseline"
    NADIR = "nadir"
    PREVIOUS = "previous"


class Verdict(StrEnum):
    """What a rule makes of a change; what needs a reader's eye comes first."""

    PROGRESSION = "progression"
    TO_BE_CONFIRMED = "progression to be confirmed"
    NOT_COMPARABLE = "not comparable"
    RESPONSE = "response"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class ProgressionRule:
    """From which change on a thing progresses or responds.

    Attributes:
        quantity: that is compared, e.g. volume.
        threshold_percent: an increase of so much, or more, is progression.
        against: the study of which the increase is counted.
        response_percent: a decrease of so much below the baseline, or more, is response; never when None.
        minimum_absolute: an increase must be of so much, too.
        minimum_unit: UCUM, of ``minimum_absolute``.
        needs_confirmation: progression is one only when a later study shows it, too.
        confirmation_days: so many days, or more, after the first.
        derivation: mean, maximum, … of the quantity; the plain quantity when None.
        across_versions: compare also what different versions of an engine measured.
    """

    quantity: Code
    threshold_percent: float
    against: Against = Against.BASELINE
    response_percent: float | None = None
    minimum_absolute: float | None = None
    minimum_unit: Code | None = None
    needs_confirmation: bool = False
    confirmation_days: int = 0
    derivation: Code | None = None
    across_versions: bool = False

    def __post_init__(self) -> None:
        require_code(self.quantity, "The quantity of a progression rule")
        require(
            math.isfinite(self.threshold_percent) and self.threshold_percent > 0,
            f"The threshold of progression is {self.threshold_percent} %; give a number above 0, e.g. 40.",
        )
        require(
            self.against in tuple(Against),
            f"Progression is counted against {self.against!r}; it may be against {', '.join(Against)}.",
        )
        require(
            self.response_percent is None or 0 < self.response_percent <= 100,  # noqa: PLR2004
            f"The threshold of response is {self.response_percent} %; a decrease is above 0 and at most 100 %.",
        )
        require(
            (self.minimum_absolute is None) == (self.minimum_unit is None)
            and math.isfinite(self.minimum_absolute or 0),
            "A least increase needs its unit, and a unit the increase; give both, e.g. 5 and code('UCUM', 'mm').",
        )
        require(
            self.confirmation_days >= 0 and (self.needs_confirmation or not self.confirmation_days),
            f"Confirmation is due after {self.confirmation_days} days, of a rule that needs none or before its time; "
            "set needs_confirmation, and days of 0 or more.",
        )

    def progresses(self, before: Amount, grown: Amount) -> bool:
        """Whether an increase is large enough; what comes out of nothing is, in percent.

        Args:
            before: the earlier amount.
            grown: how much more the later one is, in the same unit.
        """
        least = abs(before.number) * exact(self.threshold_percent) / 100
        return grown.number > 0 and grown.number >= least and self._exceeds_minimum(grown)

    def responds(self, baseline: Amount, grown: Amount) -> bool:
        """Whether a decrease is large enough.

        Args:
            baseline: the amount at baseline.
            grown: how much more the later one is, in the same unit.
        """
        if self.response_percent is None:
            return False
        return grown.number < 0 and -grown.number >= abs(baseline.number) * exact(self.response_percent) / 100

    def measures_in(self, unit: Code) -> bool:
        """Whether the least increase, if there is one, can be compared with amounts in a unit."""
        return self.minimum_unit is None or Amount(Fraction(0), unit).to(self.minimum_unit) is not None

    def _exceeds_minimum(self, grown: Amount) -> bool:
        if self.minimum_absolute is None or self.minimum_unit is None:
            return True
        here = grown.to(self.minimum_unit)
        return here is not None and here.number >= exact(self.minimum_absolute)

    def __str__(self) -> str:
        least = f" and {self.minimum_absolute:g} {self.minimum_unit.value}" if self.minimum_unit else ""
        confirmed = ""
        if self.needs_confirmation:
            confirmed = f", confirmed{f' after {self.confirmation_days} days' if self.confirmation_days else ''}"
        return f"{self.threshold_percent:g} %{least} or more above {self.against}{confirmed}"


def progression_rule(name: str) -> ProgressionRule:
    """A rule of ``tables/progression.csv``, which says where each comes from.

    Args:
        name: e.g. ``glioma-volume``.

    Raises:
        IllegalResult: when there is none of this name.
    """
    rows = {row["name"]: row for row in read_table("profiles.air", "progression")}
    if name not in rows:
        raise IllegalResult(f"There is no progression rule {name!r}; known are {', '.join(rows)}.")
    row = rows[name]
    return ProgressionRule(
        quantity=code(row["scheme"], row["value"]),
        threshold_percent=float(row["threshold_percent"]),
        against=Against(row["against"]),
        response_percent=float(row["response_percent"]) if row["response_percent"] else None,
        minimum_absolute=float(row["minimum_absolute"]) if row["minimum_absolute"] else None,
        minimum_unit=code("UCUM", row["minimum_unit"]) if row["minimum_unit"] else None,
        needs_confirmation=row["needs_confirmation"] == "yes",
        confirmation_days=int(row["confirmation_days"]),
    )
