"""Measurements from NUM content items (TID 300, TID 310 and TID 1419)."""

from __future__ import annotations

from collections.abc import Iterable

from profiles.air.errors import IllegalResult, require
from profiles.air.measurements import Measurement, NormalRange, Uncertainty
from profiles.air.reading.items import Item, coded_in, first, word
from profiles.air.reading.notes import Notes
from profiles.air.values import FindingSite, Tracking
from profiles.dicom import Code

_CODES = {"370129005": "method", "121401": "derivation", "121402": "normality"}
_NUMBERS = {"371886008": "above", "371885007": "below", "371933006": "upper", "385524004": "lower"}
SITE, SIDE, PART = "363698007", "272741003", "106233006"


def value_of(found: Item) -> tuple[float, Code | None]:
    """The number and its unit.

    Raises:
        IllegalResult: when it has no value.
    """
    measured = first(found.dataset, "MeasuredValueSequence")
    if measured is None or not (word(measured, "NumericValue") or "FloatingPointValue" in measured):
        raise IllegalResult("There is no value; Numeric Value Qualifier may say why (PS3.3 C.18.1).")
    exact = measured.get("FloatingPointValue")
    number = float(exact) if exact is not None else float(word(measured, "NumericValue"))
    return number, coded_in(measured, "MeasurementUnitsCodeSequence")


def sites_in(found: Iterable[Item], notes: Notes) -> tuple[FindingSite, ...]:
    """The finding sites among the items, with side and part below each (TID 1419)."""
    sites = []
    for each in found:
        if each.name != SITE:
            continue
        with notes.taking(each.path, each.what):
            require(each.answer is not None, "The finding site is no code; words do not name a place (TID 1419).")
            parts: dict[str, Code | None] = {}
            for child in each.children():
                if child.name in (SIDE, PART) and child.name not in parts:
                    parts[child.name] = child.answer
                else:
                    notes.add(child.path, child.what, "No primitive holds it below a finding site.")
            sites.append(FindingSite(each.answer, parts.get(SIDE), parts.get(PART)))  # type: ignore[arg-type] # checked
    return tuple(sites)


def measurement_in(found: Item, of: Tracking, method: Code | None, notes: Notes) -> Measurement:
    """One measurement, and what stands below it.

    Args:
        found: the NUM.
        of: what was measured.
        method: how all numbers of the group were measured, unless one says otherwise.
        notes: what is below and not understood is added.

    Raises:
        IllegalResult: when it has no value, no unit or no name.
    """
    value, unit = value_of(found)
    codes: dict[str, Code | None] = {"method": method}
    numbers: dict[str, float] = {}
    for child in found.children():
        with notes.taking(child.path, child.what):
            if child.kind == "CODE" and child.name in _CODES:
                codes[_CODES[child.name]] = child.answer
            elif child.kind == "NUM" and child.name in _NUMBERS:
                numbers[_NUMBERS[child.name]] = _same_unit(child, unit)
            elif child.name != SITE and child.kind != "SCOORD":
                notes.add(child.path, child.what, "No primitive holds it below a number.")
    about = {
        "name": found.concept,
        "value": value,
        "unit": unit,
        "of": of,
        "sites": sites_in(found.children(), notes),
        "uncertainty": _uncertainty(numbers),
        "normal": _normal(numbers, found, notes),
        **codes,
    }
    require(found.concept is not None and unit is not None, "A number needs a name and a UCUM unit (TID 300).")
    return Measurement(**about)  # type: ignore[arg-type] # a mapping of its fields


def _same_unit(found: Item, unit: Code | None) -> float:
    number, its = value_of(found)
    require(
        its is not None and its.same_as(unit),
        "It is given in another unit than the number that it belongs to.",
    )
    return number


def _uncertainty(numbers: dict[str, float]) -> Uncertainty | None:
    if "above" not in numbers and "below" not in numbers:
        return None
    return Uncertainty(numbers.get("below", 0.0), numbers.get("above", 0.0))


def _normal(numbers: dict[str, float], found: Item, notes: Notes) -> NormalRange | None:
    if "upper" not in numbers and "lower" not in numbers:
        return None
    with notes.taking(found.path, found.what):
        return NormalRange(numbers.get("lower"), numbers.get("upper"))
    return None
