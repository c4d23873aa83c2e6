"""Security events that need not be on disk before the caller goes on: gathered, and written together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from profiles.errors import Unavailable
from profiles.sole.event import SecurityEvent

_log = structlog.get_logger(module=__name__)
_MOST = 10_000
_GATHER_SECONDS = 0.2


class Gathering:
    """Takes events from any thread without waiting, and gives them on in batches.

    Args:
        record: makes a batch durable.
        seconds: how long events gather.
        most: what comes beyond is lost, and said so.
    """

    def __init__(
        self,
        record: Callable[[Sequence[SecurityEvent]], object],
        seconds: float = _GATHER_SECONDS,
        most: int = _MOST,
    ) -> None:
        self._record, self._seconds, self._most = record, seconds, most
        self._lock = threading.Lock()
        self._events: list[SecurityEvent] = []
        self._lost = 0
        self._something, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="security-events", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def add(self, event: SecurityEvent) -> None:
        """Take an event."""
        with self._lock:
            if len(self._events) >= self._most:
                self._lost += 1
                return
            self._events.append(event)
        self._something.set()

    def close(self) -> None:
        """Write what is there, and end."""
        self._closing.set()
        self._something.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._write()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._something.wait()
            self._closing.wait(self._seconds)
            self._something.clear()
            self._write()

    def _write(self) -> None:
        with self._lock:
            events, self._events = self._events, []
            lost, self._lost = self._lost, 0
        try:
            if events:
                self._record(events)
        except Unavailable as error:
            lost += len(events)
            _log.error("audit-not-recorded", reason=error.message, events=lost)
        else:
            if lost:
                _log.error("audit-not-recorded", reason="more came than could be written", events=lost)
