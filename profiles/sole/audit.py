"""Security audit messages (PS3.15 2023b A.5.3; sole.md section 6). They are no SOLE events and enter no metric."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from profiles.sole.catalogue import PACKAGE, EventCode
from profiles.sole.event import SecurityEvent, Source
from profiles.sole.message import (
    APPLICATION,
    URI,
    application,
    audit_source,
    coded,
    detail,
    document,
    element,
    encoded,
    identification,
    named,
    participant_object,
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
    types = [row.type] if row.type else []
    return document(
        identification(row.event, types, row.action, event.at, event.outcome, event.description),
        *_participants(event, source),
        audit_source(source),
        *_subject(row, event, source),
    )


def _participants(event: SecurityEvent, source: Source) -> Iterator[str]:
    asked = bool(event.caller or event.address)
    yield application(source, requestor=not asked)
    if not asked:
        return
    attributes = {"UserID": event.caller or event.address, "UserIsRequestor": "true"}
    if not event.address:
        yield element("ActiveParticipant", attributes)
        return
    attributes |= {"NetworkAccessPointID": event.address, "NetworkAccessPointTypeCode": "2"}
    yield element("ActiveParticipant", attributes, coded("RoleIDCode", APPLICATION))


def _subject(row: AuditRow, event: SecurityEvent, source: Source) -> Iterator[str]:
    """What the event is about: the log, the request, the connection. An alert describes itself in a detail."""
    if not row.object_type:
        return
    # exactly one of name and query (SOLE-039)
    inside = [element("ParticipantObjectQuery", {}, encoded(event.query)) if event.query else named(row.event.meaning)]
    if row.event.code == SECURITY_ALERT:
        inside.append(detail("Alert Description", event.description or (row.type.meaning if row.type else "")))
    target = event.target or f"urn:stepwell:{source.actor}"
    yield participant_object(target, URI, row.object_type, row.object_role, *inside)
