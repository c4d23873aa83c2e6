"""The sender: a thread that brings the spool's messages to one repository, in order, until each is confirmed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set, wait_random_exponential
from tenacity.stop import stop_base

from profiles.errors import StepwellError
from sole_logging.confirmation import Confirmation
from sole_logging.connection import Connection
from sole_logging.datagrams import Datagrams
from sole_logging.links import Link
from sole_logging.spool import Spool, Spooled
from sole_logging.targets import Target, Transport

_log = structlog.get_logger(module=__name__)
_BATCH = 200
_UNCONFIRMED_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a sender is, in seconds.

    Attributes:
        confirm_seconds: pause between two looks for confirmations.
        resend_seconds: a message that a read-back still misses after so long is sent again; doubles each time in vain.
        age_seconds: where nobody can be asked, a message counts as arrived when its connection stayed whole so long.
        backoff_seconds: longest pause between two attempts to connect.
        flush_seconds: how long `Sender.close` may still send and confirm.
        bulk_messages: when so many messages wait as a connection is made, they are handed over in bulk (RAD-124).
        bulk_seconds: likewise when the oldest has waited so long.
    """

    confirm_seconds: float = 1.0
    resend_seconds: float = 30.0
    age_seconds: float = 60.0
    backoff_seconds: float = 5.0
    flush_seconds: float = 3.0
    bulk_messages: int = 1_000
    bulk_seconds: float = 60.0


class _Interrupted(Exception):
    """The connection had worked and is to be made anew, with everything unconfirmed sent again."""


def link_to(target: Target, wake: socket.socket) -> Link:
    """A way to a repository by the transport that it wants.

    Raises:
        OSError: when there is none now.
    """
    if target.transport is Transport.UDP:
        return Datagrams(target, wake)
    if target.transport is Transport.FHIR:
        from sole_logging.posting import FEED, Posting

        return Posting(target.feed_url, FEED, target, wake)
    return Connection(target, wake)


class Sender:
    """Sends a spool to one repository.

    Args:
        spool: what to send.
        target: where to.
        confirmation: tells what has arrived.
        timing: see there.
    """

    def __init__(self, spool: Spool, target: Target, confirmation: Confirmation, timing: Timing | None = None) -> None:
        self._spool, self.target, self._confirmation = spool, target, confirmation
        self._timing = timing or Timing()
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._patience = self._timing.resend_seconds
        self._position = 0
        self._sent: deque[tuple[Spooled, float]] = deque()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name=f"event-sender-{target.name}", daemon=True)

    def start(self) -> None:
        """Begin with the oldest unconfirmed message."""
        self._thread.start()

    def wake(self) -> None:
        """Say that the spool has something new."""
        with contextlib.suppress(OSError):  # full: it will wake anyway
            self._waker.send(b"!")

    def stop(self) -> None:
        """Begin to end, without waiting for it."""
        self._deadline = time.monotonic() + self._timing.flush_seconds
        self._stopping.set()
        self.wake()

    def close(self) -> None:
        """Send and confirm what can be within `Timing.flush_seconds`; the rest stays in the spool."""
        if not self._stopping.is_set():
            self.stop()
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
        self._position = self._spool.place(self.target.name)
        self._sent.clear()
        started, worked = time.monotonic(), False
        try:
            link = link_to(self.target, self._wake)
        except OSError as error:
            self._tell("event-repository-away", f"{type(error).__name__}: {error}")
            raise
        try:
            self._catch_up()
            while not self._done():
                sent = self._send_some(link)
                worked |= self._confirm()
                if not sent:
                    link.wait(self._pause())
        except OSError as error:
            if worked or time.monotonic() - started > self._timing.backoff_seconds:
                raise _Interrupted(f"{type(error).__name__}: {error}") from error
            self._tell("event-repository-refuses", f"{type(error).__name__}: {error}")
            raise
        finally:
            link.close()

    def _catch_up(self) -> None:
        """Hand over in bulk what gathered while the repository was away, where it takes that (sole.md 3.6)."""
        count, oldest = self._spool.waiting_for(self.target.name)
        late = oldest is not None and datetime.now(UTC) - oldest > timedelta(seconds=self._timing.bulk_seconds)
        if not self.target.bulk_url or not (late or count > self._timing.bulk_messages):
            return
        from sole_logging.posting import BULK, Posting

        with contextlib.closing(Posting(self.target.bulk_url, BULK, self.target, self._wake)) as link:
            try:
                while not self._done() and self._send_some(link):
                    pass
            except OSError as error:  # the connection takes them too
                self._tell("events-not-taken-in-bulk", str(error))
            else:
                _log.info("events-handed-over-in-bulk", repository=self.target.name, messages=count)

    def _tell(self, event: str, reason: str) -> None:
        """Log a state once, not at each attempt."""
        if (event + reason) != self._told:
            self._told = event + reason
            where = {"repository": self.target.name, "address": self.target.address}
            _log.warning(event, **where, reason=reason, waiting=len(self._spool))

    def _waiting(self) -> int:
        return self._spool.waiting_for(self.target.name)[0]

    def _done(self) -> bool:
        return self._stopping.is_set() and (self._waiting() == 0 or time.monotonic() > self._deadline)

    def _pause(self) -> float:
        if self._stopping.is_set():
            return 0.05
        return self._timing.confirm_seconds if self._sent else 60.0

    def _send_some(self, link: Link) -> bool:
        if len(self._sent) >= _UNCONFIRMED_LIMIT:
            return False
        batch = self._spool.after(self._position, _BATCH)
        if not batch:
            return False
        taken = link.deliver(batch)
        now = time.monotonic()
        for message in batch:
            if message.number in taken.refused:
                self._set_aside(message, taken.refused[message.number])
            elif message.number not in taken.numbers:
                self._sent.append((message, now))
        self._position = batch[-1].number
        if taken.numbers or taken.refused:
            self._reach()
        return True

    def _set_aside(self, message: Spooled, reason: str) -> None:
        self._spool.set_aside(self.target.name, message, reason)
        _log.error("event-refused-by-repository", repository=self.target.name, event_id=message.event_id, reason=reason)

    def _reach(self) -> None:
        """Note how far the repository has everything: up to the oldest message that is not confirmed."""
        self._spool.reach(self.target.name, self._sent[0][0].number - 1 if self._sent else self._position)
        self._told = ""

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
            if self._sent[0][0].number in found:
                self._patience = self._timing.resend_seconds
            self._sent = deque(pair for pair in self._sent if pair[0].number not in found)
            self._reach()
        if self._confirmation.sees_gaps and self._sent and now - self._sent[0][1] > self._patience:
            self._patience = min(self._patience * 2, 3600.0)
            raise _Interrupted(f"{len(self._sent)} events were sent and did not arrive; they are sent again")
        return bool(found)

    _last_look = 0.0
