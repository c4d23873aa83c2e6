"""How audit messages and AuditEvents correspond (sole.md 7.3): the tables, and the names of coding schemes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

from profiles.sole.catalogue import EventCode
from profiles.tables import read_table

Json = dict[str, Any]

_LOCAL = "urn:x-project:scheme:"
_OID = "urn:oid:"


@dataclass(frozen=True, slots=True)
class ElementRow:
    """One row of ``tables/audit_elements.csv``.

    Attributes:
        xml: ``@name`` of an attribute, or name of a child, with ``[0]`` for the first one and ``[1:]`` for the others.
        paths: where it is in the AuditEvent; where there are several, the first is written and all are read.
        repeats: whether the FHIR element does.
        form: how the value is written, see `profiles.fhir.audit`.
        limit: values that a code may have, or the system of a number.
    """

    xml: str
    paths: tuple[str, ...]
    repeats: bool
    form: str
    limit: str

    @property
    def tag(self) -> str:
        """Name of the child element, or path to it."""
        return self.xml.partition("[")[0]

    @property
    def part(self) -> slice:
        """Which of the children."""
        return {"[0]": slice(0, 1), "[1:]": slice(1, None)}.get(self.xml[len(self.tag) :], slice(None))


@dataclass(frozen=True, slots=True)
class DescriptionRow:
    """One row of ``tables/audit_descriptions.csv``: what a ParticipantObjectDescription may hold."""

    element: str
    attribute: str
    count: str
    words: str

    @property
    def detail(self) -> str:
        """Type of the detail that keeps it in an AuditEvent."""
        return f"ParticipantObjectDescription/{self.element}"


@cache
def element_rows(place: str) -> tuple[ElementRow, ...]:
    """The rows of one place: ``event``, ``agent``, ``source`` or ``entity``."""
    return tuple(
        ElementRow(
            row["xml"],
            tuple(row["fhir"].removesuffix("[]").split("|")),
            row["fhir"].endswith("[]"),
            row["form"],
            row["limit"],
        )
        for row in read_table("profiles.fhir", "audit_elements")
        if row["place"] == place
    )


@cache
def description_rows() -> tuple[DescriptionRow, ...]:
    """All parts of a ParticipantObjectDescription, in the order of the schema."""
    columns = ("element", "attribute", "count", "words")
    table = read_table("profiles.fhir", "audit_descriptions")
    return tuple(DescriptionRow(*(row[name] for name in columns)) for row in table)


@cache
def _systems() -> dict[str, str]:
    return {row["scheme"].lower(): row["system"] for row in read_table("profiles.fhir", "audit_schemes")}


@cache
def _schemes() -> dict[str, str]:
    return {row["system"]: row["scheme"] for row in reversed(read_table("profiles.fhir", "audit_schemes"))}


@cache
def _spellings() -> dict[str, str]:
    table = read_table("profiles.fhir", "audit_schemes")
    return {other: row["system"] for row in table for other in row["also"].split()}


def same_system(system: str) -> str:
    """A system in the spelling that we use: there are several of RadLex, and names of schemes pass for systems."""
    return _spellings().get(system) or _systems().get(system.lower(), system)


def system_of_scheme(scheme: str) -> str:
    """The FHIR system of a codeSystemName: by the table, an OID as one, any other name as a URN that keeps it."""
    known = _systems().get(scheme.lower())
    if known or not scheme or ":" in scheme:
        return known or scheme
    return f"{_OID}{scheme}" if scheme.replace(".", "").isdecimal() else f"{_LOCAL}{quote(scheme, safe='')}"


def scheme_of_system(system: str, code: str) -> str:
    """The codeSystemName of a FHIR system; the other way round than `system_of_scheme`."""
    known = _schemes().get(same_system(system))
    if known:
        return "IHE-RAD" if (known, code) == ("urn:ihe:rad", "SOLE") else known
    if system.startswith(_LOCAL):
        return unquote(system.removeprefix(_LOCAL))
    return system.removeprefix(_OID)


def coding_of(code: EventCode) -> dict[str, str]:
    """Coding; members without a value are left out."""
    told = {
        "system": system_of_scheme(code.scheme),
        "code": " ".join(code.code.split()),
        "display": code.meaning.strip(),
    }
    return {name: value for name, value in told.items() if value}


def concept_of(code: EventCode) -> dict[str, list[dict[str, str]]]:
    """CodeableConcept."""
    return {"coding": [coding_of(code)]}
