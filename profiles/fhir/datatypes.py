"""Data types of FHIR from the values of results: the same in R4B and R5."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from profiles.air.identifiers import derived_uid
from profiles.dicom import Code
from profiles.tables import read_table

Json = dict[str, Any]

UID_SYSTEM = "urn:dicom:uid"
_V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"


@cache
def _systems() -> dict[str, str]:
    return {row["designator"]: row["system"] for row in read_table("profiles.fhir", "code_systems")}


def system_of(designator: str) -> str:
    """The URI of a coding scheme; a scheme that no table knows, such as a local one, gets an OID of its own."""
    return _systems().get(designator) or f"urn:oid:{derived_uid('coding scheme', designator)}"


def coding(value: Code) -> Json:
    """Coding."""
    return {"system": system_of(value.scheme), "code": " ".join(value.value.split()), "display": value.meaning}


def concept(value: Code, text: str = "") -> Json:
    """CodeableConcept."""
    return {"coding": [coding(value)], **({"text": text} if text else {})}


def term(system: str, code: str, display: str) -> Json:
    """CodeableConcept of a code that FHIR itself uses."""
    return {"coding": [{"system": system, "code": code, "display": display}]}


def quantity(value: float, unit: Code) -> Json:
    """Quantity in UCUM; every digit of the value."""
    return {"value": float(value), "unit": unit.meaning, "system": system_of(unit.scheme), "code": unit.value}


def uid_identifier(uid: str, kind: Code | None = None) -> Json:
    """Identifier that is a UID: with ``urn:oid:`` before it (orders.md 11.3, identifiers)."""
    return {**({"type": concept(kind)} if kind else {}), "system": UID_SYSTEM, "value": f"urn:oid:{uid}"}


def numbered(kind: str, value: str, namespace: str = "", universal: str = "", universal_type: str = "") -> Json:
    """Identifier that an authority gave.

    Args:
        kind: HL7 table 0203, e.g. ``ACSN``.
        value: the number.
        namespace: the authority's local name, its assigner.
        universal: the authority's identifier; its system when it is an OID.
        universal_type: ``ISO`` for an OID.
    """
    return {
        "type": {"coding": [{"system": _V2, "code": kind}]},
        **({"system": f"urn:oid:{universal}"} if universal and universal_type == "ISO" else {}),
        "value": value,
        **({"assigner": {"display": namespace}} if namespace else {}),
    }


def logical(kind: str, identifier: Json) -> Json:
    """Reference to what the receiver already has, by its identifier (FHIR section 2.1.3.0.2, logical references)."""
    return {"type": kind, "identifier": identifier}


def instant(moment: datetime) -> str:
    """A moment with its zone."""
    return moment.isoformat(timespec="milliseconds")
