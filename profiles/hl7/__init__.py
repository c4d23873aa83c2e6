"""HL7 v2: messages read without loss, orders out of them, answers to them, and what IHE RAD-4 and RAD-13 require.

Results go out by ``profiles.hl7.results.oru_r01``, which is imported from its module: receivers of orders need none of
the result primitives that come with it.

hl7apy builds what we send and validates, as findings, off the acknowledgment path (design decision
D11). Tables in ``tables/`` carry their sources and the ids of the requirements (``HL7-…``).
"""

from profiles.hl7.acknowledge import acknowledge
from profiles.hl7.checks import message_handling, require_acceptable, require_complete, require_study
from profiles.hl7.escapes import Delimiters, escape, unescape
from profiles.hl7.findings import ErrorCode, MessageFinding, MessageRefused, acknowledgment_of, error_codes
from profiles.hl7.message import Message, Segment, read
from profiles.hl7.order import order_action, order_from, orders_from, with_derived_study
from profiles.hl7.timestamps import format_timestamp, parse_timestamp
from profiles.hl7.values import EntityIdentifier, ImagingOrder, Patient, Person, ScheduledStep

__all__ = [
    "Delimiters",
    "EntityIdentifier",
    "ErrorCode",
    "ImagingOrder",
    "Message",
    "MessageFinding",
    "MessageRefused",
    "Patient",
    "Person",
    "ScheduledStep",
    "Segment",
    "acknowledge",
    "acknowledgment_of",
    "error_codes",
    "escape",
    "format_timestamp",
    "message_handling",
    "order_action",
    "order_from",
    "orders_from",
    "parse_timestamp",
    "read",
    "require_acceptable",
    "require_complete",
    "require_study",
    "unescape",
    "with_derived_study",
]
