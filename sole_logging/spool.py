"""The spool: messages wait here, on disk and in order, from before they are sent until they are confirmed (D13).

Each repository has a place: it has, or has refused for good, every message up to there. A message leaves the spool once
it is behind the places of all repositories.

Plain SQLite statements on purpose: every actor opens one spool at its start, and one table needs no mapper.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from profiles.errors import Unavailable

VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS place (repository TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS set_aside (
    repository TEXT NOT NULL,
    number INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    content BLOB NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (repository, number));
"""
#: Only the latest messages that a repository refused for good are kept; their number is told apart.
_MOST_SET_ASIDE = 1_000


@dataclass(frozen=True, slots=True)
class Spooled:
    """One waiting message: its place in the order, its event id, TIMESTAMP of its header, and its octets."""

    number: int
    event_id: str
    at: datetime
    content: bytes


class Spool:
    """Messages of one source, waiting to be confirmed.

    Args:
        path: the SQLite file; made, readable by its owner only, when it is missing.
        limit: greatest number of messages; what comes beyond it is refused and counted.

    Raises:
        Unavailable: when the file cannot be used.
    """

    def __init__(self, path: Path, limit: int = 100_000) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._refused = 0
        self.path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._open()
        self._count: int = self._connection.execute("SELECT count(*) FROM message").fetchone()[0]

    def _open(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            raise Unavailable(
                f"The spool {self.path} has version {version}; this release reads version {VERSION}. Let the release "
                "that wrote it send what is in it, or move it away."
            )
        self._connection.executescript(_TABLES)
        self._connection.execute(f"PRAGMA user_version={VERSION}")
        self._connection.execute("INSERT OR IGNORE INTO fact VALUES ('instance', ?)", (str(uuid.uuid4()),))

    @property
    def instance(self) -> str:
        """Made with the spool and kept in it: event ids stay the same over restarts and changes of the host's name."""
        row = self._connection.execute("SELECT value FROM fact WHERE name = 'instance'").fetchone()
        return str(row[0])

    @property
    def refused(self) -> int:
        """How many messages were refused since the start because the spool or the disk was full."""
        return self._refused

    def __len__(self) -> int:
        return self._count

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(
                f"The event spool {self.path} cannot be used: {error}. The event was not reported. Make its "
                "directory writable, free some space, or set another data_dir.",
                key="storage-full",
            ) from error

    def fact(self, name: str, value: str) -> str:
        """Keep what is to be known at the next start.

        Returns:
            What was kept before; empty when nothing was.
        """
        with self._lock, self._translated():
            row = self._connection.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
            self._connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))
        return str(row[0]) if row else ""

    def put(self, event_id: str, at: datetime, content: bytes, *, reserve: bool = False) -> bool:
        """Make a message durable; it is on disk when this returns.

        Args:
            event_id: a message whose id is waiting already is not put again.
            at: TIMESTAMP of its header.
            content: the whole syslog message.
            reserve: the message may use the last place beyond the limit (it says that recording stopped).

        Returns:
            False when that event was waiting already.

        Raises:
            Unavailable: when the spool is full or cannot be written; the message is not in it.
        """
        with self._lock:
            self._require_room(1, self._limit + 1 if reserve else self._limit)
            try:
                with self._translated():
                    cursor = self._connection.execute(
                        "INSERT OR IGNORE INTO message (event_id, at, content) VALUES (?, ?, ?)",
                        (event_id, at.isoformat(), content),
                    )
            except Unavailable:
                self._refused += 1
                raise
            self._count += cursor.rowcount
            return cursor.rowcount == 1

    def put_all(self, messages: Sequence[tuple[str, datetime, bytes]], *, half: bool = False) -> None:
        """Make several messages durable in one write: all of them, or none.

        Args:
            messages: event id, TIMESTAMP and octets of each; one that is waiting already is not put again.
            half: they may use one half of the spool only, and leave the other to what matters more.

        Raises:
            Unavailable: when they do not all fit, or cannot be written; none of them is in the spool.
        """
        with self._lock:
            self._require_room(len(messages), self._limit // 2 if half else self._limit)
            try:
                with self._writing():
                    cursor = self._connection.executemany(
                        "INSERT OR IGNORE INTO message (event_id, at, content) VALUES (?, ?, ?)",
                        [(event_id, at.isoformat(), content) for event_id, at, content in messages],
                    )
            except Unavailable:
                self._refused += len(messages)
                raise
            self._count += cursor.rowcount

    def _require_room(self, wanted: int, limit: int) -> None:
        if self._count + wanted <= limit:
            return
        self._refused += wanted
        raise Unavailable(
            f"The event spool {self.path} is full ({limit} messages): the event repository has been "
            "away for too long. Bring it back, or point [stepwell.syslog] to one that runs.",
            key="storage-full",
        )

    def after(self, number: int, limit: int) -> list[Spooled]:
        """The next messages behind a place, in order."""
        query = "SELECT number, event_id, at, content FROM message WHERE number > ? ORDER BY number LIMIT ?"
        with self._lock, self._translated():
            rows = self._connection.execute(query, (number, limit)).fetchall()
        return [Spooled(row[0], row[1], datetime.fromisoformat(row[2]), row[3]) for row in rows]

    def serve(self, repositories: Sequence[str]) -> None:
        """Say which repositories there are; messages wait for these only. A new one gets all that waits."""
        with self._lock, self._writing():
            kept = ",".join("?" * len(repositories))
            self._connection.execute(f"DELETE FROM place WHERE repository NOT IN ({kept})", repositories)  # noqa: S608
            rows = [(name,) for name in repositories]
            self._connection.executemany("INSERT OR IGNORE INTO place VALUES (?, 0)", rows)
            self._forget()

    def place(self, repository: str) -> int:
        """The number up to which a repository needs nothing any more."""
        with self._lock, self._translated():
            row = self._connection.execute("SELECT number FROM place WHERE repository = ?", (repository,)).fetchone()
        return int(row[0]) if row else 0

    def reach(self, repository: str, number: int) -> None:
        """A repository needs nothing up to this number; what no other one needs leaves the spool."""
        with self._lock, self._writing():
            self._connection.execute(
                "INSERT INTO place VALUES (?, ?) ON CONFLICT DO UPDATE SET number = max(number, excluded.number)",
                (repository, number),
            )
            self._forget()

    def _forget(self) -> None:
        gone = self._connection.execute("DELETE FROM message WHERE number <= (SELECT min(number) FROM place)")
        self._count -= gone.rowcount

    def set_aside(self, repository: str, message: Spooled, reason: str) -> None:
        """Keep a message that a repository refused for good, with the reason."""
        row = (repository, message.number, message.event_id, message.content, reason)
        with self._lock, self._writing():
            self._connection.execute("INSERT OR REPLACE INTO set_aside VALUES (?, ?, ?, ?, ?)", row)
            self._connection.execute(
                "DELETE FROM set_aside WHERE number NOT IN (SELECT number FROM set_aside ORDER BY number DESC LIMIT ?)",
                (_MOST_SET_ASIDE,),
            )

    def refusals(self) -> list[tuple[str, str, str]]:
        """What was set aside: repository, event id and reason, the latest first."""
        query = "SELECT repository, event_id, reason FROM set_aside ORDER BY number DESC"
        with self._lock, self._translated():
            return list(self._connection.execute(query))

    def waiting_for(self, repository: str) -> tuple[int, datetime | None]:
        """How many messages a repository lacks, and when the oldest of them was reported."""
        query = (
            "SELECT count(*), min(at) FROM message "
            "WHERE number > coalesce((SELECT number FROM place WHERE repository = ?), 0)"
        )
        with self._lock, self._translated():
            count, oldest = self._connection.execute(query, (repository,)).fetchone()
        return int(count), datetime.fromisoformat(oldest) if oldest else None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction; it is rolled back on failure: later messages must not end in one that was left open."""
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()
