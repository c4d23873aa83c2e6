"""The sender: a thread that brings the spool's messages to the repository, in order, until each is confirmed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass

import structlog
from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set, wait_random_exponential
from tenacity.stop import stop_base

from profiles.errors import StepwellError
from profiles.sole.syslog import frame
from sole_logging.confirmation import Confirmation
from sole_logging.connection import Connection, Target
from sole_logging.spool import Spool, Spooled

_log = structlog.get_logger(module=__name__)
_BATCH = 200
_UNCONFIRMED_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a sender is, in seconds.

    Attributes:
        confirm_seconds: pause between two looks for confirmations.
        resend_seconds: a message that a read-back still misses after so long is sent again; doubles each time in vain.
        backoff_seconds: longest pause between two attempts to connect.
        flush_seconds: how long `Sender.close` may still send and confirm.
    """

    confirm_seconds: float = 1.0
    resend_seconds: float = 30.0
    backoff_seconds: float = 5.0
    flush_seconds: float = 3.0


class _Interrupted(Exception):
    """The connection had worked and is to be made anew, with everything unconfirmed sent again."""


class Sender:
    """Sends a spool to one repository.

    Args:
        spool: what to send.
        target: where to.
        confirmation: tells what has arrived.
        timing: see there.
    """

    def __init__(self, spool: Spool, target: Target, confirmation: Confirmation, timing: Timing | None = None) -> None:
        self._spool, self._target, self._confirmation = spool, target, confirmation
        self._timing = timing or Timing()
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._patience = self._timing.resend_seconds
        self._position = 0
        self._sent: deque[tuple[Spooled, float]] = deque()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="event-sender", daemon=True)

    def start(self) -> None:
        """Begin with the oldest unconfirmed message."""
        self._thread.start()

    def wake(self) -> None:
        """Say that the spool has something new."""
        with contextlib.suppress(OSError):  # full: it will wake anyway
            self._waker.send(b"!")

    def close(self) -> None:
        """Send and confirm what can be within `Timing.flush_seconds`; the rest stays in the spool."""
        self._deadline = time.monotonic() + self._timing.flush_seconds
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(self._timing.flush_seconds + 20)
        self._confirmation.close()
        self._wake.close()
        self._waker.close()

    def _run(self) -> None:
        stop: stop_base = stop_when_event_set(self._stopping)
        while True:
            retrying = Retrying(
                retry=retry_if_exception_type(OSError),
                wait=wait_random_exponential(multiplier=0.2, max=self._timing.backoff_seconds),
                sleep=sleep_using_event(self._stopping),
                stop=stop,
                reraise=True,
            )
            try:
                retrying(self._session)
            except _Interrupted as reason:
                _log.warning("event-repository-interrupted", reason=str(reason))
            except (OSError, StepwellError) as error:
                _log.error("events-not-sent", reason=str(error), waiting=len(self._spool))
            if self._stopping.wait(0.1):
                return

    def _session(self) -> None:
        """One connection, from the oldest unconfirmed message on, until it breaks or there is nothing left to do."""
        self._position = 0
        self._sent.clear()
        started, worked = time.monotonic(), False
        try:
            connection = Connection(self._target, self._wake)
        except OSError as error:
            self._tell("event-repository-away", f"{type(error).__name__}: {error}")
            raise
        try:
            while not self._done():
                sent = self._send_some(connection)
                worked |= self._confirm()
                if not sent:
                    connection.wait(self._pause())
        except OSError as error:
            if worked or time.monotonic() - started > self._timing.backoff_seconds:
                raise _Interrupted(f"{type(error).__name__}: {error}") from error
            self._tell("event-repository-refuses", f"{type(error).__name__}: {error}")
            raise
        finally:
            connection.close()

    def _tell(self, event: str, reason: str) -> None:
        """Log a state once, not at each attempt."""
        if (event + reason) != self._told:
            self._told = event + reason
            _log.warning(event, host=self._target.host, port=self._target.port, reason=reason, waiting=len(self._spool))

    def _done(self) -> bool:
        return self._stopping.is_set() and (len(self._spool) == 0 or time.monotonic() > self._deadline)

    def _pause(self) -> float:
        if self._stopping.is_set():
            return 0.05
        return self._timing.confirm_seconds if self._sent else 60.0

    def _send_some(self, connection: Connection) -> bool:
        if len(self._sent) >= _UNCONFIRMED_LIMIT:
            return False
        batch = self._spool.after(self._position, _BATCH)
        if batch:
            connection.send(b"".join(frame(message.content) for message in batch))
            now = time.monotonic()
            self._sent.extend((message, now) for message in batch)
            self._position = batch[-1].number
        return bool(batch)

    def _confirm(self) -> bool:
        """Take confirmed messages out of the spool; returns whether there were any.

        Raises:
            _Interrupted: when a message that was sent long ago is not there.
        """
        now = time.monotonic()
        due = 0.05 if self._stopping.is_set() else self._timing.confirm_seconds
        if not self._sent or now - self._last_look < due:
            return False
        self._last_look = now
        try:
            found = self._confirmation.confirmed(self._sent)
        except OSError as error:
            self._tell("events-not-confirmed", str(error))
            return False
        if found:
            self._spool.remove(sorted(found))
            if self._sent[0][0].number in found:
                self._patience = self._timing.resend_seconds
            self._sent = deque(pair for pair in self._sent if pair[0].number not in found)
            self._told = ""
        if self._confirmation.sees_gaps and self._sent and now - self._sent[0][1] > self._patience:
            self._patience = min(self._patience * 2, 3600.0)
            raise _Interrupted(f"{len(self._sent)} events were sent and did not arrive; they are sent again")
        return bool(found)

    _last_look = 0.0
