"""One store: what goes in, what is asked, what is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from profiles.sole.retrieval import SyslogQuery
from sole_logging.records import MessageRow, Receipt, StoredMessage, message_row, micros
from sole_logging.store import intake, retention, searching
from sole_logging.store.database import Database, state
from sole_logging.store.searching import EventQuery, Sender
from sole_logging.store.tables import MESSAGE

_LOOK_SECONDS = 0.05


class EventStore:
    """All messages of a repository, and the events that were read of them.

    Args:
        where: path of the SQLite file, made when missing; or SQLAlchemy URL of a database (SQLite or PostgreSQL).

    Raises:
        Unavailable: when it cannot be used or has a layout that this release does not know.
    """

    def __init__(self, where: Path | str) -> None:
        self.database = Database(where)
        self._changed = threading.Condition()
        self.changes = 0

    def close(self) -> None:
        """Give all connections back."""
        self.database.close()

    def add(self, receipts: Sequence[Receipt]) -> int:
        """Store messages in one transaction; on disk when this returns. Duplicates are dropped (SOLE-049).

        Returns:
            How many of them were new.

        Raises:
            Unavailable: when nothing could be stored.
        """
        return self.add_rows([message_row(receipt) for receipt in receipts])

    def add_rows(self, rows: Sequence[MessageRow]) -> int:
        """As `add`, for rows that were made already."""
        new = intake.add(self.database, rows)
        self.wake()
        return new

    def wait_for_change(self, since: int, seconds: float) -> bool:
        """Wait until ``changes`` is no longer what it was, at most so many seconds; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.changes != since, seconds)

    def wake(self) -> None:
        """Tell whoever waits that messages were added or read by this process."""
        with self._changed:
            self.changes += 1
            self._changed.notify_all()

    def await_reading(self, seconds: float) -> bool:
        """Wait until all that is stored now was read too, so that a search finds what its asker knows to be there.

        Args:
            seconds: how long to wait at most.

        Returns:
            Whether it was.
        """
        with self.database.read() as connection:
            last = _last(connection)
        end = time.monotonic() + seconds
        while True:
            with self.database.read() as connection:
                if state(connection, "projected") >= last:
                    return True
            if (left := end - time.monotonic()) <= 0:
                return False
            with self._changed:
                self._changed.wait(min(left, _LOOK_SECONDS))

    def note(self, host: str, at: datetime, flaw: str) -> None:
        """Count for a sender what was wrong with it and is no message: a stream that had to be ended.

        Raises:
            Unavailable: when it could not be written.
        """
        with self.database.write() as connection:
            intake.count_for(self.database, connection, host, micros(at), flaw=flaw)

    def after(self, number: int, limit: int, octets: int) -> list[StoredMessage]:
        """The messages that follow a number, in order: at most so many, and no more once they are so many octets."""
        with self.database.read() as connection:
            return searching.after(connection, number, limit, octets)

    def search(self, query: EventQuery) -> list[dict[str, Any]]:
        """Events that were read, in order of their time, JSON-ready and without the patient's id."""
        with self.database.read() as connection:
            return searching.search(connection, query)

    def count_messages(self, query: SyslogQuery) -> int:
        """How many messages an ITI-82 query matches, its paging apart."""
        with self.database.read() as connection:
            return searching.count_messages(connection, query)

    def messages(self, query: SyslogQuery) -> list[dict[str, str]]:
        """Messages of any kind for an ITI-82 query, by TIMESTAMP, with the members of sole.md 7.2."""
        with self.database.read() as connection:
            return searching.messages(connection, query)

    def quarantine(self, limit: int = 1000, offset: int = 0) -> list[dict[str, Any]]:
        """Messages that are not as they should be, the newest first: who sent them, when, and what is wrong."""
        with self.database.read() as connection:
            return searching.quarantine(connection, limit, offset)

    def senders(self, limit: int = 1000) -> list[Sender]:
        """Who sends, the one that was silent the longest first."""
        with self.database.read() as connection:
            return searching.senders(connection, limit)

    def figures(self) -> dict[str, int]:
        """How many messages there are, how many of them have a flaw, and how many are yet to be read."""
        with self.database.read() as connection:
            return {
                "stored": state(connection, "stored"),
                "flawed": searching.flawed(connection),
                "unread": max(0, _last(connection) - state(connection, "projected")),
            }

    def forget(self, before: datetime) -> int:
        """Delete the messages received before a moment, with what was read of them.

        Returns:
            How many were deleted.
        """
        return retention.forget(self.database, before)


def _last(connection: Connection) -> int:
    return int(connection.execute(select(func.max(MESSAGE.c.number))).scalar() or 0)
