"""Security audit messages (PS3.15 2023b A.5.3; sole.md section 6). They are no SOLE events and enter no metric."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from xml.etree.ElementTree import Element, SubElement

from profiles.sole.catalogue import PACKAGE, EventCode
from profiles.sole.event import SecurityEvent, Source
from profiles.sole.message import (
    APPLICATION,
    URI,
    add_application,
    add_audit_source,
    add_code,
    add_detail,
    add_object,
    as_bytes,
    begin,
    clean,
)
from profiles.tables import read_table

SECURITY_ALERT = "110113"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of ``tables/audit_events.csv``: the form of one kind of audit event."""

    key: str
    event: EventCode
    action: str
    type: EventCode | None
    object_type: str
    object_role: str
    source: str


@cache
def audit_rows() -> dict[str, AuditRow]:
    """All kinds of audit events by key."""
    return {
        row["key"]: AuditRow(
            row["key"],
            EventCode(row["event_code"], "DCM", row["event_meaning"]),
            row["action"],
            EventCode(row["type_code"], "DCM", row["type_meaning"]) if row["type_code"] else None,
            row["object_type"],
            row["object_role"],
            row["source"],
        )
        for row in read_table(PACKAGE, "audit_events")
    }


def encode_audit(event: SecurityEvent, source: Source) -> bytes:
    """An audit message, valid against the schema of PS3.15 2023b A.5.1.1.

    Raises:
        KeyError: when the kind is in no table.
        ValueError: when the event's time carries no zone.
    """
    row = audit_rows()[event.kind]
    root, identification = begin(row.event, row.action, event.at, event.outcome)
    if row.type:
        add_code(identification, "EventTypeCode", row.type)
    if event.description:
        SubElement(identification, "EventOutcomeDescription").text = clean(event.description)
    _add_participants(root, event, source)
    add_audit_source(root, source)
    _add_subject(root, row, event, source)
    return as_bytes(root)


def _add_participants(root: Element, event: SecurityEvent, source: Source) -> None:
    asked = bool(event.caller or event.address)
    add_application(root, source, requestor=not asked)
    if not asked:
        return
    attributes = {"UserID": clean(event.caller or event.address), "UserIsRequestor": "true"}
    if event.address:
        attributes |= {"NetworkAccessPointID": clean(event.address), "NetworkAccessPointTypeCode": "2"}
    participant = SubElement(root, "ActiveParticipant", attributes)
    if event.address:
        add_code(participant, "RoleIDCode", APPLICATION)


def _add_subject(root: Element, row: AuditRow, event: SecurityEvent, source: Source) -> None:
    """What the event is about: the log, the request, the connection. An alert describes itself in a detail."""
    if not row.object_type:
        return
    name = "" if event.query else row.event.meaning
    target = event.target or f"urn:stepwell:{source.actor}"
    subject = add_object(root, target, URI, row.object_type, row.object_role, name)
    if event.query:  # exactly one of name and query (SOLE-039)
        subject.remove(subject[-1])
        query = SubElement(subject, "ParticipantObjectQuery")
        query.text = base64.b64encode(clean(event.query).encode()).decode()
    if row.event.code == SECURITY_ALERT:
        add_detail(subject, "Alert Description", event.description or (row.type.meaning if row.type else ""))
