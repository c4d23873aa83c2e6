"""Rules for the syslog header (RFC 5424 section 6; ITI TF-2 3.20.4.1.2; sole.md 3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from conformance.rules import Breach, Rulebook
from conformance.sole.reading import AUDIT_MESSAGE_IDS, BYTE_ORDER_MARK, SOLE_APPLICATION, Header, Message

HEADER: Rulebook[Message] = Rulebook("sole_rules", ["header", "document-header", "sole-header", "audit-header"])

_HIGHEST_PRI, _FACILITY = 191, 10
_SEVERITY = {"0": 5, "4": 4, "8": 3, "12": 2}
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d)(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)")
_LIMITS = (("hostname", "HOSTNAME", 255), ("application", "APP-NAME", 48), ("process", "PROCID", 128))
_SENT_EARLY_SECONDS = 1.0
#: Events whose time may lie ahead: appointments, and planned openings and closings.
_PLANNED = frozenset({"RID45814", "RID45815", "RID45986", "RID45987", "RID45988", "RID45989"})


def _of(message: Message) -> Header:
    if message.header is None:
        raise AssertionError("rules of the header are asked only where there is one")
    return message.header


@HEADER.rule("SOLE-001")
def _begins(message: Message) -> Iterator[Breach]:
    header = _of(message)
    if not _is_priority(header.pri):
        yield "PRI", f"is no number from 0 to {_HIGHEST_PRI} without leading zeros"
    if header.version != "1":
        yield "VERSION", "is not 1"


def _is_priority(text: str) -> bool:
    return re.fullmatch("0|[1-9][0-9]{0,2}", text) is not None and int(text) <= _HIGHEST_PRI


@HEADER.rule("SOLE-002")
def _priority(message: Message) -> Iterator[Breach]:
    pri = _of(message).pri
    severities = {_SEVERITY.get(message.outcome, 5)} | ({4, 5} if message.kind == "audit" else set())
    expected = {str(_FACILITY * 8 + severity) for severity in severities}
    if _is_priority(pri) and pri not in expected:
        yield "PRI", f"is {pri}; facility 10 with the severity of this outcome is {' or '.join(sorted(expected))}"


@HEADER.rule("SOLE-003")
def _timestamp(message: Message) -> Iterator[Breach]:
    text = _of(message).timestamp
    if text != "-" and _instant(text) is None:
        yield "TIMESTAMP", "is no date-time with zone, upper-case T and Z and at most 6 digits of fraction"


def _instant(text: str) -> datetime | None:
    """The moment that a TIMESTAMP of RFC 5424 names."""
    try:
        return datetime.fromisoformat(text) if _TIMESTAMP.fullmatch(text) else None
    except ValueError:
        return None


@HEADER.rule("SOLE-003-NIL")
def _timed(message: Message) -> Iterator[Breach]:
    if _of(message).timestamp == "-":
        yield "TIMESTAMP", "is not given"


@HEADER.rule("SOLE-004")
def _names(message: Message) -> Iterator[Breach]:
    header = _of(message)
    for field, name, limit in (*_LIMITS, ("message_id", "MSGID", 32)):
        if not re.fullmatch(f"[!-~]{{1,{limit}}}", getattr(header, field)):
            yield name, f"is not 1 to {limit} printable characters of US-ASCII"


@HEADER.rule("SOLE-005")
def _application(message: Message) -> Iterator[Breach]:
    if _of(message).application != SOLE_APPLICATION:
        yield "APP-NAME", f"is not {SOLE_APPLICATION}"


@HEADER.rule("SOLE-006")
def _message_id(message: Message) -> Iterator[Breach]:
    told, codes = _of(message).message_id, [code.value for code in message.event_types]
    if codes and told not in codes and told not in AUDIT_MESSAGE_IDS:
        yield "MSGID", "is none of the message's event type codes"


@HEADER.rule("SOLE-006-FIRST")
def _first_code(message: Message) -> Iterator[Breach]:
    told, codes = _of(message).message_id, [code.value for code in message.event_types]
    if told in codes[1:] and told != codes[0]:
        yield "MSGID", "is an event type code, but not the first one"


@HEADER.rule("SOLE-007")
def _no_audit_id(message: Message) -> Iterator[Breach]:
    if _of(message).message_id in AUDIT_MESSAGE_IDS:
        yield "MSGID", "is that of security audit messages"


@HEADER.rule("SOLE-007-AUDIT")
def _audit_id(message: Message) -> Iterator[Breach]:
    if _of(message).message_id not in AUDIT_MESSAGE_IDS:
        yield "MSGID", "is not that of security audit messages"


@HEADER.rule("SOLE-008")
def _structured(message: Message) -> Iterator[Breach]:
    if _of(message).structured != "-":
        yield "STRUCTURED-DATA", "is not the nil value -"


@HEADER.rule("SOLE-010")
def _mark(message: Message) -> Iterator[Breach]:
    if message.content.startswith(BYTE_ORDER_MARK):
        yield "MSG", "begins with a byte order mark"


@HEADER.rule("SOLE-045")
def _sent_after_it_happened(message: Message) -> Iterator[Breach]:
    sent, at = _instant(_of(message).timestamp), message.at
    if sent is None or at is None or any(code.value in _PLANNED for code in message.event_types):
        return
    ahead = (at - sent).total_seconds()
    if ahead > _SENT_EARLY_SECONDS:
        yield "EventIdentification@EventDateTime", f"is {ahead:.1f} s after TIMESTAMP: sent before it happened"


@HEADER.rule("SOLE-068")
def _separable(message: Message) -> Iterator[Breach]:
    if _of(message).application == SOLE_APPLICATION:
        yield "APP-NAME", f"is {SOLE_APPLICATION} in a security audit message"
