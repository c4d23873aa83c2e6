"""What the repository keeps no longer, once an hour; each deletion is in the audit trail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from actors.event_repository.settings import Settings
from actors.shared.logs import get_logger
from profiles.errors import StepwellError
from profiles.sole.event import SecurityEvent
from sole_logging.store import EventStore

_log = get_logger(__name__)
_EVERY_SECONDS = 3600.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Retention:
    """Deletes what is older than the settings say.

    Args:
        store: what is kept.
        settings: for how long.
        record: takes the audit events.
        now: the clock.
    """

    def __init__(
        self,
        store: EventStore,
        settings: Settings,
        record: Callable[[SecurityEvent], None],
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store, self._settings, self._record, self._now = store, settings, record, now
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-retention", daemon=True)

    def start(self) -> None:
        """Begin, when there is anything to be deleted ever."""
        if self._settings.keep_messages_days is not None:
            self._thread.start()

    def close(self) -> None:
        """End."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def forget(self) -> int:
        """Delete what is too old now; how many messages that were.

        Raises:
            Unavailable: when the store cannot be used.
        """
        days = self._settings.keep_messages_days
        if days is None:
            return 0
        before = self._now() - timedelta(days=days)
        if deleted := self._store.forget(before):
            said = f"{deleted} messages received before {before:%Y-%m-%dT%H:%M:%SZ} were deleted"
            _log.info("messages-forgotten", messages=deleted, before=before.isoformat())
            self._record(
                SecurityEvent("audit-log-deleted", self._now(), target="urn:stepwell:event-log", description=said)
            )
        return deleted

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.forget()
            except StepwellError as error:
                _log.error("messages-not-forgotten", reason=error.message)
            self._ending.wait(_EVERY_SECONDS)
