"""Hold a message against the HL7 schemas by hl7apy: findings for people, never a reason to refuse an order.

Slow (tens of milliseconds per message, orders.md 12), so it has no place before an acknowledgment.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from profiles.hl7.findings import MessageFinding
from profiles.hl7.message import Message

#: hl7apy takes a choice of segments in ORM^O01 for a list of which each is required.
_CHOICE = re.compile(r"Missing required child ORM_O01_(CHOICE|OBRRQDRQ1RXOODSODT_SUPPGRP)\.")
_RULE = "HL7-023 (HL7 message structures, as hl7apy has them)"


def schema_findings(message: Message) -> list[MessageFinding]:
    """What the schema of the message's version finds, as warnings.

    Segments that the official structure does not have (ZDS and other Z segments) are left out of the judgement.
    """
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.exceptions import HL7apyException
    from hl7apy.parser import parse_message

    text = "".join(f"{segment}\r" for segment in message.segments if not segment.name.startswith("Z"))
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", suffix=".txt") as report:
        try:
            parsed = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True)
            parsed.validate(report_file=report.name)
        except HL7apyException as error:
            said = Path(report.name).read_text(encoding="utf-8").splitlines() or [str(error)]
        else:
            said = Path(report.name).read_text(encoding="utf-8").splitlines()
    return [_finding(line.strip()) for line in said if line.strip() and not _CHOICE.search(line)]


def _finding(words: str) -> MessageFinding:
    return MessageFinding("MSH", words, _RULE, "Compare it with the message's structure.", 100, "W")
