"""Answers to messages: MSH, MSA and ERR (HL7 2.5.1 sections 2.9.2 and 2.15; IHE RAD keeps the original mode)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from profiles.hl7.escapes import STANDARD, Delimiters, escape
from profiles.hl7.findings import MessageFinding, error_codes
from profiles.hl7.message import Message
from profiles.hl7.timestamps import format_timestamp

_FROM_2_5 = (2, 5)
_MSA_TEXT, _DIAGNOSTICS, _USER_TEXT = 80, 2048, 250
#: Values of MSH-15 and MSH-16 under which an answer is given: to what was refused, and to what was taken.
_CONDITIONS = (frozenset({"AL", "ER"}), frozenset({"AL", "SU"}))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def acknowledge(
    message: Message | None,
    code: str,
    findings: Sequence[MessageFinding] = (),
    *,
    control_id: str,
    now: datetime,
) -> bytes:
    """The answer to a message.

    From version 2.5 on each finding becomes an ERR segment in the form of 2.5.1; older senders get the text in MSA-3,
    because they take any ERR for a failure (HL7-015).

    Args:
        message: what is answered; None when it could not be read, which is answered too (HL7-009).
        code: of table 0008: ``AA``, ``AE``, ``AR``, or their counterparts ``CA``, ``CE``, ``CR``.
        findings: what was wrong.
        control_id: MSH-10 of the answer.
        now: MSH-7 of the answer, timezone-aware.
    """
    signs = message.delimiters if message else STANDARD
    field = signs.field
    modern = message is None or message.version >= _FROM_2_5 or not message.version
    said = findings[0].message if findings and not modern else ""
    segments = [
        field.join(_header(message, signs, control_id, now)).rstrip(field),
        field.join(["MSA", code, _copied(message, 10), _clean(said, signs, _MSA_TEXT)]).rstrip(field),
    ]
    if modern:
        segments += [_error_segment(finding, signs) for finding in findings]
    text = "".join(f"{segment}\r" for segment in segments)
    return text.encode(message.codec if message else "ascii", "replace")


def asked_for(message: Message | None, code: str) -> tuple[str, ...]:
    """The answers that a message asks for in the enhanced mode (HL7 2.5.1 section 2.9.3; table 0155).

    Args:
        message: what is answered; one that cannot be read is answered all the same.
        code: of the application acknowledgment: ``AA``, ``AE`` or ``AR``.

    Returns:
        The code of the accept acknowledgment, if MSH-15 asks for it, and ``code``, if MSH-16 does. When neither is
        valued the sender speaks the original mode: ``code``.
    """
    wanted = (message.get("MSH-15"), message.get("MSH-16")) if message else ("", "")
    if not any(wanted):
        return (code,)
    given = _CONDITIONS[code == "AA"]
    return tuple(one for one, condition in zip((f"C{code[1]}", code), wanted, strict=True) if condition in given)


def _copied(message: Message | None, number: int, default: str = "") -> str:
    """A field of the sender's MSH as it was sent, without control characters (HL7-012)."""
    header = message.segment("MSH") if message else None
    return _CONTROL.sub("", header.raw(number)) if header else default


def _header(message: Message | None, signs: Delimiters, control_id: str, now: datetime) -> list[str]:
    """The fields of the answer's MSH: sender and receiver change places."""
    event = _CONTROL.sub("", message.get("MSH-9.2")) if message else ""
    kind = ["ACK", escape(event, signs), "ACK"] if event else ["ACK"]
    return [
        "MSH",
        signs.encoding_characters,
        *(_copied(message, number) for number in (5, 6, 3, 4)),
        format_timestamp(now),
        "",
        signs.component.join(kind),
        control_id,
        _copied(message, 11, "P") or "P",
        _copied(message, 12, "2.5.1") or "2.5.1",
        *("" for _ in range(5)),
        _copied(message, 18),
    ]


def _error_segment(finding: MessageFinding, signs: Delimiters) -> str:
    code = error_codes()[finding.code]
    fields = [
        "ERR",
        "",
        signs.component.join(finding.location),
        signs.component.join([str(code.value), escape(code.text, signs), "HL70357"]),
        finding.severity,
        "",
        "",
        _clean(finding.rule, signs, _DIAGNOSTICS),
        _clean(f"{finding.path}: {finding.message} {finding.remedy}".rstrip(), signs, _USER_TEXT),
    ]
    return signs.field.join(fields)


def _clean(text: str, signs: Delimiters, longest: int) -> str:
    """Text for an answer: no control characters, cut, escaped; every sign in ASCII."""
    plain = _CONTROL.sub(" ", text).encode("ascii", "replace").decode()
    return escape(plain[:longest], signs)
