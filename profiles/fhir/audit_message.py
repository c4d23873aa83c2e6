"""An AuditEvent as the audit message that it stands for: the way back of `profiles.fhir.audit` (sole.md 7.3).

Loss-free for what the mapping has a row for; other elements of an AuditEvent are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from fhir.resources.R4B.auditevent import AuditEvent
from pydantic import ValidationError

from profiles.errors import BadInput
from profiles.fhir.audit import HEADER_EXTENSION, HEADER_PARTS
from profiles.fhir.audit_table import ElementRow, Json, concept_of, description_rows, element_rows, scheme_of_system
from profiles.sole.catalogue import EventCode
from profiles.sole.event import Outcome
from profiles.sole.message import coded, document, element, encoded, moment, words
from profiles.sole.reading import moment_of
from profiles.sole.syslog import AUDIT_MESSAGE_ID, HIGHEST_PRI, SOLE_APPLICATION, compose, printable, priority

_SOURCE_TYPES = "http://terminology.hl7.org/CodeSystem/security-source-type"
_APPLICATION = "FHIR"
_OUTCOMES = {str(int(one)): one for one in Outcome}
_PRIS = frozenset(str(pri) for pri in range(HIGHEST_PRI + 1))
#: What an object's identifier is, where nothing says so (sole.md 4.1, RFC 3881 id types).
_KINDS = {
    name: concept_of(EventCode(code, "RFC-3881", meaning))
    for name, code, meaning in (
        ("patient", "2", "Patient Number"),
        ("query", "10", "Search Criteria"),
        ("other", "12", "URI"),
    )
}


def require_audit_event(resource: Any) -> Json:
    """See that something is an AuditEvent of FHIR R4.

    Returns:
        It, without members that are null.

    Raises:
        BadInput: naming the first element that is wrong, without its value.
    """
    if not isinstance(resource, dict) or resource.get("resourceType") != "AuditEvent":
        raise BadInput("This is no AuditEvent of FHIR R4 (sole.md 3.5); send one, or a Bundle of them.")
    try:
        resource = _without_nulls(resource)
        AuditEvent.model_validate(resource)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "AuditEvent"
        raise BadInput(f"The AuditEvent is not as FHIR R4 has it: {where}: {first['type']}.") from error
    except (RecursionError, ValueError) as error:
        raise BadInput("The AuditEvent is not as FHIR R4 has it.") from error
    if not resource["agent"]:
        raise BadInput("The AuditEvent is not as FHIR R4 has it: agent: missing.")
    checked: Json = resource
    return checked


def _without_nulls(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _without_nulls(value) for name, value in told.items() if value is not None}
    if isinstance(told, list):
        return [_without_nulls(value) for value in told if value is not None]
    return told


def audit_message_of(resource: Json) -> bytes:
    """The audit message in XML of a valid AuditEvent (see `require_audit_event`)."""
    return document(
        _element("EventIdentification", "event", resource),
        *(_element("ActiveParticipant", "agent", one) for one in resource.get("agent", ())),
        _element("AuditSourceIdentification", "source", resource.get("source", {})),
        *(_entity(one) for one in resource.get("entity", ())),
    )


def syslog_message_of(resource: Json) -> bytes:
    """The syslog message of an AuditEvent: with the header that it was given, else with one made from what it says."""
    kept = _kept_header(resource)
    operational = _found(resource, "type.code")[:1] == ["SOLE"]
    code = str(next(iter(_found(resource, "subtype.code")), "-"))
    told = _OUTCOMES.get(str(resource.get("outcome")), Outcome.SUCCESS)
    return compose(
        audit_message_of(resource),
        pri=int(kept["pri"]) if kept.get("pri") in _PRIS else priority(told),
        at=_moment(kept.get("timestamp", "")) or _recorded(resource["recorded"]),
        hostname=kept.get("hostname") or printable(_observer(resource), 255),
        application=kept.get("application") or (SOLE_APPLICATION if operational else _APPLICATION),
        process=kept.get("process") or "-",
        message_id=kept.get("message_id") or (code if operational else AUDIT_MESSAGE_ID),
    )


def _observer(resource: Json) -> str:
    (row,) = (row for row in element_rows("source") if row.xml == "@AuditSourceID")
    return str(next(iter(_values(resource.get("source", {}), row)), ""))


def _kept_header(resource: Json) -> dict[str, str]:
    for extension in resource.get("extension", ()):
        if extension.get("url") == HEADER_EXTENSION:
            parts = {one.get("url"): str(one.get("valueString", "")) for one in extension.get("extension", ())}
            return {name: parts[name] for name in HEADER_PARTS if parts.get(name)}
    return {}


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _recorded(text: str) -> datetime:
    """A FHIR instant, which has its zone; a leap second is the next one."""
    found = moment_of(text, [])
    if found is None:
        raise BadInput("AuditEvent.recorded is no instant of the calendar (FHIR R4, instant).")
    return found


def _element(tag: str, place: str, data: Json, *inside: str) -> str:
    """The element of one place, by its rows."""
    attributes: dict[str, str] = {}
    children: list[str] = []
    for row in element_rows(place):
        for value in _values(data, row):
            if row.xml.startswith("@"):
                attributes[row.xml[1:]] = _ATTRIBUTES[row.form](value)
            else:
                children.append(_CHILDREN[row.form](row.tag, value))
    return element(tag, attributes, *children, *inside)


def _values(data: Json, row: ElementRow) -> list[Any]:
    for path in row.paths:
        found = _found(data, path)
        if row.form == "code":
            found = [one for one in found if one in row.limit.split("|")]
        if found:
            return found if row.repeats else found[:1]
    return []


def _found(data: Any, path: str) -> list[Any]:
    """What is at a path; lists on the way are opened."""
    found = [data]
    for name in path.split("."):
        inside = [one[name] for one in found if isinstance(one, dict) and one.get(name) is not None]
        found = [part for one in inside for part in (one if isinstance(one, list) else [one])]
    return found


def _entity(data: Json) -> str:
    """An object; the schema asks for its identifier, what that is, and exactly one of name and query (SOLE-039)."""
    described = {row.detail for row in description_rows()}
    filled = {**data, "detail": [one for one in data.get("detail", ()) if one.get("type") not in described]}
    what = dict(data.get("what", {}))
    if not any(_found(data, path) for path in ("what.identifier.value", "what.reference", "what.display", "name")):
        what["display"] = "-"
    if not _found(what, "identifier.type"):
        kind = "patient" if _found(data, "role.code") == ["1"] else "query" if "query" in data else "other"
        what["identifier"] = {**what.get("identifier", {}), "type": _KINDS[kind]}
    filled["what"] = what
    if "query" not in data:
        filled.setdefault("name", "")
    return _element("ParticipantObjectIdentification", "entity", filled, *_description(data))


def _description(data: Json) -> Iterator[str]:
    """The ParticipantObjectDescription that details keep."""
    rows = {row.detail: row for row in description_rows()}
    parts: list[tuple[str, dict[str, str], list[str]]] = []
    for one in data.get("detail", ()):
        row, value = rows.get(one.get("type", "")), str(one.get("valueString", ""))
        if row is None:
            continue
        number = ""
        if row.count:
            value, _, number = value.rpartition(" ")
        told = {name: said for name, said in ((row.attribute, value), (row.count, number)) if name and said}
        outer, _, tag = row.element.rpartition("/")
        inside = [] if row.attribute else [words(value)]
        if not outer:
            parts.append((tag, told, inside))
        elif parts and parts[-1][0] == outer:
            parts[-1][2].append(element(tag, told))
        else:
            parts.append((outer, {}, [element(tag, told)]))
    if parts:
        yield element("ParticipantObjectDescription", {}, *(element(tag, told, *inside) for tag, told, inside in parts))


def _code(data: Json) -> EventCode:
    code = str(data.get("code", ""))
    scheme = scheme_of_system(str(data.get("system", "")), code)
    return EventCode(code, scheme, str(data.get("display") or code))


def _coding(tag: str, data: Json) -> str:
    """A coded element; types of sources are numbers without a scheme (PS3.15 A.5.1.1)."""
    outer, _, inner = tag.rpartition("/")
    plain = data.get("system") == _SOURCE_TYPES
    made = element(inner, {"csd-code": str(data.get("code", ""))}) if plain else coded(inner, _code(data))
    return element(outer, {}, made) if outer else made


def _concept(tag: str, data: Json) -> str:
    codings = data.get("coding") or [{"display": data.get("text", "")}]
    return _coding(tag, codings[0])


def _detail(_tag: str, data: Json) -> str:
    value = data.get("valueBase64Binary")
    told = encoded(str(data.get("valueString", ""))) if value is None else str(value)
    return element("ParticipantObjectDetail", {"type": str(data.get("type", "")), "value": told})


_ATTRIBUTES: dict[str, Callable[[Any], str]] = {
    "text": str,
    "code": str,
    "instant": lambda value: moment(_recorded(str(value)).astimezone(UTC)),
    "boolean": lambda value: str(value).lower(),
    "number": lambda value: str(value.get("code", "")),
    "label": lambda value: str(value.get("display") or value.get("code", "")),
}
_CHILDREN: dict[str, Callable[[str, Any], str]] = {
    "text": lambda tag, value: element(tag, {}, words(str(value))),
    "octets": lambda tag, value: element(tag, {}, words(str(value))),
    "coding": _coding,
    "concept": _concept,
    "detail": _detail,
}
