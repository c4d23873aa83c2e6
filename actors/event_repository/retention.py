"""What the repository keeps no longer, once an hour; each deletion is in the audit trail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from actors.event_repository.settings import Settings
from actors.shared.logs import get_logger
from profiles.errors import StepwellError
from profiles.sole.event import SecurityEvent
from sole_logging.measures import FactTable
from sole_logging.store import EventStore
from sole_logging.store.database import state

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
        self._facts = FactTable()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-retention", daemon=True)

    def start(self) -> None:
        """Begin, when there is anything to be deleted ever."""
        if self._settings.keep_messages_days is not None or self._settings.keep_facts_days is not None:
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
        deleted = 0
        if (days := self._settings.keep_messages_days) is not None:
            before = self._now() - timedelta(days=days)
            deleted = self._store.forget(before)
            self._tell(deleted, "messages received", before)
        if (days := self._settings.keep_facts_days) is not None:
            before = self._now() - timedelta(days=days)
            self._tell(sum(iter(lambda: self._forget_facts(before), 0)), "cases", before)
        return deleted

    def _forget_facts(self, before: datetime) -> int:
        with self._store.database.write() as connection:
            state(connection, "projected", lock=True)  # the projector holds this when it writes facts
            return self._facts.forget(connection, before)

    def _tell(self, deleted: int, what: str, before: datetime) -> None:
        if deleted:
            said = f"{deleted} {what} before {before:%Y-%m-%dT%H:%M:%SZ} were deleted"
            _log.info("log-forgotten", what=what, number=deleted, before=before.isoformat())
            self._record(
                SecurityEvent("audit-log-deleted", self._now(), target="urn:stepwell:event-log", description=said)
            )

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.forget()
            except StepwellError as error:
                _log.error("log-not-forgotten", reason=error.message)
            self._ending.wait(_EVERY_SECONDS)
