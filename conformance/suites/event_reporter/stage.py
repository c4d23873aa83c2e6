"""What an Event Reporter declares, and the repository that it reports to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from pydantic import Field

from conformance.finding import Finding
from conformance.harness.declaration import Declaration, Strict
from conformance.harness.trial import Trial
from conformance.partners.syslog import Received, SyslogReceiver, TlsFiles
from conformance.sole import check_message
from conformance.sole.reading import Message, read
from profiles.errors import Unavailable
from profiles.tables import read_table

_MOST_KEPT = 50


class Repository(Strict):
    """The ``[repository]`` table: where the harness listens, and the system has to send.

    Attributes:
        host: interface.
        port: of TLS, or of plain TCP when there is no ``tls``.
        tls: who the harness is, and whose certificates it trusts.
        udp_port: for datagrams; 0 for a system that sends none.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=6514, gt=0, lt=65536)
    tls: TlsFiles | None = None
    udp_port: int = Field(default=0, ge=0, lt=65536)


class Events(Strict):
    """The ``[events]`` table: what the system reports.

    Attributes:
        codes: event codes that it declares (RAD TF-3 Table 6.3.2-1, or extensions), each of which can be caused.
        canceled: the code by which it tells that work was canceled.
        workflow_end: the code by which it tells that the work on a workitem is done.
    """

    codes: tuple[str, ...] = Field(min_length=1)
    canceled: str = "AIX106"
    workflow_end: str = "AIX107"


class EventReporter(Declaration):
    """A system that plays the Event Reporter."""

    repository: Repository
    events: Events


@dataclass(frozen=True)
class Told:
    """One message of the system, read."""

    received: Received
    number: int

    @cached_property
    def message(self) -> Message:
        """Taken apart."""
        return read(self.received.raw, self.name)

    @property
    def name(self) -> str:
        """What findings and evidence call it."""
        return f"message {self.number}"

    @property
    def code(self) -> str:
        """The first EventTypeCode of a SOLE event; empty for anything else."""
        codes = self.message.event_types if self.message.kind == "sole" else ()
        return codes[0].value if codes else ""

    @property
    def texts(self) -> Iterator[str]:
        """Every text of the document, details decoded."""
        root = self.message.root
        if root is not None:
            yield from (text for element in root.iter() for text in (element.text or "", *map(str, element.values())))
            yield from (text for _, text in self.message.details)

    def findings(self) -> list[Finding]:
        """What the object rules say of it."""
        return check_message(self.received.raw, self.name)


class Log:
    """The repository, and what the system has told it.

    Args:
        declared: by the system.

    Raises:
        Unavailable: when the harness cannot listen where it was declared to.
    """

    def __init__(self, declared: EventReporter) -> None:
        self.declared = declared
        where = declared.repository
        context = where.tls.for_server() if where.tls else None
        self.receiver = SyslogReceiver(where.host, where.port, context, where.udp_port)
        self._baseline: dict[str, Told | None] | None = None
        try:
            self.receiver.open()
        except OSError as error:
            self.receiver.close()
            raise Unavailable(f"The harness cannot listen on {where.host}:{where.port}: {error}.") from error

    def begin(self, trial: Trial) -> None:
        """Nothing is set up for one test."""

    def end(self) -> None:
        """The next test has a repository that listens again, whatever this one did to it."""

    def told(self, since: float = 0.0, *, datagrams: bool = False) -> list[Told]:
        """What the system has told since a time, in whole frames; datagrams, which may be cut, only on request."""
        found = [Told(one, number) for number, one in enumerate(self.receiver.received(), start=1)]
        return [
            one
            for one in found
            if one.received.at >= since and one.received.raw and (one.received.stream.protocol == "udp") == datagrams
        ]

    def caused(self, trial: Trial, code: str) -> Told | None:
        """Have an event caused, and wait for what the system tells of it."""
        since = time.time()
        have(trial, "cause-event", f"Let the system report an event with the code {code}.", code=code)
        return self.await_one(trial, since, lambda one: one.code == code)

    def await_one(self, trial: Trial, since: float, wanted: Callable[[Told], bool]) -> Told | None:
        """Wait for the first message of that kind."""
        return trial.wait_for(lambda: next((one for one in self.told(since) if wanted(one)), None))

    def baseline(self, trial: Trial) -> dict[str, Told | None]:
        """One message for each declared event; they are caused once in a run."""
        if self._baseline is None:
            trial.step("let each declared event be reported once")
            self._baseline = {code: self.caused(trial, code) for code in self.declared.events.codes}
        return self._baseline

    def judged(self, trial: Trial, text: str) -> list[Told]:
        """Judge everything told so far by the object rules of this test's row; the messages."""
        self.baseline(trial)
        rules = rules_of(trial.case.requirement.id)
        told = self.told()
        trial.require(told, "the system reports events", "nothing came")
        found = [(one, finding) for one in told for finding in one.findings() if finding.rule in rules]
        broken = {one.number: one for one, _ in found}
        shown = list(broken.values())[:_MOST_KEPT] or told[:3]
        kept = {one.number: keep(trial, one) for one in shown}
        for one in shown:
            trial.findings([finding for of, finding in found if of is one], text, kept[one.number])
        return told

    def close(self) -> None:
        """Stop listening."""
        self.receiver.close()


def have(trial: Trial, action: str, text: str, **values: str) -> None:
    """Have something done at the system; without it the test is not decided."""
    if not trial.ask(action, text, **values):
        trial.inconclusive(f"it could not be done: {text}")


def keep(trial: Trial, told: Told) -> str:
    """A message as evidence."""
    where = told.received.stream
    return trial.keep("syslog", f"{told.name} from {where.peer} ({where.protocol})", told.received.raw, "txt")


def rules_of(row: str) -> frozenset[str]:
    """The object rules that are judged by a row of the catalogue: ``tables/sole_reporter_rules.csv``."""
    return frozenset(one["rule"] for one in read_table("conformance", "sole_reporter_rules") if one["row"] == row)


@contextmanager
def stage(declared: EventReporter) -> Iterator[Log]:
    """The repository, for the length of a run."""
    log = Log(declared)
    try:
        yield log
    finally:
        log.close()
