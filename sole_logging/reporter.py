"""The Event Reporter of SOLE: every event is durable before `EventReporter.report` returns, and sent from then on."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from profiles.errors import Unavailable
from profiles.sole.audit import encode_audit
from profiles.sole.event import OperationalEvent, Outcome, SecurityEvent, Source
from profiles.sole.message import encode, event_id, type_codes
from profiles.sole.syslog import AUDIT_APPLICATION, AUDIT_MESSAGE_ID, SOLE_APPLICATION, compose, priority
from sole_logging.confirmation import ByAge, Confirmation, ReadBack
from sole_logging.gathering import Gathering
from sole_logging.pseudonyms import Pseudonyms
from sole_logging.sender import Sender, Timing
from sole_logging.spool import Spool
from sole_logging.targets import Target

_log = structlog.get_logger(module=__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def sole_message(event: OperationalEvent, source: Source, now: datetime, identifier: str = "") -> bytes:
    """The syslog message of an operational event: APP-NAME ``IHE+SOLE``, MSGID its first code (SOLE-005, SOLE-006)."""
    return compose(
        encode(event, source, identifier),
        pri=priority(event.outcome),
        at=now,
        hostname=source.host,
        application=SOLE_APPLICATION,
        process=source.process,
        message_id=type_codes(event)[0].code,
    )


def audit_message(event: SecurityEvent, source: Source, now: datetime) -> bytes:
    """The syslog message of a security event: our own APP-NAME, MSGID ``IHE+RFC-3881`` (ITI TF-2 3.20.4.1.2)."""
    return compose(
        encode_audit(event, source),
        pri=priority(event.outcome),
        at=now,
        hostname=source.host,
        application=AUDIT_APPLICATION,
        process=source.process,
        message_id=AUDIT_MESSAGE_ID,
    )


def _confirmation(target: Target, timing: Timing) -> Confirmation:
    if target.read_back_url:
        return ReadBack(target.read_back_url, headers=target.headers)
    return ByAge(timing.age_seconds)


class EventReporter:
    """Reports operational and security events of one source (ITI-20), to any number of repositories.

    Args:
        source: who reports.
        spool: where messages wait.
        targets: the repositories; without any, events are spooled and wait for a configuration that names one.
        timing: patience of the senders.
        now: the clock.
        pseudonyms: stand for patient ids; these are sent as they are when there are none.
    """

    def __init__(
        self,
        source: Source,
        spool: Spool,
        *targets: Target,
        timing: Timing | None = None,
        now: Callable[[], datetime] = _utc_now,
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self.source = source
        self.targets = targets
        self._spool = spool
        self._now = now
        self._pseudonyms = pseudonyms
        self._full = threading.Event()
        self._gathering = Gathering(self._record_accesses)
        spool.serve([target.name for target in targets])
        patience = timing or Timing()
        self._senders = [Sender(spool, target, _confirmation(target, patience), patience) for target in targets]

    @property
    def waiting(self) -> int:
        """How many messages are not confirmed yet."""
        return len(self._spool)

    @property
    def refused(self) -> int:
        """How many events were refused since the start because the spool or the disk was full."""
        return self._spool.refused

    def start(self) -> None:
        """Begin to send, and tell the audit trail that the application started (SOLE-069)."""
        self._activity("application-start")
        self._gathering.start()
        for sender in self._senders:
            sender.start()

    def report(self, event: OperationalEvent) -> str:
        """Report what happened; it is durable when this returns.

        Args:
            event: the same occurrence reported again has the same id and is stored once.

        Returns:
            The event id.

        Raises:
            Unavailable: when the spool or its disk is full; the event is not reported, so try again later.
        """
        return self.record([event])[0]

    def audit(self, event: SecurityEvent) -> str:
        """Record a security event; as `report`."""
        return self.record([event])[0]

    def record(self, events: Iterable[OperationalEvent | SecurityEvent]) -> list[str]:
        """Report several events of either family in one write, all of them or none; as `report`."""
        messages = self._messages(events)
        with self._putting():
            self._spool.put_all(messages)
        return [identifier for identifier, _, _ in messages]

    def _record_accesses(self, events: Sequence[SecurityEvent]) -> None:
        """Record what may use one half of the spool only: reading must not keep the rest from being told."""
        self._spool.put_all(self._messages(events), half=True)
        for sender in self._senders:
            sender.wake()

    def audit_soon(self, event: SecurityEvent) -> None:
        """Record a security event within a moment, together with others; the caller waits for no disk.

        For what only reads, and comes in great numbers: an end of the process without warning loses that moment.
        """
        self._gathering.add(event)

    def configured(self, digest: str) -> None:
        """Tell the audit trail when the configuration is another one than at the last start (PS3.15 A.5.3.11).

        Args:
            digest: of all that is configured.
        """
        if self._spool.fact("configuration", digest) not in ("", digest):
            self._activity("configuration-changed", "started with another configuration than before")

    def close(self) -> None:
        """Tell that the application stops, send what can be sent within seconds, and give the spool back."""
        self._gathering.close()
        self._activity("application-stop")
        for sender in self._senders:
            sender.stop()
        for sender in self._senders:
            sender.close()
        self._spool.close()

    def _messages(self, events: Iterable[OperationalEvent | SecurityEvent]) -> list[tuple[str, datetime, bytes]]:
        now = self._now()
        return [self._message(event, now) for event in events]

    def _message(self, event: OperationalEvent | SecurityEvent, now: datetime) -> tuple[str, datetime, bytes]:
        if self._pseudonyms:
            event = self._pseudonyms.applied(event)
        identifier = event_id(event, self.source)
        if isinstance(event, OperationalEvent):
            return identifier, now, sole_message(event, self.source, now, identifier)
        return identifier, now, audit_message(event, self.source, now)

    @contextmanager
    def _putting(self) -> Iterator[None]:
        try:
            yield
        except Unavailable as error:
            self._recording_stopped(error)
            raise
        if self._full.is_set():
            self._full.clear()
            _log.warning("event-recording-goes-on", refused=self.refused)
        for sender in self._senders:
            sender.wake()

    def _recording_stopped(self, error: Unavailable) -> None:
        """Say once, in the log and in the place kept for it, that recording had to stop (sole.md 3.6)."""
        if self._full.is_set():
            return
        self._full.set()
        _log.error("event-recording-stopped", reason=error.message, waiting=self.waiting)
        now = self._now()
        alert = SecurityEvent(
            "audit-recording-stopped", now, Outcome.MAJOR_FAILURE, description="The event spool is full."
        )
        try:
            content = audit_message(alert, self.source, now)
            self._spool.put(event_id(alert, self.source), now, content, reserve=True)
        except Unavailable:
            _log.error("event-recording-stopped-not-told")

    def _activity(self, kind: str, description: str = "") -> None:
        try:
            self.audit(SecurityEvent(kind, self._now(), description=description, occurrence=str(uuid.uuid4())))
        except Unavailable as error:
            _log.error("activity-not-recorded", kind=kind, reason=error.message)
