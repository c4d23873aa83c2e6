"""The operational log that a command is about: that of our repository, of another one, or of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from actors.event_repository.settings import Settings
from profiles.errors import BadInput, NotFound
from sole_logging.exchange import Repository, entries_of, frame_of, read_entries
from sole_logging.measures import FactTable, LogEntry, facts_in_memory
from sole_logging.projecting import Projector
from sole_logging.records import Receipt
from sole_logging.store import EventStore
from sole_logging.store.database import state
from stepwell.settings import load

_PART = 2000
#: Shown to other repositories; empty for those that ask for none.
TOKEN: ContextVar[str] = ContextVar("TOKEN", default="")


def repository_at(address: str) -> Repository:
    """The client of another repository, with the token of this command."""
    return Repository(address, headers={"Authorization": f"Bearer {token}"} if (token := TOKEN.get()) else {})


def is_address(source: str) -> bool:
    """Whether a source is a repository's address and no file."""
    return source.startswith(("http://", "https://"))


@contextmanager
def own_store(config: Path | None) -> Iterator[EventStore]:
    """The store of the Event Repository that a configuration names, with all its messages read.

    Raises:
        NotFound: when there is none yet.
    """
    configuration = load(config, only=["event_repository"])
    settings = configuration.actors["event_repository"]
    if not isinstance(settings, Settings):
        raise BadInput("The settings of the Event Repository cannot be read.")
    where = settings.database_url or configuration.common.data_dir / "event_repository" / "events.sqlite"
    if isinstance(where, Path) and not where.exists():
        raise NotFound(
            f"There is no log at {where}. Run the Event Repository first, or name another log with --from or --config."
        )
    store = EventStore(where)
    try:
        facts = FactTable()
        with store.database.write() as connection:
            facts.create(connection)
        Projector(store, [facts.apply]).catch_up()
        yield store
    finally:
        store.close()


@contextmanager
def facts_of(source: str, config: Path | None, since: datetime, until: datetime) -> Iterator[Connection]:
    """Facts to be asked: those of our repository, or in memory those of a file or of another repository.

    Args:
        source: a file, an address, or empty for our repository.
        config: names our repository.
        since: begin of what is fetched from another repository.
        until: its end.
    """
    if not source:
        with own_store(config) as store, store.database.read() as connection:
            yield connection
        return
    with facts_in_memory(entries_from(source, since, until)) as connection:
        yield connection


def entries_from(source: str, since: datetime, until: datetime) -> Iterator[LogEntry]:
    """The entries of a file, all of them, or of another repository in a window."""
    if is_address(source):
        with repository_at(source) as repository:
            yield from entries_of(repository.messages(since, until))
    else:
        yield from read_entries(Path(source))


def take_messages(store: EventStore, messages: Iterable[Mapping[str, str]], peer: str) -> tuple[int, int]:
    """Store messages of another repository as they were there; how many there were, and how many of them were new."""
    read = new = 0
    for part in parts(messages):
        now = datetime.now(UTC)
        new += store.add([Receipt(frame_of(one), now, "iti-82", peer) for one in part])
        read += len(part)
    Projector(store, [FactTable().apply]).catch_up()
    return read, new


def take_entries(store: EventStore, entries: Iterable[LogEntry]) -> int:
    """Take entries of a file into the facts; those that are there already change nothing. How many there were."""
    read = 0
    facts = FactTable()
    for part in parts(entries):
        with store.database.write() as connection:
            state(connection, "projected", lock=True)  # whoever else writes facts holds this, too
            facts.apply(connection, part)
        read += len(part)
    return read


def parts(things: Iterable[Any]) -> Iterator[list[Any]]:
    """Things in lists of a size that a transaction can take."""
    things = iter(things)
    while part := list(islice(things, _PART)):
        yield part
