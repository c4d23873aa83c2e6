"""Rules of audit messages as AuditEvent, row by row of the mapping (sole.md section 7.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from conformance.fhir.book import BOOK
from conformance.fhir.resources import R4B, Resource, at, codings, placed
from conformance.rules import Breach
from profiles.tables import read_table

DCM, RAD = "http://dicom.nema.org/resources/ontology/DCM", "urn:ihe:rad"
_RADLEX = re.compile(r"https?://(www\.)?radlex\.org/?(RID/?)?")
_SOLE = {(RAD, "SOLE")}
_SYSTEMS = {
    "source.type": "http://terminology.hl7.org/CodeSystem/security-source-type",
    "entity.type": "http://terminology.hl7.org/CodeSystem/audit-entity-type",
    "entity.role": "http://terminology.hl7.org/CodeSystem/object-role",
}
_SENDER, _RECEIVER = (DCM, "110153"), (DCM, "110152")


def _kind(subject: Resource) -> set[tuple[str, str]]:
    """What FHIR R4 calls the type of an event, and R5 its category."""
    return codings(subject.data, "type" if subject.version == R4B else "category")


def _codes(subject: Resource) -> set[tuple[str, str]]:
    """What FHIR R4 calls the subtypes of an event, and R5 its code."""
    return codings(subject.data, "subtype" if subject.version == R4B else "code")


@BOOK.rule("SOLE-065-TYPE")
def _type(subject: Resource) -> Iterable[Breach]:
    found = _kind(subject)
    if found and not any(system == DCM for system, _ in found) and not found & _SOLE:
        yield "type" if subject.version == R4B else "category", "is neither an Event ID of DCM nor SOLE"


@BOOK.rule("SOLE-065-SUBTYPE")
def _subtype(subject: Resource) -> Iterable[Breach]:
    known = {row["code"] for row in read_table("profiles.sole", "sole_events")}
    where = "subtype" if subject.version == R4B else "code"
    found = _codes(subject)
    if _kind(subject) & _SOLE and not any(code in known for _, code in found):
        yield where, "has no event code of SOLE"
    for system, code in found:
        if code.startswith("RID") and not _RADLEX.fullmatch(system):
            yield where, "has a RadLex code of another system"


@BOOK.rule("SOLE-065-WHO")
def _who(subject: Resource) -> Iterable[Breach]:
    ways = ("who.identifier.value", "who.reference", "who.display")
    for path, agent in placed(subject.data, "agent"):
        if not any(at(agent, way) for way in ways):
            yield f"{path}.who", "identifies nobody"


@BOOK.rule("SOLE-065-NETWORK")
def _network(subject: Resource) -> Iterable[Breach]:
    for path, agent in placed(subject.data, "agent") if subject.version == R4B else ():
        if bool(at(agent, "network.address")) != bool(at(agent, "network.type")):
            yield f"{path}.network", "has an address without its type, or the other way round"


@BOOK.rule("SOLE-065-OBJECT")
def _objects(subject: Resource) -> Iterable[Breach]:
    ways = ("what.identifier.value", "what.reference", "what.display", "query", "name")
    for path, entity in placed(subject.data, "entity"):
        if not any(at(entity, way) for way in ways):
            yield f"{path}.what", "identifies nothing"


@BOOK.rule("SOLE-065-NAME")
def _name_or_query(subject: Resource) -> Iterable[Breach]:
    for path, entity in placed(subject.data, "entity"):
        if at(entity, "name") and at(entity, "query"):
            yield path, "has both name and query"


@BOOK.rule("SOLE-065-SYSTEM")
def _systems(subject: Resource) -> Iterable[Breach]:
    for path, system in _SYSTEMS.items() if subject.version == R4B else ():
        if any(found != system for found, _ in codings(subject.data, path)):
            yield path, f"has a code of another system than {system}"


@BOOK.rule("FHIR-AUDIT-AGENTS")
def _agents(subject: Resource) -> Iterable[Breach]:
    found = codings(subject.data, "agent.type")
    if (_SENDER in found) != (_RECEIVER in found):
        yield "agent", "has a source and no destination, or the other way round"
