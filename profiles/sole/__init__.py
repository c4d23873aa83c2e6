"""SOLE and ATNA: the event catalogue, the audit message and syslog (sole.md sections 3 to 6)."""

from profiles.sole.audit import encode_audit
from profiles.sole.catalogue import EventCode, catalogue, event_code, step_of, steps
from profiles.sole.event import (
    Algorithm,
    OperationalEvent,
    Outcome,
    ResultReference,
    SecurityEvent,
    Source,
    Thread,
)
from profiles.sole.message import encode, event_id
from profiles.sole.reading import ParsedEvent, parse

__all__ = [
    "Algorithm",
    "EventCode",
    "OperationalEvent",
    "Outcome",
    "ParsedEvent",
    "ResultReference",
    "SecurityEvent",
    "Source",
    "Thread",
    "catalogue",
    "encode",
    "encode_audit",
    "event_code",
    "event_id",
    "parse",
    "step_of",
    "steps",
]
