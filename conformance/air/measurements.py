"""Rules for numbers: values, units, quantities and where they were measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pydicom import Dataset

from conformance.air.books import OBJECT
from conformance.air.elements import schemes
from conformance.air.reading import first_code, in_group, numbers, rows, uid_of, words
from conformance.air.result import Item, Result, classes
from conformance.air.ucum import Unit, unit_of
from conformance.rules import Breach
from profiles.tables import read_table

_DECIMAL_LIMIT, _AGREEMENT = 16, 1e-6
_REGIONS = {"IMAGE", "COMPOSITE", "WAVEFORM", "SCOORD", "SCOORD3D", "TCOORD"}
_PROPERTY_GROUPS = (221, 223, 225)
_PROPERTIES = {"121402", "121403", "121404"}


@dataclass(frozen=True)
class Quantity:
    """What is known of a quantity.

    Attributes:
        units: that fit it, in lower case.
        minimum: the least that it can be; None when there is no such limit.
    """

    units: frozenset[str]
    minimum: float | None


@cache
def _quantities() -> Mapping[tuple[str, str], Quantity]:
    return {
        (row["scheme"], row["value"]): Quantity(
            frozenset(row["units"].lower().split()), float(row["minimum"]) if row["minimum"] else None
        )
        for row in read_table("conformance", "air_quantities")
    }


def quantity_of(found: Item) -> Quantity | None:
    """What is known of the quantity that a NUM item gives."""
    return _quantities().get((found.concept.scheme, found.concept.value))


@OBJECT.rule("AIR-090")
def _measured(result: Result) -> Iterator[Breach]:
    for found, value in result.measured:
        given = len(rows(found.dataset, "MeasuredValueSequence"))
        if "MeasuredValueSequence" not in found.dataset:
            continue  # AIR-050 says so
        if value is None and not rows(found.dataset, "NumericValueQualifierCodeSequence"):
            yield found.path, f"{found.concept.meaning} has neither a value nor a reason for having none"
        elif value is not None and not words(value, "NumericValue"):
            yield found.path, f"{found.concept.meaning} has an empty Numeric Value"
        elif given > 1:
            yield found.path, f"{found.concept.meaning} has {given} values"


def _values(result: Result) -> Iterator[tuple[Item, Dataset, float]]:
    """Numbers with one value that can be read."""
    for found, value in result.measured:
        number = numbers(value, "NumericValue") if value is not None else []
        if value is not None and len(number) == 1:
            yield found, value, number[0]


@OBJECT.rule("AIR-091")
def _decimal(result: Result) -> Iterator[Breach]:
    for found, value, number in _values(result):
        floating = numbers(value, "FloatingPointValue")
        if len(words(value, "NumericValue").strip()) > _DECIMAL_LIMIT:
            yield found.path, f"{found.concept.meaning} has a Numeric Value of more than {_DECIMAL_LIMIT} characters"
        elif any(_differ(number, other) for other in floating):
            yield found.path, f"{found.concept.meaning} has another Floating Point Value than Numeric Value"


def _differ(number: float, other: float) -> bool:
    return math.isfinite(other) and not math.isclose(number, other, rel_tol=_AGREEMENT, abs_tol=_AGREEMENT)


@OBJECT.rule("AIR-092")
def _units(result: Result) -> Iterator[Breach]:
    for found, value in result.measured:
        unit = found.unit
        if value is not None and (unit.scheme != "UCUM" or not unit.value or _is_bare_number(unit.value)):
            yield found.path, f"{found.concept.meaning} has the unit {unit}"


def _is_bare_number(unit: str) -> bool:
    return unit.isdigit() and unit != "1"


def _units_of_ucum(result: Result) -> Iterator[tuple[Item, str]]:
    for found, value in result.measured:
        if value is not None and found.unit.scheme == "UCUM" and not _is_bare_number(found.unit.value):
            yield found, found.unit.value


@OBJECT.rule("AIR-092-UNKNOWN")
def _known_units(result: Result) -> Iterator[Breach]:
    for found, unit in _units_of_ucum(result):
        if unit and unit_of(unit) in {Unit.UNKNOWN, Unit.NONE}:
            yield found.path, f"{found.concept.meaning} has the unit {unit}, which is none of UCUM as known here"


@OBJECT.rule("AIR-092-ANNOTATION")
def _mere_annotation(result: Result) -> Iterator[Breach]:
    for found, unit in _units_of_ucum(result):
        in_library = found.relationship == "HAS ACQ CONTEXT"  # sizes of images, in {pixels}
        if unit_of(unit) is Unit.ANNOTATION and not in_group(found.unit, 7181) and not in_library:
            yield found.path, f"{found.concept.meaning} has the unit {unit}"


@OBJECT.rule("AIR-093")
def _fitting(result: Result) -> Iterator[Breach]:
    for found, _ in result.measured:
        quantity, unit = quantity_of(found), found.unit.value
        if quantity and unit and unit.lower() not in quantity.units:
            yield found.path, f"{found.concept.meaning} is given in {unit}"


@OBJECT.rule("AIR-094")
def _coded_quantity(result: Result) -> Iterator[Breach]:
    for found, _ in result.measured:
        concept = found.concept
        if concept.scheme and concept.scheme not in schemes() and (" " in concept.value or _is_meaning(found)):
            yield found.path, f"{concept.meaning} has words in place of a code"


def _is_meaning(found: Item) -> bool:
    return bool(found.concept.value) and found.concept.value.casefold() == found.concept.meaning.casefold()


@OBJECT.rule("AIR-095")
def _derivation(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if found.named("121401") and not in_group(found.code, 7464, 7465):
            yield found.path, f"the derivation {found.code} is not of CID 7464 or 7465"


@OBJECT.rule("AIR-096")
def _measured_somewhere(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        placed = any(found.value_type in _REGIONS or found.named("121232") for found in group.children)
        for found in group.children:
            inferred = any(child.relationship == "INFERRED FROM" for child in found.children)
            if found.value_type == "NUM" and not placed and not inferred:
                yield found.path, f"{found.concept.meaning} does not say where it was measured"


@OBJECT.rule("AIR-097")
def _inferred_once(result: Result) -> Iterator[Breach]:
    for found, _ in result.measured:
        sources = [child for child in found.children if child.relationship == "INFERRED FROM"]
        whole = {uid_of(child.reference) for child in sources if child.value_type == "IMAGE"} - {""}
        drawn = {uid_of(row.reference) for child in sources if child.value_type == "SCOORD" for row in child.children}
        if whole & drawn:
            yield found.path, f"{found.concept.meaning} is inferred from an image and from a region on it"


@OBJECT.rule("AIR-098")
def _properties(result: Result) -> Iterator[Breach]:
    for found in result.items:
        above = found.parent
        concept = found.concept
        known = in_group(concept, *_PROPERTY_GROUPS) or (concept.scheme == "DCM" and concept.value in _PROPERTIES)
        if above is not None and above.value_type == "NUM" and known and found.relationship != "HAS PROPERTIES":
            yield found.path, f"{concept.meaning} is related by {found.relationship}"


@OBJECT.rule("AIR-099")
def _possible(result: Result) -> Iterator[Breach]:
    for found, value, number in _values(result):
        quantity = quantity_of(found)
        parts = [number, *numbers(value, "FloatingPointValue")]
        if not all(math.isfinite(part) for part in parts):
            yield found.path, f"{found.concept.meaning} is no finite number"
        elif quantity and quantity.minimum is not None and number < quantity.minimum:
            yield found.path, f"{found.concept.meaning} is less than {quantity.minimum:g}"


@OBJECT.rule("AIR-122")
def _value_map(result: Result) -> Iterator[Breach]:
    for found in result.items:
        used = words(found.reference, "ReferencedSOPClassUID")
        if found.named("126100") and used and used != "1.2.840.10008.5.1.4.1.1.67":
            yield found.path, f"refers to an instance of class {used}"


@OBJECT.rule("AIR-121")
def _explanation(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if not found.named("130401"):
            continue
        kind = classes().get(words(found.reference, "ReferencedSOPClassUID"), {}).get("kind", "")
        if kind in {"sr", "kos", "record"}:
            yield found.path, "a visual explanation refers to a document"
        for child in found.children:
            stated = first_code(child.dataset, "ConceptCodeSequence")
            if child.value_type == "CODE" and child.relationship == "HAS CONCEPT MOD" and not in_group(stated, 217):
                yield child.path, f"the kind {stated} of an explanation is not of CID 217"
