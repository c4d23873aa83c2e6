"""Orders out of FHIR: ServiceRequest and Task of R4B and R5 (orders.md 11.3).

``tables/order_elements.csv`` says where each value stands, ``tables/order_codes.csv`` what status, intent and priority
come to in HL7, whose life cycle of orders is the one for all. fhir.resources checks the form; it enforces no required
bindings, so the codes are checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from profiles.dicom import Code
from profiles.errors import BadInput, Finding
from profiles.fhir.datatypes import UID_SYSTEM, Json
from profiles.fhir.elements import Version
from profiles.hl7 import EntityIdentifier, ImagingOrder, Patient, Person, format_timestamp
from profiles.tables import read_table

REQUESTS = ("ServiceRequest", "Task")
_NUMBERS = {"PLAC": "placer", "FILL": "filler", "ACSN": "accession"}
_SEXES = {"female": "F", "male": "M", "other": "O"}
_PACKAGES = {Version.R4B: "fhir.resources.R4B", Version.R5: "fhir.resources"}
_UID = re.compile(r"(?=.{1,64}$)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")
_RULE = "orders.md 11.3"


@dataclass(frozen=True, slots=True)
class RequestedOrder:
    """What a resource asks for.

    Attributes:
        order: with ``control`` and ``status`` as an HL7 message would have them; no control for what is only noted.
        time: when it happened: ``authoredOn`` of a new one, else ``meta.lastUpdated``; None when it does not say.
        code: of a Task, what is to be done.
    """

    order: ImagingOrder
    time: datetime | None
    code: Code | None = None


def read_request(resource: Json, version: Version, *, is_update: bool = False) -> RequestedOrder:
    """The order of a ServiceRequest or a Task.

    Args:
        resource: as JSON.
        version: of FHIR.
        is_update: it was sent before.

    Raises:
        BadInput: with a finding for each element that is wrong.
    """
    kind = str(resource.get("resourceType"))
    if kind not in REQUESTS:
        raise _refused([Finding("resourceType", "It is neither ServiceRequest nor Task.", _RULE)])
    _require_form(resource, kind, version)
    findings = list(_unacceptable(resource, kind))
    values = _values(resource, kind, version)
    control, status = _control(resource, kind, is_update=is_update)
    order = ImagingOrder(control=control, status=status, origin="fhir", **values)
    findings += _missing(order, kind)
    if findings:
        raise _refused(findings)
    stamps = ("authoredOn",) if control == "NW" else ()
    said = next((resource[name] for name in stamps if name in resource), None) or resource.get("meta", {}).get(
        "lastUpdated"
    )
    code = _code(resource.get("code")) if kind == "Task" else None
    return RequestedOrder(order, _moment(said), code)


def operation_outcome(findings: list[Finding] | tuple[Finding, ...], code: str = "invalid") -> Json:
    """OperationOutcome: each finding with its element and its rule.

    Args:
        findings: what is wrong.
        code: of FHIR issue-type.
    """
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": code,
                "diagnostics": " ".join(filter(None, [one.message, f"[{one.rule}]" if one.rule else "", one.remedy])),
                **({"expression": [one.path]} if one.path else {}),
            }
            for one in findings
        ],
    }


@cache
def _codes(kind: str, element: str) -> dict[str, dict[str, str]]:
    rows = read_table("profiles.fhir", "order_codes")
    return {row["code"]: row for row in rows if row["element"] == element and row["resource"] in {kind, "*"}}


def _require_form(resource: Json, kind: str, version: Version) -> None:
    model: Any = getattr(import_module(f"{_PACKAGES[version]}.{kind.lower()}"), kind)
    try:
        model.model_validate(resource)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise _refused(
            [Finding(_expression(kind, one["loc"]), f"FHIR {version}: {one['type']}.", "FHIR") for one in found]
        ) from error


def _expression(kind: str, place: tuple[Any, ...]) -> str:
    words = [f"[{one}]" if isinstance(one, int) else f".{one}" for one in place]
    return f"{kind}{''.join(words)}"


def _unacceptable(resource: Json, kind: str) -> Iterator[Finding]:
    for element in ("status", "intent", "priority"):
        known, value = _codes(kind, element), resource.get(element)
        if value not in known and (value is not None or element != "priority"):
            words = f"It has to be one of {', '.join(known)}."
            yield Finding(f"{kind}.{element}", words, f"required binding; {_RULE}")
    for element in ("modifierExtension", "implicitRules"):
        if element in resource:
            yield Finding(f"{kind}.{element}", "It changes the meaning, and is not known here.", "FHIR section 2.1.0.2")
    if resource.get("doNotPerform"):
        yield Finding(f"{kind}.doNotPerform", "A prohibition cannot be carried out.", "FHIR doNotPerform")


def _missing(order: ImagingOrder, kind: str) -> Iterator[Finding]:
    if not order.patient.identifier:
        path = "ServiceRequest.subject.identifier" if kind == "ServiceRequest" else "Task.for.identifier"
        remedy = "Name the patient by an identifier, in the reference or in a contained Patient."
        yield Finding(path, "The patient has no identifier.", _RULE, remedy)
    if not (order.accession or order.study_instance_uid or order.placer or order.filler):
        path = "ServiceRequest.identifier" if kind == "ServiceRequest" else "Task.focus.identifier"
        remedy = "Give ACSN, PLAC or FILL, or an ImagingStudy with its urn:dicom:uid identifier."
        yield Finding(path, "Neither study nor order is named.", _RULE, remedy)
    if order.study_instance_uid and not _UID.fullmatch(order.study_instance_uid):
        path = "ServiceRequest.supportingInfo.identifier" if kind == "ServiceRequest" else "Task.focus.identifier"
        yield Finding(path, "The Study Instance UID is no UID.", "PS3.5 section 9.1")


def _control(resource: Json, kind: str, *, is_update: bool) -> tuple[str, str]:
    row = _codes(kind, "status").get(str(resource.get("status")), {})
    return row.get("update" if is_update else "create", ""), row.get("status", "")


def _values(resource: Json, kind: str, version: Version) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for row in read_table("profiles.fhir", "order_elements"):
        if row["resource"] != kind:
            continue
        found = list(_at(resource, row[version]))
        if row["kind"] == "identifiers":
            values |= _numbers(found)
        elif found and (value := _READERS[row["kind"]](found, resource)):
            values["study_instance_uid" if row["value"] == "study" else row["value"]] = value
    return values


def _at(element: Any, path: str) -> Iterator[Any]:
    """All that stands at a path, lists flattened."""
    name, _, rest = path.partition(".")
    found = element.get(name) if isinstance(element, dict) else None
    for one in found if isinstance(found, list) else [found]:
        if one is not None:
            yield from _at(one, rest) if rest else [one]


def _numbers(identifiers: list[Json]) -> dict[str, EntityIdentifier]:
    found = {}
    for one in identifiers:
        for kind in _at(one, "type.coding.code"):
            if kind in _NUMBERS:
                found[_NUMBERS[kind]] = _identifier(one)
    return found


def _identifier(one: Json) -> EntityIdentifier:
    system, authority = str(one.get("system") or ""), one.get("assigner", {}).get("display", "")
    universal = system.removeprefix("urn:oid:")
    kind = "ISO" if universal != system else "URI" if system else ""
    return EntityIdentifier(str(one.get("value") or ""), authority, universal, kind)


def _patient(found: list[Json], resource: Json) -> Patient:
    reference = found[0]
    inside = {f"#{one.get('id')}": one for one in resource.get("contained", []) if one["resourceType"] == "Patient"}
    person = inside.get(reference.get("reference", ""), {})
    identifiers = [*_at(reference, "identifier"), *_at(person, "identifier")]
    known = [_identifier(one) for one in identifiers]
    return Patient(
        identifier=known[0] if known else EntityIdentifier(),
        other_identifiers=tuple(known[1:]),
        name=_name(next(_at(person, "name"), {})),
        birth_date=str(person.get("birthDate", "")).replace("-", ""),
        sex=_SEXES.get(person.get("gender", ""), ""),
    )


def _name(name: Json) -> str:
    given = name.get("given") or [""]
    return "^".join((name.get("family", ""), given[0], " ".join(given[1:]))).rstrip("^")


def _study(found: list[Json], _: Json) -> str:
    for one in found:
        identifier = one.get("identifier", {})
        if identifier.get("system") == UID_SYSTEM:
            return str(identifier.get("value", "")).removeprefix("urn:oid:")
    return ""


def _code(concept: Json | None) -> Code | None:
    for one in (concept or {}).get("coding", []):
        if one.get("code"):
            return Code(one["code"], _designator(one.get("system", "")), one.get("display") or one["code"])
    return None


@cache
def _designator(system: str) -> str:
    """The coding scheme of a system; one that no table knows keeps its name as far as VR SH holds it."""
    known = {row["system"]: row["designator"] for row in read_table("profiles.fhir", "code_systems")}
    return known.get(system) or system.rsplit("/", 1)[-1].rsplit(":", 1)[-1][:16]


def _words(found: list[Json], _: Json) -> str:
    return str(found[0].get("text") or next(_at(found[0], "coding.display"), ""))


def _moment(said: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _start(found: list[str], _: Json) -> str:
    at = _moment(found[0])
    return format_timestamp(at) if at else ""


_READERS: dict[str, Callable[[list[Any], Json], Any]] = {
    "patient": _patient,
    "study": _study,
    "code": lambda found, _: _code(found[0]),
    "priority": lambda found, _: _codes("*", "priority").get(found[0], {}).get("create", ""),
    "time": _start,
    "words": _words,
    "person": lambda found, _: Person(found[0].get("display", "")),
    "note": lambda found, _: "\n".join(str(one.get("text", "")) for one in found),
}


def _refused(findings: list[Finding]) -> BadInput:
    return BadInput("; ".join(f"{one.path}: {one.message}" for one in findings), findings=findings)
