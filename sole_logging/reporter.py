"""Report events: on disk before the call returns, sent over syslog TLS, sent again until confirmed (DESIGN D13)."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import structlog

from profiles.errors import Unavailable
from profiles.sole.event import OperationalEvent
from profiles.sole.message import Source, encode, event_id
from profiles.sole.steps import step_rows
from profiles.sole.syslog import compose, frame
from sole_logging.spool import Spool

_log = structlog.get_logger(module=__name__)
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
_IDLE_SECONDS = 5.0
_CONNECT_SECONDS = 5.0
_CLEAN_AGE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Repository:
    """Where events are sent: syslog over TLS, mutually authenticated (ITI-20).

    Attributes:
        host: of the Event Repository.
        port: of its syslog TLS listener.
        authority: PEM file of the authority that both sides trust.
        certificate: PEM file of the reporter's certificate.
        key: PEM file of its key.
        read_back_url: base URL that answers which event ids have arrived; None when it cannot.
    """

    host: str
    port: int
    authority: Path
    certificate: Path
    key: Path
    read_back_url: str | None = None


class EventReporter:
    """One actor's reporter.

    Args:
        spool: SQLite file of the spool.
        source: who reports.
        repository: where to; None keeps everything in the spool.
    """

    def __init__(self, spool: Path, source: Source, repository: Repository | None) -> None:
        self._spool = Spool(spool)
        self._source, self._repository = source, repository
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sole-reporter", daemon=True)
        self._connection: ssl.SSLSocket | None = None
        self._sent_up_to = 0
        self._sent_at: dict[int, float] = {}

    def start(self) -> None:
        """Begin to send what the spool holds."""
        if self._repository:
            self._thread.start()

    def report(self, event: OperationalEvent) -> str:
        """Make an event durable; it is sent as soon as the repository can be reached.

        Returns:
            The event id; the same occurrence always gets the same.

        Raises:
            Unavailable: when the spool cannot be written.
        """
        identifier = event_id(event, self._source)
        message = compose(
            encode(event, self._source),
            outcome=int(event.outcome),
            at=datetime.now(UTC),
            hostname=socket.gethostname() or "-",
            process_id=str(os.getpid()),
            message_id=step_rows()[event.step].codes[0].value,
        )
        self._spool.add(identifier, message)
        self._wake.set()
        return identifier

    def close(self, flush_seconds: float = 2.0) -> None:
        """Send what can be sent in a moment, and stop; the rest stays in the spool."""
        if self._thread.is_alive():
            end = time.monotonic() + flush_seconds
            self._wake.set()
            while self._spool.unconfirmed(limit=1) and time.monotonic() < end:
                self._stopped.wait(0.05)
            self._stopped.set()
            self._wake.set()
            self._thread.join(flush_seconds + _CONNECT_SECONDS)
        self._disconnect()
        self._spool.close()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                self._send_open()
                self._confirm()
                failures = 0
            except (OSError, httpx.HTTPError) as error:
                if not failures:
                    _log.warning("repository-away", reason=str(error))
                failures += 1
                self._disconnect()
                self._stopped.wait(_PAUSES[min(failures, len(_PAUSES)) - 1])
                continue
            if not self._spool.unconfirmed(limit=1):
                self._wake.wait(_IDLE_SECONDS)
            elif not self._spool.unconfirmed(after=self._sent_up_to, limit=1):
                self._wake.wait(_PAUSES[0])

    def _send_open(self) -> None:
        while not self._stopped.is_set() and (rows := self._spool.unconfirmed(after=self._sent_up_to)):
            connection = self._connected()
            for sequence, _, message in rows:
                connection.sendall(frame(message))
                self._sent_up_to = sequence
                self._sent_at[sequence] = time.monotonic()

    def _confirm(self) -> None:
        repository = self._repository
        rows = [row for row in self._spool.unconfirmed() if row[0] <= self._sent_up_to]
        if not rows or repository is None:
            return
        if repository.read_back_url:
            answer = httpx.post(
                f"{repository.read_back_url}/arrived", json=[row[1] for row in rows], timeout=_CONNECT_SECONDS
            )
            arrived = set(answer.raise_for_status().json())
            done = [sequence for sequence, identifier, _ in rows if identifier in arrived]
            overdue = [row[0] for row in rows if row[1] not in arrived and self._age(row[0]) > _CLEAN_AGE_SECONDS]
            if overdue:
                raise LostInTransit(f"{len(overdue)} events did not arrive")
        else:
            self._require_clean()
            done = [row[0] for row in rows if self._age(row[0]) > _CLEAN_AGE_SECONDS]
        self._spool.confirm(done)
        for sequence in done:
            self._sent_at.pop(sequence, None)

    def _age(self, sequence: int) -> float:
        return time.monotonic() - self._sent_at.get(sequence, time.monotonic())

    def _require_clean(self) -> None:
        """See that the peer has not closed the connection; a close seen now means the last frames may be lost."""
        connection = self._connected()
        connection.settimeout(0.01)
        try:
            if connection.recv(1) == b"":
                raise ConnectionResetError("the repository closed the connection")
        except TimeoutError:
            return
        finally:
            connection.settimeout(_CONNECT_SECONDS)

    def _connected(self) -> ssl.SSLSocket:
        if self._connection is None:
            repository = self._repository
            if repository is None:
                raise Unavailable("no Event Repository is configured; set [stepwell.syslog].")
            context = ssl.create_default_context(cafile=str(repository.authority))
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(repository.certificate, repository.key)
            plain = socket.create_connection((repository.host, repository.port), _CONNECT_SECONDS)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = context.wrap_socket(plain, server_hostname=repository.host)
            _log.info("repository-connected")
        return self._connection

    def _disconnect(self) -> None:
        """After a broken connection everything unconfirmed is sent again, unchanged and in order."""
        self._sent_up_to = 0
        self._sent_at.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class LostInTransit(OSError):
    """Sent, but not arrived."""
