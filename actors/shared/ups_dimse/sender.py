"""Send event reports over DIMSE (PS3.4 CC.2.4): to each subscriber on an association of its own, in order.

What waits is in the store, so nothing is lost while a peer is away or this process is down. Each peer has a thread of
its own, which ends when nothing waits: a slow or absent peer delays nobody else. Of several processes over one database
one sends.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set, wait_exponential

from actors.shared.logs import get_logger
from actors.shared.ups_dimse.channel import EventChannel
from actors.shared.ups_dimse.peers import Peers
from profiles.errors import StepwellError, Unavailable
from workitems.model import Channel, Event
from workitems.notification import reports
from workitems.store import Store
from workitems.subscriptions import Subscriptions

_BATCH = 100
#: An association is kept open this long when nothing waits any more; the next event may be near.
_LINGER_SECONDS = 1.0
#: The store is looked at so often, should nobody tell that something was appended.
_LOOK_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0
#: At the end what waits is sent within this time; how often it is looked whether it was.
_FAREWELL_SECONDS = 2.0
_GLANCE_SECONDS = 0.05
_RIGHT = "dimse-event-reports"
_log = get_logger(__name__)


class ReportSender:
    """Sends what waits for DIMSE subscribers, while it is entered.

    Args:
        store: whose events are told.
        subscriptions: of that store.
        peers: where AEs take event reports.
        ae_title: that is calling.
    """

    def __init__(self, store: Store, subscriptions: Subscriptions, peers: Peers, ae_title: str) -> None:
        self._store, self._subscriptions, self._peers = store, subscriptions, peers
        self._ae_title = ae_title
        self._right = store.exclusive(_RIGHT)
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._appended = 0
        self._sending: dict[str, threading.Thread] = {}
        self._away: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="dimse-reports", daemon=True)
        store.on_append(self._wake)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        self._stopped.set()
        self._wake()
        self._thread.join()
        for thread in list(self._sending.values()):
            thread.join()
        self._right.release()

    def _finish(self) -> None:
        """Let what waits now be sent, but not to those who are away, and not for long."""
        end = time.monotonic() + _FAREWELL_SECONDS
        with suppress(StepwellError, SQLAlchemyError):
            while self._right.held() and time.monotonic() < end:
                waiting = set(self._store.receivers_waiting(Channel.DIMSE)) & set(self._peers)
                if not waiting - self._away:
                    return
                self._stopped.wait(_GLANCE_SECONDS)

    def _wake(self) -> None:
        with self._changed:
            self._appended += 1
            self._changed.notify_all()

    def _wait(self, seen: int, seconds: float) -> None:
        """Return when something was appended after a count was read, at the end, or after a time."""
        with self._changed:
            self._changed.wait_for(lambda: self._appended != seen or self._stopped.is_set(), seconds)

    def _run(self) -> None:
        while not self._stopped.is_set():
            seen = self._appended
            try:
                if self._right.held():
                    self._serve_who_waits()
            except Exception as error:  # the next look may go well; without this thread nobody is told anything
                _log.error("reports-not-read", reason=type(error).__name__)
            self._wait(seen, _LOOK_SECONDS)

    def _serve_who_waits(self) -> None:
        for receiver in self._store.receivers_waiting(Channel.DIMSE):
            if receiver in self._peers and receiver not in self._sending:
                thread = threading.Thread(target=self._serve, args=(receiver,), name=f"dimse-reports-{receiver}")
                self._sending[receiver] = thread
                thread.start()

    def _serve(self, receiver: str) -> None:
        """Send until nothing waits; again with growing pauses while the peer, or the store, is away."""
        retrying = Retrying(
            retry=retry_if_exception_type(Exception),  # whatever it is, what waits is tried again
            wait=wait_exponential(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS),
            stop=stop_when_event_set(self._stopped),
            sleep=sleep_using_event(self._stopped),
            before_sleep=lambda state: self._note_absence(receiver, state.attempt_number, state.outcome),
            retry_error_callback=lambda _state: None,
        )
        try:
            more = True
            while more and not self._stopped.is_set():
                more = bool(retrying(self._send_waiting, receiver))
        finally:
            self._sending.pop(receiver, None)
            self._wake()  # something may have been appended since the last look

    def _note_absence(self, receiver: str, attempt: int, outcome: object) -> None:
        self._away.add(receiver)
        _log.warning("reports-not-sent", receiver=receiver, attempt=attempt, reason=_reason(outcome))

    def _send_waiting(self, receiver: str) -> bool:
        """Send over one association; whether something may still wait.

        Raises:
            Unavailable: when not even one event was answered.
        """
        address = self._peers[receiver]
        taken = 0
        with EventChannel(address, receiver, self._ae_title) as channel:
            try:
                if status := self._subscriptions.take_overflow(receiver):
                    self._tell(channel, receiver, status)
                while batch := self._next_batch(receiver):
                    for event in batch:
                        if self._stopped.is_set():
                            return False
                        self._tell(channel, receiver, event)
                        self._store.confirm(receiver, event.sequence)
                        self._away.discard(receiver)
                        taken += 1
            except Unavailable:
                if not taken:
                    raise
                return True
        return False

    def _next_batch(self, receiver: str) -> list[Event]:
        """What waits for a receiver; nothing when nothing came for a while."""
        end = time.monotonic() + _LINGER_SECONDS
        while not self._stopped.is_set():
            seen = self._appended
            if batch := self._batch(receiver):
                return batch
            if (left := end - time.monotonic()) <= 0:
                break
            self._wait(seen, left)
        return []

    def _batch(self, receiver: str) -> list[Event]:
        if not self._right.held():
            return []  # another process has taken over
        return [one.event for one in self._store.deliveries_after(0, _BATCH, receiver, Channel.DIMSE)]

    def _tell(self, channel: EventChannel, receiver: str, event: Event) -> None:
        for kind, information in reports(event):
            status = channel.send(int(kind), event.workitem_uid, event.sequence, information)
            if status:
                answer = f"{status:04X}"
                _log.warning("report-not-taken", receiver=receiver, workitem=event.workitem_uid, status=answer)


def _reason(outcome: object) -> str:
    error = getattr(outcome, "exception", lambda: None)()
    return error.message if isinstance(error, StepwellError) else type(error).__name__
