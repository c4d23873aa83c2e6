"""Hold a message against the HL7 schemas by hl7apy: findings for people, never a reason to refuse an order.

Slow (tens of milliseconds per message, orders.md 12), so it has no place before an acknowledgment.
"""

from __future__ import annotations

import io

from profiles.hl7.findings import MessageFinding
from profiles.hl7.message import Message

_RULE = "HL7-023 (HL7 message structures, as hl7apy has them)"


def schema_findings(message: Message) -> list[MessageFinding]:
    """What the schema of the message's version finds, as warnings.

    Segments that the official structure does not have (ZDS and other Z segments) are left out of the judgement.
    """
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.exceptions import HL7apyException
    from hl7apy.parser import parse_message

    text = "".join(f"{segment}\r" for segment in message.segments if not segment.name.startswith("Z"))
    report = io.StringIO()
    try:
        parsed = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True)
        parsed.validate(report_file=report)
    except HL7apyException as error:
        return [_finding(str(error))]
    lines = (line.strip() for line in report.getvalue().splitlines())
    return [_finding(line) for line in lines if line]


def _finding(words: str) -> MessageFinding:
    return MessageFinding("MSH", words, _RULE, "Compare the message with its structure.", 100, "W")
