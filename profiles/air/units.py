"""Amounts in UCUM units, and those of them that convert exactly (``tables/units.csv``)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from profiles.dicom import Code
from profiles.tables import read_table


@cache
def _units() -> dict[str, tuple[str, Fraction]]:
    rows = read_table("profiles.air", "units")
    return {row["unit"]: (row["dimension"], Fraction(row["factor"])) for row in rows}


def exact(number: float) -> Fraction:
    """The decimal number that a float is written as, not its binary neighbour."""
    return Fraction(repr(float(number)))


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact number of a unit.

    Attributes:
        number: how many.
        unit: UCUM.
    """

    number: Fraction
    unit: Code

    @classmethod
    def of(cls, value: float, unit: Code) -> Amount:
        """The amount that a float is written as."""
        return cls(exact(value), unit)

    def to(self, unit: Code) -> Amount | None:
        """The same amount in another unit; None where there is no exact conversion."""
        if unit.same_as(self.unit):
            return self
        (mine, factor), (other, into) = (_units().get(each.value, ("", Fraction(1))) for each in (self.unit, unit))
        return Amount(self.number * factor / into, unit) if mine and mine == other else None

    def __str__(self) -> str:
        return f"{float(self.number):.6g} {self.unit.value}"
