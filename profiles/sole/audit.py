"""Security audit messages (PS3.15 2023b A.5.3; sole.md section 6). They are no SOLE events and enter no metric."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from profiles.sole.catalogue import PACKAGE, EventCode
from profiles.sole.event import SecurityEvent, Source
from profiles.sole.message import (
    APPLICATION,
    STUDY,
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
#: Security audit has another type for it than SOLE (SOLE-036).
PATIENT_NUMBER = EventCode("2", "RFC-3881", "Patient Number")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of ``tables/audit_events.csv``: the form of one kind of audit event.

    ``own_role`` and ``peer_role`` say what the reporter and who asked it are to a transfer or query.
    """

    key: str
    event: EventCode
    action: str
    type: EventCode | None
    object_type: str
    object_role: str
    object_id_type: EventCode | None
    own_role: EventCode | None
    peer_role: EventCode | None
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
            _code(row["object_id_type"]),
            _code(row["own_role"]),
            _code(row["peer_role"]),
            row["source"],
        )
        for row in read_table(PACKAGE, "audit_events")
    }


def _code(cell: str) -> EventCode | None:
    return EventCode(*cell.split("|")) if cell else None


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
        *_participants(row, event, source),
        audit_source(source),
        *_records(event),
        *_subject(row, event, source),
    )


def _participants(row: AuditRow, event: SecurityEvent, source: Source) -> Iterator[str]:
    asked = bool(event.caller or event.address)
    yield application(source, requestor=not asked, role=row.own_role)
    if not asked:
        return
    attributes = {"UserID": event.caller or event.address, "UserIsRequestor": "true"}
    roles = [coded("RoleIDCode", row.peer_role)] if row.peer_role else []
    if event.address:
        attributes |= {"NetworkAccessPointID": event.address, "NetworkAccessPointTypeCode": "2"}
        roles.append(coded("RoleIDCode", APPLICATION))
    yield element("ActiveParticipant", attributes, *roles)


def _records(event: SecurityEvent) -> Iterator[str]:
    """Whose records were used: at most one patient (SOLE-042), and studies."""
    if event.patient_id:
        yield participant_object(event.patient_id, PATIENT_NUMBER, "1", "1", named(""))
    for uid in event.studies:
        yield participant_object(uid, STUDY, "2", "3", named("study"))


def _subject(row: AuditRow, event: SecurityEvent, source: Source) -> Iterator[str]:
    """What the event is about: the log, the request, the connection. An alert describes itself in a detail."""
    if row.object_id_type is None:
        return
    # exactly one of name and query (SOLE-039)
    inside = [element("ParticipantObjectQuery", {}, encoded(event.query)) if event.query else named(row.event.meaning)]
    if row.event.code == SECURITY_ALERT:
        inside.append(detail("Alert Description", event.description or (row.type.meaning if row.type else "")))
    target = event.target or f"urn:stepwell:{source.actor}"
    yield participant_object(target, row.object_id_type, row.object_type, row.object_role, *inside)
