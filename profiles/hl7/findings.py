"""What is wrong with a message: one finding per fault, each naming segment and field, and how HL7 answers it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from profiles.errors import BadInput, Finding
from profiles.tables import read_table

_PATH = re.compile(r"(?P<segment>[A-Z][A-Z0-9]{2})(?:-(?P<field>\d+))?(?:\.(?P<component>\d+))?")

_NOT_FOUND = 103
_PARTIES = frozenset({"MSH-3", "MSH-4", "MSH-5", "MSH-6"})


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row of HL7 table 0357, with the acknowledgment code that this receiver answers it with."""

    value: int
    text: str
    acknowledgment: str


@cache
def error_codes() -> dict[int, ErrorCode]:
    """HL7 table 0357 by value (HL7 2.5.1 section 2.15.5)."""
    rows = read_table("profiles.hl7", "error_codes")
    return {int(row["code"]): ErrorCode(int(row["code"]), row["text"], row["acknowledgment"]) for row in rows}


@dataclass(frozen=True, slots=True)
class MessageFinding(Finding):
    """A fault of a message.

    Attributes:
        path: segment and field, e.g. ``PID-3.1``.
        message: what is wrong, without patient data.
        rule: id of the requirement (``HL7-014``) with the section of its source.
        remedy: what the sender should do.
        code: HL7 table 0357.
        severity: ``E`` refuses the message, ``W`` is told and logged only (HL7 table 0516).
        sequence: which occurrence of the segment, from 1.
    """

    code: int = 101
    severity: str = "E"
    sequence: int = 1

    @property
    def location(self) -> tuple[str, ...]:
        """ERR-2 as components: segment, sequence, field, repetition, component (HL7 2.5.1 section 2.A.28)."""
        match = _PATH.fullmatch(self.path)
        if match is None:
            return ()
        parts = [match["segment"], str(self.sequence)]
        if match["field"]:
            parts += [match["field"], "1"]
        if match["component"]:
            parts.append(match["component"])
        return tuple(parts)


class MessageRefused(BadInput):
    """A message cannot be taken; its findings say why.

    Args:
        findings: at least one of severity ``E``.
    """

    def __init__(self, findings: Sequence[MessageFinding]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings), findings=findings)
        self.message_findings = tuple(findings)

    @property
    def acknowledgment(self) -> str:
        """``AR`` when any finding is one of type, event, version, processing id or of the receiver, else ``AE``."""
        return acknowledgment_of(self.message_findings)


def acknowledgment_of(findings: Sequence[MessageFinding]) -> str:
    """The acknowledgment code for a set of findings: ``AA``, ``AE`` or ``AR`` (HL7 table 0008)."""
    codes = {_answer_to(finding) for finding in findings if finding.severity == "E"}
    return next((code for code in ("AR", "AE") if code in codes), "AA")


def _answer_to(finding: MessageFinding) -> str:
    """A sender or receiver that is not known here is no fault of the content (HL7-080)."""
    is_party = finding.code == _NOT_FOUND and finding.path in _PARTIES
    return "AR" if is_party else error_codes()[finding.code].acknowledgment
