"""An audit message as AuditEvent of FHIR R4, row by row of ``tables/audit_elements.csv`` (sole.md 7.3).

What the mapping has no element for is kept beside it: the header of the syslog message in an extension, the parts of a
ParticipantObjectDescription as details. `profiles.fhir.audit_message` is the way back.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element

from profiles.fhir.audit_table import ElementRow, Json, coding_of, description_rows, element_rows
from profiles.sole.catalogue import EventCode
from profiles.sole.reading import moment_of, root_of
from profiles.sole.syslog import SyslogMessage

#: URL of the extension that holds the header of the syslog message.
HEADER_EXTENSION = "urn:x-project:syslog-header"
#: Parts of the header in the extension.
HEADER_PARTS = ("pri", "version", "timestamp", "hostname", "application", "process", "message_id")
_UNKNOWN = {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}


def audit_event(
    document: bytes, received_at: datetime, identifier: str = "", header: SyslogMessage | None = None
) -> Json:
    """The AuditEvent of an audit message. What R4 requires and a message lacks is told as unknown (SOLE-064).

    Args:
        document: XML in UTF-8, with or without byte order mark.
        received_at: when it came; stands for EventDateTime where that cannot be read.
        identifier: becomes the id of the resource.
        header: of the syslog message.

    Returns:
        JSON of an AuditEvent.

    Raises:
        BadInput: as `profiles.sole.reading.parse`.
    """
    root = root_of(document)
    told = _part("event", root.find("EventIdentification"))
    told.setdefault("recorded", _instant(received_at))
    told.setdefault("type", dict(_UNKNOWN))
    agents = [_agent(one) for one in root.findall("ActiveParticipant")]
    source = _part("source", root.find("AuditSourceIdentification"))
    hostname = header.hostname if header else "unknown"
    source.setdefault("observer", {"identifier": {"value": hostname}})
    entities = [made for one in root.findall("ParticipantObjectIdentification") if (made := _entity(one))]
    return {
        "resourceType": "AuditEvent",
        **({"id": identifier} if identifier else {}),
        **({"extension": [_header(header)]} if header else {}),
        **told,
        "period": {"start": told["recorded"], "end": told["recorded"]},
        "agent": agents or [{"who": {"display": "unknown"}, "requestor": False}],
        "source": source,
        **({"entity": entities} if entities else {}),
    }


def _header(header: SyslogMessage) -> Json:
    parts = [{"url": name, "valueString": str(getattr(header, name))} for name in HEADER_PARTS]
    return {"url": HEADER_EXTENSION, "extension": parts}


def _agent(element: Element) -> Json:
    made = _part("agent", element)
    made.setdefault("who", {"display": "unknown"})
    made.setdefault("requestor", False)
    return made


def _entity(element: Element) -> Json:
    made = _part("entity", element)
    if "query" in made:  # FHIR allows one of the two
        made.pop("name", None)
    kept = list(_described(element))
    if kept:
        made["description"] = "; ".join(words for words, _ in kept)
        made.setdefault("detail", []).extend(detail for _, detail in kept)
    return made if made.keys() & {"what", "name", "query"} else {}


def _described(element: Element) -> Iterator[tuple[str, Json]]:
    """What the ParticipantObjectDescriptions say: in words, and as a detail that keeps it."""
    for description in element.findall("ParticipantObjectDescription"):
        for found in description.iter():
            row = _descriptions().get(found.tag)
            if row is None:
                continue
            value = found.get(row.attribute, "") if row.attribute else (found.text or "")
            value = f"{value} {found.get(row.count, '')}" if row.count else value
            if value.strip():
                yield f"{row.words} {value.strip()}", {"type": row.detail, "valueString": value.strip()}


def _descriptions() -> Mapping[str, Any]:
    return {row.element.rpartition("/")[2]: row for row in description_rows()}


def _part(place: str, element: Element | None) -> Json:
    """The elements of one place that have a value."""
    made: Json = {}
    if element is None:
        return made
    for row in element_rows(place):
        values = [value for one in _told(element, row) if (value := _FORMS[row.form](one, row)) not in (None, "", {})]
        if values:
            _put(made, row.paths[0].split("."), values if row.repeats else values[0])
    return made


def _told(element: Element, row: ElementRow) -> list[Any]:
    if row.xml.startswith("@"):
        value = element.get(row.xml[1:])
        return [] if value is None else [value]
    return element.findall(row.tag)[row.part]


def _put(made: Json, path: list[str], value: Any) -> None:
    for name in path[:-1]:
        made = made.setdefault(name, {})
    made[path[-1]] = value


def _text(told: Element | str) -> str:
    said = told if isinstance(told, str) else told.text or ""
    return said if said.strip() else ""


def _code(told: str, row: ElementRow) -> str:
    return told if told in row.limit.split("|") else ""


def _moment(told: str, _row: ElementRow) -> str:
    found = moment_of(told, [])
    return _instant(found) if found else ""


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _boolean(told: str, _row: ElementRow) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(told.strip().lower())


def _coding(told: Element, row: ElementRow) -> Json:
    scheme = told.get("codeSystemName", "")
    meaning = told.get("originalText") or told.get("displayName") or ""
    return coding_of(EventCode(told.get("csd-code") or told.get("code") or "", scheme or row.limit, meaning))


def _concept(told: Element, row: ElementRow) -> Json:
    coding = _coding(told, row)
    return {"coding": [coding]} if coding else {}


def _number(told: str, row: ElementRow) -> Json:
    return {"system": row.limit, "code": told.strip()} if told.strip().isdecimal() else {}


def _octets(told: Element, _row: ElementRow) -> str:
    """Base64 as it must be; other vendors' line ends in it are taken out."""
    said = "".join((told.text or "").split())
    try:
        base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        return base64.b64encode(said.encode()).decode()
    return said


def _detail(told: Element, _row: ElementRow) -> Json:
    value, kind = told.get("value", ""), told.get("type", "").strip() or "detail"
    try:
        text = base64.b64decode(value, validate=True).decode()
    except UnicodeDecodeError:
        return {"type": kind, "valueBase64Binary": value}
    except (binascii.Error, ValueError):
        text = value
    if text.strip() and all(one.isprintable() or one in "\t\r\n" for one in text):
        return {"type": kind, "valueString": text}
    return {"type": kind, "valueBase64Binary": value} if value else {}


#: How a value of each form is told; None, nothing and an empty text are left out.
_FORMS: dict[str, Callable[[Any, ElementRow], Any]] = {
    "text": lambda told, row: _text(told),
    "code": _code,
    "instant": _moment,
    "boolean": _boolean,
    "coding": _coding,
    "concept": _concept,
    "number": _number,
    "label": lambda told, row: {"display": _text(told)} if _text(told) else {},
    "octets": _octets,
    "detail": _detail,
}
