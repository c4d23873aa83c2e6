"""Event reports as they came, whatever carried them (PS3.4 section CC.2.4, PS3.18 section 8.10.5)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import IntEnum
from threading import Lock
from typing import Any

from conformance.harness.trial import SystemFailed, Trial

PUSH, EVENT = "1.2.840.10008.5.1.4.34.6.1", "1.2.840.10008.5.1.4.34.6.4"
SOP_CLASS, MESSAGE_ID, SOP_INSTANCE, EVENT_TYPE = "00000002", "00000110", "00001000", "00001002"
STATE, READINESS, PROGRESS_INFORMATION = "00741000", "00404041", "00741002"
#: So many are kept of one listener; a system that sends more floods. A large worklist may have as many workitems.
MOST = 20_000


class Kind(IntEnum):
    """Event Type ID (PS3.4 Table CC.2.4-1)."""

    STATE = 1
    CANCEL_REQUESTED = 2
    PROGRESS = 3
    SCP_STATUS = 4
    ASSIGNED = 5


@dataclass(frozen=True, slots=True)
class Report:
    """One event report.

    Attributes:
        dataset: its DICOM JSON object, command elements included; empty when it was none.
        evidence: id of what came over the wire.
        is_text: whether the frame was text; true over DIMSE.
        context: abstract syntax of the presentation context; empty over a WebSocket.
    """

    dataset: dict[str, Any] = field(default_factory=dict)
    evidence: str = ""
    is_text: bool = True
    context: str = ""

    def value(self, tag: str) -> Any:
        """The first value of an attribute; None when it has none."""
        return first(self.dataset, tag)

    @property
    def kind(self) -> int:
        """Event Type ID; 0 when there is none."""
        found = self.value(EVENT_TYPE)
        return int(found) if str(found).isdecimal() else 0

    @property
    def workitem(self) -> str:
        """Affected SOP Instance UID."""
        return str(self.value(SOP_INSTANCE) or "")

    @property
    def state(self) -> str:
        """Procedure Step State, or empty."""
        return str(self.value(STATE) or "")

    @property
    def words(self) -> str:
        """Type and state in short, for what was found."""
        name = Kind(self.kind).name if self.kind in set(Kind) else f"event type {self.kind}"
        return f"{name} {self.state}".strip()


def first(dataset: dict[str, Any], tag: str) -> Any:
    """The first value of an attribute of a DICOM JSON object; None when it has none."""
    element = dataset.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def read(content: str | bytes) -> dict[str, Any]:
    """The DICOM JSON object of a frame; an array of one is taken for it. Empty when it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, dict) else {}


class Received:
    """The event reports of one listener, in the order in which they came.

    Args:
        trial: whose evidence they are.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._reports: list[Report] = []
        self._room, self._trouble = trial.declared.limits.answer_bytes, ""
        self._lock = Lock()

    def add(self, report: Report, octets: int) -> bool:
        """Keep one that was so long; whether there is room for more."""
        with self._lock:
            self._reports.append(report)
            self._room -= octets
            full = len(self._reports) >= MOST or self._room < 0
            if full:
                self._trouble = f"{len(self._reports)} event reports came in one test, and still more"
        return not full

    def fail(self, words: str) -> None:
        """Nothing more can come, because of something that the system did."""
        with self._lock:
            self._trouble = self._trouble or words

    @property
    def all(self) -> list[Report]:
        """Everything that has come so far."""
        with self._lock:
            return list(self._reports)

    @property
    def evidence(self) -> list[str]:
        """Ids of the evidence of everything that has come so far."""
        return [one.evidence for one in self.all]

    def of(self, *workitems: str, kind: int | None = None) -> list[Report]:
        """What has come so far of some workitems, of one event type or of all."""
        return [one for one in self.all if one.workitem in workitems and kind in (None, one.kind)]

    def wait(self, *workitems: str, kind: int | None = None, count: int = 1) -> list[Report]:
        """Wait until so many have come of some workitems; fewer when the declared time ran out.

        Raises:
            SystemFailed: when the system flooded, or broke the connection over which they come.
        """

        def enough() -> bool:
            if len(self.of(*workitems, kind=kind)) >= count:
                return True
            if self._trouble:
                raise SystemFailed(self._trouble, self.evidence[-1:])
            return False

        self._trial.wait_for(enough)
        return self.of(*workitems, kind=kind)

    def states(self, workitem: str) -> list[str]:
        """Procedure Step State of each State Report of a workitem so far."""
        return [one.state for one in self.of(workitem, kind=Kind.STATE)]
