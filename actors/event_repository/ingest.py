"""From connections to the store: one writer that stores whatever has gathered in one transaction."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from actors.event_repository.steps import Step
from actors.shared.logs import get_logger
from actors.shared.steps import reached
from profiles.errors import StepwellError
from profiles.sole.event import SecurityEvent, Source
from sole_logging.records import Receipt
from sole_logging.reporter import audit_message
from sole_logging.store import EventStore

_log = get_logger(__name__)
_BATCH = 500
_ROOM = 5000
_RETRY_SECONDS = 1.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Ingest:
    """Takes messages from any thread without waiting, and stores them in the order in which they came.

    Args:
        store: where to.
        source: who we are in our own audit trail.
        now: the clock.
    """

    def __init__(self, store: EventStore, source: Source, now: Callable[[], datetime] = _utc_now) -> None:
        self._store, self._source, self.now = store, source, now
        self._waiting: queue.SimpleQueue[Receipt | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="event-ingest", daemon=True)
        self.received = 0
        self.duplicates = 0

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def close(self) -> None:
        """Store what waits, then end."""
        self._waiting.put(None)
        self._thread.join(10)

    @property
    def has_room(self) -> bool:
        """Whether senders may go on; when not, connections are not read until there is room again."""
        return self._waiting.qsize() < _ROOM

    def take(self, receipt: Receipt) -> None:
        """Take one message."""
        self._waiting.put(receipt)

    def record(self, event: SecurityEvent) -> None:
        """Record a security event of our own: straight into the store, as we are the repository."""
        if self.has_room:
            now = self.now()
            self.take(Receipt(audit_message(event, self._source, now), now, "local"))
        else:
            _log.error("audit-event-lost", kind=event.kind)

    def _gather(self) -> tuple[list[Receipt], bool]:
        """What waits, at least one; and whether that was all there will ever be."""
        gathered: list[Receipt] = []
        one = self._waiting.get()
        while one is not None:
            gathered.append(one)
            if len(gathered) >= _BATCH:
                return gathered, False
            try:
                one = self._waiting.get_nowait()
            except queue.Empty:
                return gathered, False
        return gathered, True

    def _run(self) -> None:
        last = False
        while not last:
            receipts, last = self._gather()
            if not receipts:
                continue
            reached(Step.RECEIVED, messages=str(len(receipts)))
            while not self._stored(receipts) and not last:
                threading.Event().wait(_RETRY_SECONDS)

    def _stored(self, receipts: list[Receipt]) -> bool:
        try:
            new = self._store.add(receipts)
        except StepwellError as error:
            _log.error("events-not-stored", reason=error.message, messages=len(receipts))
            return False
        self.received += len(receipts)
        self.duplicates += len(receipts) - new
        reached(Step.STORED, messages=str(len(receipts)), new=str(new))
        return True
