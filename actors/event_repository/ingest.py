"""From connections to the store: one writer that stores whatever has gathered in one transaction."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from actors.event_repository.steps import Step
from actors.shared.logs import get_logger
from actors.shared.steps import reached
from profiles.errors import StepwellError
from profiles.sole.event import SecurityEvent, Source
from sole_logging.records import MessageRow, micros, row_of
from sole_logging.reporter import audit_message
from sole_logging.store import EventStore

_log = get_logger(__name__)
_BATCH = 4_000
_ROOM_OCTETS = 32_000_000
_MESSAGE_OCTETS = 500  # what a message takes beside its own octets
_ROOM_NOTES = 1_000
_RETRY_SECONDS = 1.0
_RUSH, _RUSH_SECONDS = 64, 0.25  # so many messages in one transaction tell that more are coming


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
        self._changed = threading.Condition()
        self._waiting: list[MessageRow] = []
        self._octets = 0
        self._notes: list[tuple[str, datetime, str]] = []
        self._closing = False
        self._rush_until = 0.0
        self._thread = threading.Thread(target=self._run, name="event-ingest", daemon=True)
        self.received = 0
        self.duplicates = 0

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def close(self) -> None:
        """Store what waits, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(10)

    @property
    def has_room(self) -> bool:
        """Whether senders may go on; when not, connections are not read until there is room again."""
        return self._octets < _ROOM_OCTETS

    @property
    def busy(self) -> bool:
        """Whether messages come as fast as they can be stored."""
        return time.monotonic() < self._rush_until

    def take(self, messages: Sequence[bytes], channel: str, peer: str = "") -> None:
        """Take messages that came now."""
        now = micros(self.now())
        rows = [row_of(message, now, channel, peer) for message in messages]
        with self._changed:
            self._waiting.extend(rows)
            self._octets += _octets(rows)
            self._changed.notify()

    def store(self, messages: Sequence[bytes], channel: str, peer: str = "") -> None:
        """Store messages that came now, all or none of them; on disk when this returns.

        Raises:
            Unavailable: when they could not be stored.
        """
        now = micros(self.now())
        reached(Step.RECEIVED, messages=str(len(messages)))
        new = self._store.add_rows([row_of(message, now, channel, peer) for message in messages])
        self._count(len(messages), new)

    def note(self, peer: str, flaw: str) -> None:
        """Take what was wrong with a sender and is no message; it is seen among the senders."""
        with self._changed:
            if len(self._notes) < _ROOM_NOTES:
                self._notes.append((peer, self.now(), flaw))
                self._changed.notify()

    def record(self, event: SecurityEvent) -> None:
        """Record a security event of our own: straight into the store, as we are the repository."""
        if self.has_room:
            now = self.now()
            self.take([audit_message(event, self._source, now)], "local")
        else:
            _log.error("audit-event-lost", kind=event.kind)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._notes or self._closing)
                rows, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                notes, self._notes = self._notes, []
                self._octets -= _octets(rows)
            if not rows and not notes:
                return
            if len(rows) >= _RUSH:
                self._rush_until = math.inf
            self._keep(rows, notes)
            if len(rows) >= _RUSH:
                self._rush_until = time.monotonic() + _RUSH_SECONDS

    def _keep(self, rows: list[MessageRow], notes: list[tuple[str, datetime, str]]) -> None:
        if rows:
            reached(Step.RECEIVED, messages=str(len(rows)))
            while not self._stored(rows) and not self._closing:
                threading.Event().wait(_RETRY_SECONDS)
        for note in notes:
            with suppress(StepwellError):
                self._store.note(*note)

    def _stored(self, rows: list[MessageRow]) -> bool:
        try:
            new = self._store.add_rows(rows)
        except StepwellError as error:
            _log.error("events-not-stored", reason=error.message, messages=len(rows))
            return False
        self._count(len(rows), new)
        return True

    def _count(self, stored: int, new: int) -> None:
        with self._changed:
            self.received += stored
            self.duplicates += stored - new
        reached(Step.STORED, messages=str(stored), new=str(new))


def _octets(rows: Sequence[MessageRow]) -> int:
    return sum(len(row[-1]) for row in rows) + len(rows) * _MESSAGE_OCTETS
