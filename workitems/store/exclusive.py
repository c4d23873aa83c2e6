"""What only one process of several may do for long: an advisory lock of PostgreSQL; on SQLite there is one process."""

from __future__ import annotations

import threading
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from workitems.store.database import Database

_TRY = text("SELECT pg_try_advisory_lock(hashtextextended(current_schema() || :name, 0))")


class Exclusive:
    """A right that one process at a time has, until it releases it or its connection to the database is lost.

    Args:
        database: that all of them use.
        name: of what it is a right to.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name
        self._connection: Connection | None = None
        self._held = False
        self._asking = threading.Lock()

    def held(self) -> bool:
        """Whether this process has the right now; it is taken when it is free."""
        if self._database.is_sqlite:
            return True
        with self._asking:
            try:
                self._held = self._ask()
            except DBAPIError:  # the session is gone, and the right with it
                self._drop()
            return self._held

    def _ask(self) -> bool:
        if self._connection is None:
            self._connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.detach()  # the lock belongs to this session, which is not given to others
        if self._held:
            self._connection.execute(text("SELECT 1"))
            return True
        return bool(self._connection.execute(_TRY, {"name": self._name}).scalar())

    def release(self) -> None:
        """Leave the right to others."""
        with self._asking:
            self._drop()

    def _drop(self) -> None:
        self._held = False
        if self._connection is not None:
            with suppress(DBAPIError):
                self._connection.close()
        self._connection = None
