"""The rules of ``tables/fhir_rules.csv`` for resources of every type, and those that a table of paths says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

from conformance.fhir.resources import R4B, Resource, at
from conformance.fhir.walking import elements, wrong_code, wrong_target
from conformance.rules import Breach, Rulebook, read_rules
from profiles.tables import read_table

KINDS = frozenset(rule.applies for rule in read_rules("fhir_rules").values() if rule.applies != "file")
BOOK: Rulebook[Resource] = Rulebook("fhir_rules", KINDS)

UID_SYSTEM = "urn:dicom:uid"
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")
_OID = "urn:oid:"
_LONGEST_UID = 64


def is_uid(value: object) -> bool:
    """Whether something is a DICOM UID, without a prefix."""
    return isinstance(value, str) and len(value) <= _LONGEST_UID and _UID.fullmatch(value) is not None


@BOOK.rule("FHIR-STRUCTURE")
def _structure(subject: Resource) -> Iterable[Breach]:
    for fault in subject.faults:
        if not (subject.kind == "AuditEvent" and fault.is_missing):
            yield fault.path, fault.words


@BOOK.rule("SOLE-064")
def _audit_event(subject: Resource) -> Iterable[Breach]:
    yield from ((fault.path, fault.words) for fault in subject.faults if fault.is_missing)


@BOOK.rule("FHIR-CODE")
def _codes(subject: Resource) -> Iterable[Breach]:
    for place in elements(subject.model) if subject.model else ():
        if wrong_code(place, subject.version):
            yield place.path, f"is no code that FHIR {subject.version} allows there"


@BOOK.rule("FHIR-REFERENCE")
def _references(subject: Resource) -> Iterable[Breach]:
    for place in elements(subject.model) if subject.model else ():
        if target := wrong_target(place):
            yield place.path, f"refers to {target}; FHIR {subject.version} allows {', '.join(place.targets)}"


@BOOK.rule("FHIR-UID")
def _uids(subject: Resource) -> Iterable[Breach]:
    for place in elements(subject.model) if subject.model else ():
        if getattr(place.value, "system", None) == UID_SYSTEM and hasattr(place.value, "assigner"):
            value = place.value.value
            if isinstance(value, str) and not (value.startswith(_OID) and is_uid(value.removeprefix(_OID))):
                yield f"{place.path}.value", "is no UID with urn:oid: before it"


@BOOK.rule("FHIR-PERIOD")
def _periods(subject: Resource) -> Iterable[Breach]:
    for place in elements(subject.model) if subject.model else ():
        start, end = getattr(place.value, "start", None), getattr(place.value, "end", None)
        if start and end and type(start) is type(end) and _is_before(end, start):
            yield place.path, "ends before it starts"


def _is_before(one: object, other: object) -> bool:
    try:
        return bool(one < other)  # type: ignore[operator] # dates, or times with their zones
    except TypeError:
        return False


@BOOK.rule("FHIR-UCUM")
def _units(subject: Resource) -> Iterable[Breach]:
    for place in elements(subject.model) if subject.model else ():
        is_measured = type(place.value).__name__ == "Quantity" and place.name.startswith("value")
        if is_measured and (place.value.system != "http://unitsofmeasure.org" or not place.value.code):
            yield place.path, "has no unit of UCUM"


@BOOK.rule("FHIR-CODING")
def _systems(subject: Resource) -> Iterable[Breach]:
    for place in elements(subject.model) if subject.model else ():
        if type(place.value).__name__ == "Coding" and place.value.code and not place.value.system:
            yield place.path, "has a code and no system"


@cache
def asked() -> dict[str, dict[str, tuple[str, ...]]]:
    """Rules that ask for an element: of each version the paths of which one is to have a value."""
    return {
        row["rule"]: {version: tuple(row[version].split()) for version in (R4B, "R5")}
        for row in read_table("conformance", "fhir_elements")
    }


def _is_there(rule: str) -> Callable[[Resource], Iterable[Breach]]:
    def look(subject: Resource) -> Iterable[Breach]:
        paths = asked()[rule][subject.version]
        if paths and not any(at(subject.data, path) for path in paths):
            yield (
                paths[0],
                "has no value" if len(paths) == 1 else f"has no value, and {' and '.join(paths[1:])} have none",
            )

    return look


for _rule in asked():
    BOOK.rule(_rule)(_is_there(_rule))
