"""What an Event Consumer declares, and the repository that it asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field

from conformance.harness.declaration import Declaration, Strict
from conformance.harness.trial import Trial
from conformance.partners.event_archive import EventArchive
from conformance.partners.exchanges import Exchange


class Repository(Strict):
    """The ``[repository]`` table: where the harness answers, and the system has to ask (``/syslogsearch``)."""

    host: str = "127.0.0.1"
    port: int = Field(default=8082, gt=0, lt=65536)


class EventConsumer(Declaration):
    """A system that plays the Event Consumer."""

    repository: Repository


class Asked:
    """The repository, and what the system asks of it."""

    def __init__(self, declared: EventConsumer) -> None:
        """Listens from now on."""
        self.archive = EventArchive(declared.repository.host, declared.repository.port)

    def begin(self, trial: Trial) -> None:
        """What is asked from now on is that trial's evidence."""
        self.archive.begin(trial)
        self.archive.hold_messages(())

    def end(self) -> None:
        """No trial is on."""
        self.archive.end()

    def searches(self) -> list[Exchange]:
        """What the system has asked for in this trial."""
        return [one for one in self.archive.exchanges if one.request.path == "/syslogsearch"]


@contextmanager
def stage(declared: EventConsumer) -> Iterator[Asked]:
    """The repository, for the length of a run."""
    asked = Asked(declared)
    try:
        yield asked
    finally:
        asked.archive.close()
