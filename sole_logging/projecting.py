"""Behind the intake: messages are read once, in order, and told to whoever computes from events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DataError, IntegrityError

from profiles.errors import Unavailable
from sole_logging.measures.entry import LogEntry, entry_of
from sole_logging.records import SOLE, Projected, moment, project, unprojected
from sole_logging.store import EventStore
from sole_logging.store.database import advance, state
from sole_logging.store.tables import EVENT, SOURCE

_log = structlog.get_logger(__name__)
_BATCH = 100
_BATCH_BETWEEN = 25  # while others wait for the writer
_OCTETS = 8_000_000
_IDLE_SECONDS = 1.0
_POLITE_SECONDS = 2.0
_LOOK_SECONDS = 0.02
_RETRY_SECONDS = 1.0
_DELAYS = 31


class Follower(Protocol):
    """Computes something from events, as `sole_logging.measures` does."""

    def __call__(self, connection: Connection, entries: Sequence[LogEntry], /) -> None:
        """Take events in, by the transaction that also says that they were read: each once, whatever breaks off.

        They come in the order in which they were stored, each event id once; security events do not come (SOLE-068).
        """


@dataclass(slots=True)
class _Tally:
    """What a batch adds to one source."""

    first_seen: int
    last_seen: int
    name: str = ""
    messages: int = 0
    duplicates: int = 0
    flaws: int = 0
    last_flaw: str = ""
    delays: list[int] = field(default_factory=list)


class Projector:
    """Reads what the intake stored. Goes on after a restart where it was; no message can stop it.

    Args:
        store: whose messages are read.
        followers: are told of new SOLE events.
        busy: whether others, who come first, have work; then it takes turns with them.
    """

    def __init__(
        self, store: EventStore, followers: Sequence[Follower] = (), busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._store, self._followers, self._busy = store, tuple(followers), busy
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-projector", daemon=True)

    def start(self) -> None:
        """Read in a thread, from now on."""
        self._thread.start()

    def close(self) -> None:
        """End; what was not read is read after the next start."""
        self._ending.set()
        self._store.wake()
        if self._thread.is_alive():
            self._thread.join(30)

    def catch_up(self) -> int:
        """Read all there is, now.

        Returns:
            How many messages were read.

        Raises:
            Unavailable: when the store cannot be used.
        """
        read = 0
        while part := self.step():
            read += part
        return read

    def step(self) -> int:
        """Read the next messages in one transaction.

        Returns:
            How many; 0 when there are none.

        Raises:
            Unavailable: when the store cannot be used.
        """
        with self._store.database.read() as connection:
            before = state(connection, "projected")
        messages = self._store.after(before, _BATCH_BETWEEN if self._busy() else _BATCH, _OCTETS)
        if messages:
            self._settle(before, [project(message) for message in messages])
            self._store.wake()
        return len(messages)

    def _settle(self, before: int, projected: Sequence[Projected]) -> None:
        """Write what was read; when a message breaks that, find it by halves, and keep it with the reason."""
        try:
            with self._store.database.write() as connection:
                if state(connection, "projected", lock=True) != before:  # another process was faster
                    return
                self._tell(connection, self._write(connection, projected))
                advance(connection, "projected", to=projected[-1].message.number)
        except Unavailable as error:
            if not _is_about_data(error):
                raise
            self._settle_apart(before, projected, error.__cause__ or error)
        except Exception as error:  # of a follower, or of our own; the log goes on
            self._settle_apart(before, projected, error)

    def _settle_apart(self, before: int, projected: Sequence[Projected], error: BaseException) -> None:
        if len(projected) > 1:
            middle = len(projected) // 2
            self._settle(before, projected[:middle])
            self._settle(projected[middle - 1].message.number, projected[middle:])
            return
        (one,) = projected
        _log.error("event-not-projected", number=one.message.number, reason=type(error).__name__)
        reason = f"It cannot be taken in: {type(error).__name__}."
        uncounted = replace(one, columns={**one.columns, "flaw": reason})
        try:
            self._settle_alone(before, uncounted)
        except Unavailable as refused:
            if not _is_about_data(refused):
                raise
            self._settle_alone(before, unprojected(one.message, reason))

    def _settle_alone(self, before: int, one: Projected) -> None:
        """Write what was read, and tell nobody."""
        with self._store.database.write() as connection:
            if state(connection, "projected", lock=True) == before:
                self._write(connection, [one])
                advance(connection, "projected", to=one.message.number)

    def _write(self, connection: Connection, projected: Sequence[Projected]) -> list[Projected]:
        """Write the rows of new events, and count for their senders; the new events."""
        fresh, again = _apart(connection, projected)
        if fresh:
            connection.execute(insert(EVENT), [one.columns for one in fresh])
        self._count(connection, fresh, again)
        return fresh

    def _tell(self, connection: Connection, fresh: Sequence[Projected]) -> None:
        if entries := [entry_of(_entry_parts(one)) for one in fresh if one.columns["family"] == SOLE]:
            for follower in self._followers:
                follower(connection, entries)

    def _count(self, connection: Connection, fresh: Sequence[Projected], again: Sequence[Projected]) -> None:
        tallies = _tallies(fresh, again)
        known = {
            row.source: row
            for row in connection.execute(select(SOURCE).where(SOURCE.c.source.in_(list(tallies)))).all()
        }
        for source, tally in sorted(tallies.items()):
            row = known.get(source)
            delays = [*(orjson.loads(row.delays) if row else ()), *tally.delays][-_DELAYS:]
            told: dict[str, Any] = {
                "name": tally.name or (row.name if row else ""),
                "first_seen": min(tally.first_seen, row.first_seen) if row else tally.first_seen,
                "last_seen": max(tally.last_seen, row.last_seen) if row else tally.last_seen,
                "last_flaw": tally.last_flaw or (row.last_flaw if row else ""),
                "delays": orjson.dumps(delays).decode(),
            }
            counts = {name: getattr(tally, name) for name in ("messages", "duplicates", "flaws")}
            statement = self._store.database.upsert(SOURCE).values(source=source, **told, **counts)
            summed = {name: SOURCE.c[name] + number for name, number in counts.items()}
            connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_={**told, **summed}))

    def _let_others(self) -> None:
        """Stand back while others have work, for so long that what is read does not stand still."""
        end = time.monotonic() + _POLITE_SECONDS
        while self._busy() and time.monotonic() < end and not self._ending.wait(_LOOK_SECONDS):
            pass

    def _run(self) -> None:
        tidy = True
        while not self._ending.is_set():
            try:
                self._let_others()
                changes = self._store.changes
                if self.step():
                    tidy = False
                elif not self._store.wait_for_change(changes, _IDLE_SECONDS) and not tidy:
                    self._store.database.tidy()
                    tidy = True
            except Exception as error:  # the thread lives as long as the process
                _log.error("projection-waits", reason=str(error))
                self._ending.wait(_RETRY_SECONDS)


def _apart(connection: Connection, projected: Sequence[Projected]) -> tuple[list[Projected], list[Projected]]:
    """New events, and messages that tell of one which is there already (SOLE-049)."""
    ids = [one.columns["event_id"] for one in projected]
    seen = set(connection.execute(select(EVENT.c.event_id).where(EVENT.c.event_id.in_(ids))).scalars())
    fresh: list[Projected] = []
    again: list[Projected] = []
    for one in projected:
        (again if one.columns["event_id"] in seen else fresh).append(one)
        seen.add(one.columns["event_id"])
    return fresh, again


def _tallies(fresh: Sequence[Projected], again: Sequence[Projected]) -> dict[str, _Tally]:
    tallies: dict[str, _Tally] = {}
    for one, told in _each(fresh, again):
        message = one.message
        at = message.received_at
        tally = tallies.setdefault(f"{message.host} {message.application}", _Tally(at, at))
        tally.first_seen, tally.last_seen = min(tally.first_seen, at), max(tally.last_seen, at)
        if told:
            tally.duplicates += 1
            continue
        tally.messages += 1
        if flaw := one.columns["flaw"]:
            tally.flaws += 1
            tally.last_flaw = flaw
        if one.event:
            tally.name = one.event.source.replace("\0", "") or tally.name
            if one.event.at:
                tally.delays = [*tally.delays, at - one.columns["at"]][-_DELAYS:]
    return tallies


def _each(fresh: Sequence[Projected], again: Sequence[Projected]) -> Iterator[tuple[Projected, bool]]:
    yield from ((one, False) for one in fresh)
    yield from ((one, True) for one in again)


def _entry_parts(one: Projected) -> dict[str, Any]:
    columns = one.columns
    times = {name: moment(columns[name]) for name in ("at", "received_at")}
    return {**columns, **times, "person": one.event.person if one.event else ""}


def _is_about_data(error: Unavailable) -> bool:
    """Whether the database refused what it was given, and not the work as such."""
    return isinstance(error.__cause__, DataError | IntegrityError)
