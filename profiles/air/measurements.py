"""Numbers with their units (RAD TF-3 section 6.5.3.3; TID 300 and TID 310)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

from profiles.air.errors import require
from profiles.air.values import FindingSite, Tracking, require_code
from profiles.dicom import Code, code
from profiles.tables import read_table


@cache
def _quantities() -> dict[tuple[str, str], dict[str, str]]:
    return {(row["scheme"], row["value"]): row for row in read_table("profiles.dicom", "quantities")}


@dataclass(frozen=True, slots=True)
class NormalRange:
    """Between which values the quantity is normal (TID 312), in the unit of the measurement; one end may be open."""

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        ends = [end for end in (self.lower, self.upper) if end is not None]
        require(bool(ends), "A normal range has neither lower nor upper limit; give one, or leave the range out.")
        require(
            all(math.isfinite(end) for end in ends) and ends == sorted(ends),
            f"The normal range {self.lower} to {self.upper} is none; give finite limits, the lower one first "
            "(PS3.16 CID 223).",
        )


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How far the true value may lie below and above (CID 225), in the unit of the measurement."""

    below: float
    above: float

    def __post_init__(self) -> None:
        require(
            all(math.isfinite(part) and part >= 0 for part in (self.below, self.above)),
            f"The uncertainty -{self.below}/+{self.above} is none; both parts are finite distances of 0 or more "
            "(PS3.16 CID 225).",
        )


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number with its unit (TID 300/1419).

    Attributes:
        name: the quantity, e.g. volume.
        value: as the algorithm computed it; written unchanged.
        unit: a UCUM code.
        of: the identity of what was measured: a thing that the same results report.
        method: how it was measured (370129005, SCT), if a code says it.
        derivation: mean, maximum, … (121401, DCM), when the number is a statistic.
        sites: where, when other than the measured thing's own.
        uncertainty: how far the true value may lie away.
        normal: the normal range.
        normality: whether it is normal (121402, DCM), CID 222.
    """

    name: Code
    value: float
    unit: Code
    of: Tracking
    method: Code | None = None
    derivation: Code | None = None
    sites: tuple[FindingSite, ...] = ()
    uncertainty: Uncertainty | None = None
    normal: NormalRange | None = None
    normality: Code | None = None

    def __post_init__(self) -> None:
        require_code(self.name, "Measurement name")
        require_code(self.unit, "Measurement unit")
        for optional, what in (
            (self.method, "Measurement Method"),
            (self.derivation, "Derivation"),
            (self.normality, "Normality"),
        ):
            if optional is not None:
                require_code(optional, what)
        require(
            self.unit.scheme == "UCUM" and (not self.unit.value.isdigit() or self.unit.value == "1"),
            f"{self.name.meaning} has the unit {self.unit.value!r} of scheme {self.unit.scheme!r}; units are UCUM "
            "(PS3.16 section 7.2.2), e.g. code('UCUM', 'mL').",
        )
        require(
            math.isfinite(self.value),
            f"{self.name.meaning} is {self.value}; leave out what could not be measured (PS3.3 C.18.1).",
        )
        row = _quantities().get((self.name.scheme, self.name.value))
        if row:
            self._require_fit(row)

    def _require_fit(self, row: dict[str, str]) -> None:
        units = row["units"].split()
        require(
            self.unit.value in units,
            f"{self.name.meaning} is given in {self.unit.value!r}; {row['source']} allows {', '.join(units)}.",
        )
        require(
            self.value >= float(row["minimum"]),
            f"{self.name.meaning} is {self.value:g} {self.unit.value}, below {row['minimum']}; check the computation.",
        )
        require(
            not row["maximum"] or self.value <= float(row["maximum"]),
            f"{self.name.meaning} is {self.value:g} {self.unit.value}, above {row['maximum']}; check the computation.",
        )


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the algorithm is, in percent, and of what (RAD TF-3 section 6.5.3.2; air.md 6.1).

    Attributes:
        percent: 0 to 100.
        kind: certainty of the finding, or probability of cancer (111047, DCM).
    """

    percent: float
    kind: Code = field(default_factory=lambda: code("DCM", "111012"))

    def __post_init__(self) -> None:
        require(
            math.isfinite(self.percent) and 0 <= self.percent <= 100,  # noqa: PLR2004
            f"{self.kind.meaning} is {self.percent} %; give a number from 0 to 100, so 100 times a probability.",
        )
        require_code(self.kind, "The kind of a confidence")

    def about(self, thing: Tracking) -> Measurement:
        """The confidence as a measurement of the thing, which is what it is in a report."""
        return Measurement(self.kind, self.percent, code("UCUM", "%"), thing)
