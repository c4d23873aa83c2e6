"""Who read what: searches, retrievals and transfers for the audit trail (PS3.15 A.5.3), without making anybody wait."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

from profiles.dicom import JsonDataset, text
from profiles.sole.event import Outcome, SecurityEvent

_SAME_SECONDS = 60.0
_REMEMBERED = 1_000
#: What no message ever holds (sole.md 3.8).
_SECRET = {"transactionuid", "00081195"}


class Trail(Protocol):
    """Where security events go that nobody waits for; the event reporter is one."""

    def audit_soon(self, event: SecurityEvent) -> None:
        """Record a security event within a moment."""


class AccessLog:
    """Tells the audit trail of accesses. What repeats, as a worklist that is polled, is told once a minute.

    Args:
        trail: where security events go; None where there is no trail.
        now: the clock, timezone-aware.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        trail: Trail | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trail, self._now, self._monotonic = trail, now, monotonic
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def tell(
        self,
        kind: str,
        address: str,
        *,
        target: str = "",
        query: str = "",
        patient_id: str | Callable[[], str] = "",
        studies: Sequence[str] = (),
        outcome: Outcome = Outcome.SUCCESS,
        repeats: bool = False,
    ) -> None:
        """Tell of one access.

        Args:
            kind: key of ``audit_events.csv``.
            address: of who asked.
            target: what was asked for.
            query: a query as the text of a URL; what is secret in it is left out.
            patient_id: whose records, in CX form, or what finds it out.
            studies: Study Instance UIDs.
            outcome: failures are told apart from successes (PS3.15 A.5.2).
            repeats: whether the same comes again and again, and one a minute is enough.
        """
        if self._trail is None or (repeats and self._is_told(kind, address, target, query, *studies)):
            return
        self._trail.audit_soon(
            SecurityEvent(
                kind,
                self._now(),
                outcome,
                address=address,
                target=target,
                query=_open(query),
                occurrence=str(uuid.uuid4()),
                patient_id=patient_id if isinstance(patient_id, str) else patient_id(),
                studies=tuple(studies),
            )
        )

    def tell_of_workitem(self, address: str, uid: str, content: JsonDataset) -> None:
        """Tell that somebody read a workitem (A.5.3.15)."""
        patient, issuer = text(content, "PatientID"), text(content, "IssuerOfPatientID")
        study = text(content, "StudyInstanceUID")
        self.tell(
            "workitem-read",
            address,
            target=f"urn:oid:{uid}",
            patient_id=f"{patient}^^^{issuer}" if patient and issuer else patient,
            studies=(study,) if study else (),
            repeats=True,
        )

    def _is_told(self, *access: str) -> bool:
        now = self._monotonic()
        with self._lock:
            before = self._told.get(access)
            if before is not None and now - before < _SAME_SECONDS:
                return True
            self._told[access] = now
            self._told.move_to_end(access)
            if len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
        return False


def _open(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name.rpartition(".")[2].lower() not in _SECRET]
    return query if kept == pairs else urlencode(kept)


#: Where nobody keeps an audit trail.
UNTOLD = AccessLog()
