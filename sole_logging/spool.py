"""The durable spool of one reporter: what was reported and is not yet known to have arrived."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from profiles.errors import Unavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spool (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  message BLOB NOT NULL,
  confirmed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS spool_open ON spool (sequence) WHERE confirmed = 0;
"""


class Spool:
    """Messages in the order in which they were reported, on disk before ``add`` returns.

    Args:
        path: SQLite file; made when missing.

    Raises:
        Unavailable: when it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(
                f"The event spool {path} cannot be written: {error}. Make its directory writable."
            ) from error

    def add(self, event_id: str, message: bytes) -> None:
        """Keep a message; the same event id again changes nothing."""
        with self._lock:
            try:
                self._db.execute("INSERT OR IGNORE INTO spool (event_id, message) VALUES (?, ?)", (event_id, message))
            except sqlite3.Error as error:
                raise Unavailable(f"The event spool cannot be written: {error}. Free some space.") from error

    def unconfirmed(self, after: int = 0, limit: int = 200) -> list[tuple[int, str, bytes]]:
        """Sequence, event id and message of what is not confirmed, in order."""
        with self._lock:
            query = (
                "SELECT sequence, event_id, message FROM spool "
                "WHERE confirmed = 0 AND sequence > ? ORDER BY sequence LIMIT ?"
            )
            return list(self._db.execute(query, (after, limit)))

    def confirm(self, sequences: Iterable[int]) -> None:
        """Note that these have arrived. They stay as ids, so that a repeated report is still recognised."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "UPDATE spool SET confirmed = 1, message = x'' WHERE sequence = ?", [(one,) for one in sequences]
            )
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
