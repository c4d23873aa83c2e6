"""Every refusal is logged and audited (PS3.15 A.5.3.11): what was asked, from where and why, never the content."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from actors.shared.logs import get_logger
from profiles.errors import StepwellError, Unavailable
from profiles.sole.event import Outcome, SecurityEvent

_log = get_logger(__name__)


class AuditTrail(Protocol):
    """Where security events go; the event reporter is one."""

    def audit(self, event: SecurityEvent) -> str:
        """Record a security event durably."""


class RefusalLog:
    """Tells the log and the audit trail what was refused.

    Args:
        trail: where security events go; None where there is no trail.
        now: the clock, timezone-aware.
    """

    def __init__(
        self, trail: AuditTrail | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._trail, self._now = trail, now

    def tell(self, what: str, outcome: Outcome, *, target: str, reason: str, address: str = "", **thread: str) -> None:
        """Tell one refusal.

        Args:
            what: what was refused, the event's name in the log.
            outcome: how bad it is.
            target: URI of what was asked for, never with a query, which may hold a Transaction UID.
            reason: a key or words without patient data.
            address: of the caller.
            thread: UIDs and numbers that identify the work, for the log.
        """
        _log.warning(what, target=target, reason=reason, **thread)
        if self._trail is None:
            return
        event = SecurityEvent(
            "request-refused",
            self._now(),
            outcome,
            address=address,
            target=target,
            description=f"{what}: {reason}",
            occurrence=str(uuid.uuid4()),
        )
        try:
            self._trail.audit(event)
        except Unavailable as error:
            _log.error("refusal-not-audited", target=target, reason=error.message)

    def tell_of_request(self, method: str, path: str, address: str, error: StepwellError) -> None:
        """Tell that an HTTP request was refused."""
        row = error.row
        self.tell(
            "refused",
            Outcome(row.audit_outcome),
            target=path,
            reason=error.row_key,
            address=address,
            method=method,
            status=str(row.http),
        )
