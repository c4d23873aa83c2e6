"""What an Event Repository declares, and the reporter and consumer that stand opposite it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import Field

from conformance.harness.declaration import Declaration, Strict
from conformance.harness.trial import SystemFailed, Trial
from conformance.partners.events import Sent, event, stamp
from conformance.partners.http import Answer, RecordingClient
from conformance.partners.syslog import SyslogConnection, TlsFiles, framed

_APART = timedelta(minutes=10)
_WINDOW = timedelta(minutes=4)
_CLOCKS = timedelta(seconds=2)
Event = dict[str, str]


class Syslog(Strict):
    """The ``[syslog]`` table: where the system takes messages (ITI-20).

    Attributes:
        tls: who the harness is, and whose certificates it trusts; without it, plain TCP is spoken.
        authority_key: the key of the authority, where the harness may have it: then it can show an expired certificate.
        revoked: a certificate (with its key) that the authority has revoked and the system knows to be.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=6514, gt=0, lt=65536)
    tls: TlsFiles | None = None
    authority_key: Path | None = None
    revoked: TlsFiles | None = None


class Queries(Strict):
    """The ``[queries]`` table: where the system answers.

    Attributes:
        base_url: ITI-82 is at ``/syslogsearch`` below it.
        fhir_url: ITI-81 is at ``/AuditEvent`` below it; for the option ``audit-event``.
        bulk_url: RAD-124 is at ``/bulk-syslog-events`` below it; for the option ``bulk``.
    """

    base_url: str
    fhir_url: str = ""
    bulk_url: str = ""


class EventRepository(Declaration):
    """A system that plays the Event Repository."""

    syslog: Syslog
    queries: Queries


class Opposite:
    """The reporter and the consumer.

    Each test has a host name and some minutes of the past of its own, so that it finds its messages without relying on
    more of the system than it judges.
    """

    def __init__(self, declared: EventRepository) -> None:
        """Nothing is sent yet."""
        self.declared = declared
        self.http = RecordingClient(declared.queries.base_url)
        self.context = declared.syslog.tls.for_client() if declared.syslog.tls else None
        self._number = 0
        self._start = datetime.now(UTC)
        self.base, self.host = self._start, ""

    def begin(self, trial: Trial) -> None:
        """What is sent and asked from now on is that trial's."""
        self.http.trial = trial
        self._number += 1
        self.base = (self._start - self._number * _APART).replace(microsecond=0)
        self.host = f"t{self._number}-{secrets.token_hex(4)}.example.org"

    def end(self) -> None:
        """No trial is on."""
        self.http.trial = None

    def event(self, seconds: float = 0.0, **more: Any) -> Sent:
        """A SOLE event of this test, so many seconds after its beginning."""
        return event(self.base + timedelta(seconds=seconds), self.host, **more)

    def connect(self) -> SyslogConnection:
        """A connection for messages."""
        where = self.declared.syslog
        return SyslogConnection(where.host, where.port, self.context, self.declared.limits.answer_seconds)

    def send(self, trial: Trial, messages: Sequence[Sent]) -> str:
        """Send messages on one connection; the evidence."""
        octets = b"".join(framed(one.raw) for one in messages)
        evidence = trial.keep("syslog", f"{len(messages)} messages sent", octets, "txt")
        with self.connect() as connection:
            connection.send(octets)
        return evidence

    def ask(self, *parameters: tuple[str, str], window: bool = True) -> Answer:
        """Ask ITI-82, within the minutes of this test unless told otherwise."""
        bounds = (("date", f"ge{stamp(self.base - _WINDOW)}"), ("date", f"le{stamp(self.base + _WINDOW)}"))
        told = [*(bounds if window else ()), *parameters]
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in told)
        return self.http.send("GET", "/syslogsearch", query=query, headers={"Accept": "application/json"})

    def stored(self) -> tuple[list[Event], str]:
        """The messages of this test that the system gives back, and the evidence."""
        answer = self.ask()
        return [one for one in events_of(answer) if one.get("hostname") == self.host], answer.evidence

    def await_stored(self, trial: Trial, messages: Iterable[Sent]) -> tuple[list[Event], str]:
        """Wait until these messages, told apart by PROCID, are given back; what there is in the end."""
        wanted = {one.process for one in messages}
        last: list[tuple[list[Event], str]] = []

        def there() -> bool:
            last[:] = [self.stored()]
            return wanted <= {one.get("procid") for one in last[0][0]}

        trial.wait_for(there)
        return last[0]

    def await_told(self, trial: Trial, since: datetime, mark: str) -> tuple[bool, str]:
        """Wait for a message of the present with that mark, told since then; whether there is one, and the evidence."""
        bounds = [("date", f"ge{stamp(since - _WINDOW)}"), ("date", f"le{stamp(since + 2 * _WINDOW)}")]
        last: list[Answer] = []

        def there() -> bool:
            last[:] = [self.ask(*bounds, window=False)]
            found = [one for one in events_of(last[0]) if mark in one.get("msg", "")]
            return any(_at(one) >= since - _CLOCKS for one in found)

        return bool(trial.wait_for(there)), last[0].evidence

    def anywhere(self, marks: Collection[str], least: int | None = None) -> set[str]:
        """Which marks are in messages of these minutes or of the present, when there are at least so many (all).

        A message whose header cannot be read has no host and the time of its arrival.
        """
        now = datetime.now(UTC)
        bounds = [("date", f"ge{stamp(now - _WINDOW)}"), ("date", f"le{stamp(now + _WINDOW)}")]
        events = [*events_of(self.ask()), *events_of(self.ask(*bounds, window=False))]
        found = {mark for mark in marks if any(f"{mark}-{self.host}" in one.get("msg", "") for one in events)}
        return found if len(found) >= (len(marks) if least is None else least) else set()

    def close(self) -> None:
        """Give everything back."""
        self.http.close()


def _at(event: Event) -> datetime:
    try:
        found = datetime.fromisoformat(event.get("timestamp", ""))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def events_of(answer: Answer) -> list[Event]:
    """The messages of an answer of ITI-82, their members' names in lower case (sole.md 7.2).

    Raises:
        SystemFailed: when the answer is none.
    """
    if not answer.ok:
        raise SystemFailed(f"the query for messages is answered with {answer.words}", [answer.evidence])
    document = answer.json()
    events = document.get("Events") if isinstance(document, dict) else document
    if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
        raise SystemFailed("the answer is no array of messages", [answer.evidence])
    return [{str(name).lower(): str(value) for name, value in one.items()} for one in events]


def refused(act: Callable[[], object]) -> str:
    """How the system refused something; empty when it did not."""
    try:
        act()
    except SystemFailed as failed:
        return failed.words
    return ""


@contextmanager
def stage(declared: EventRepository) -> Iterator[Opposite]:
    """Reporter and consumer, for the length of a run."""
    opposite = Opposite(declared)
    try:
        yield opposite
    finally:
        opposite.close()
