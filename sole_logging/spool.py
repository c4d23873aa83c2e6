"""The spool: messages wait here, on disk and in order, from before they are sent until they are confirmed (D13).

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
"""


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
            self._require_room(-1 if reserve else 0)
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

    def put_all(self, messages: Sequence[tuple[str, datetime, bytes]]) -> None:
        """Make several messages durable in one write: all of them, or none.

        Args:
            messages: event id, TIMESTAMP and octets of each; one that is waiting already is not put again.

        Raises:
            Unavailable: when they do not all fit, or cannot be written; none of them is in the spool.
        """
        with self._lock:
            self._require_room(len(messages) - 1)
            try:
                with self._translated():
                    self._connection.execute("BEGIN IMMEDIATE")
                    with self._connection:
                        cursor = self._connection.executemany(
                            "INSERT OR IGNORE INTO message (event_id, at, content) VALUES (?, ?, ?)",
                            [(event_id, at.isoformat(), content) for event_id, at, content in messages],
                        )
            except Unavailable:
                self._refused += len(messages)
                raise
            self._count += cursor.rowcount

    def _require_room(self, beyond: int) -> None:
        if self._count + beyond < self._limit:
            return
        self._refused += beyond + 1
        raise Unavailable(
            f"The event spool {self.path} is full ({self._limit} messages): the event repository has been "
            "away for too long. Bring it back, or point [stepwell.syslog] to one that runs.",
            key="storage-full",
        )

    def after(self, number: int, limit: int) -> list[Spooled]:
        """The next messages behind a place, in order."""
        query = "SELECT number, event_id, at, content FROM message WHERE number > ? ORDER BY number LIMIT ?"
        with self._lock, self._translated():
            rows = self._connection.execute(query, (number, limit)).fetchall()
        return [Spooled(row[0], row[1], datetime.fromisoformat(row[2]), row[3]) for row in rows]

    def remove(self, numbers: Sequence[int]) -> None:
        """Take confirmed messages out."""
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # rolls back on failure: later messages must not end in a transaction left open
                gone = [(one,) for one in numbers]
                cursor = self._connection.executemany("DELETE FROM message WHERE number = ?", gone)
            self._count -= cursor.rowcount

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()
