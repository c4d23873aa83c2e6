"""The database under the store: transactions, one writer on SQLite, and who is woken when something was appended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from profiles.errors import Unavailable
from workitems.schema import upgrade

if TYPE_CHECKING:
    import psycopg

CHANNEL = "stepwell_outbox"
_POOL = 16
_LISTEN_SECONDS = 5.0
_RECONNECT_SECONDS = 1.0


def sqlite_url(path: Path) -> str:
    """Database URL of an embedded store."""
    return f"sqlite:///{path}"


class Database:
    """Transactions on SQLite (WAL, synchronous FULL, one writer) or PostgreSQL.

    Args:
        url: SQLAlchemy database URL.

    Raises:
        Unavailable: when the database cannot be opened or written, or is newer than this code.
    """

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _engine(url)
        self._writing = threading.Lock()
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], None]] = []
        self._closed = threading.Event()
        with self._translated():
            upgrade(self.engine)
        self._listener: threading.Thread | None = None
        if not self.is_sqlite:
            self._listener = threading.Thread(target=self._listen, name="outbox-listener", daemon=True)
            self._listener.start()

    def close(self) -> None:
        """End the listening and give all connections back."""
        self._closed.set()
        if self._listener:
            with suppress(DBAPIError), self.engine.begin() as connection:
                connection.execute(text(f"NOTIFY {CHANNEL}"))  # it looks up, and sees that it is to end
            self._listener.join()
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise Unavailable(
                f"The workitem store cannot be used: {error.orig}. Nothing was changed. Make its directory "
                "writable or free some space, then try again."
            ) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction; on SQLite one at a time (DESIGN D5)."""
        with self._translated():
            if self.is_sqlite:
                with self._writing, self.engine.begin() as connection:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")  # what it reads, nobody changes before it ends
                    yield connection
            else:
                with self.engine.begin() as connection:
                    yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read by."""
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def alone(self, what: str) -> Iterator[bool]:
        """Whether this process is the only one that does something now; no other gets True before the block ends."""
        if self.is_sqlite:
            yield True  # there is one process
            return
        with self.write() as connection:
            yield bool(connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtext(what)))).scalar())

    def lock_outbox(self, connection: Connection) -> None:
        """Make whoever appends or subscribes wait for this transaction to end.

        Sequences become visible in their order, so that no cursor passes one by, and a subscriber that is added sees a
        workitem either before a change and is told of it, or after.
        """
        if not self.is_sqlite:
            connection.execute(text("LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE"))
            connection.execute(text(f"NOTIFY {CHANNEL}"))  # sent when the transaction commits

    def on_append(self, listener: Callable[[], None]) -> None:
        """Call something whenever events may have been appended, by whichever process."""
        self._listeners.append(listener)

    def wake(self) -> None:
        """Tell whoever waits that something was appended."""
        with self._changed:
            self._changed.notify_all()
        for listener in self._listeners:
            listener()

    def wait(self, seconds: float) -> None:
        """Return when something was appended, or after that many seconds."""
        with self._changed:
            self._changed.wait(seconds)

    def _listen(self) -> None:
        """Hear of what other processes append (LISTEN); when the connection is lost, open another."""
        from psycopg import Error  # of PostgreSQL only

        while not self._closed.is_set():
            try:
                with self.engine.connect() as connection:
                    self._hear(connection)
            except (DBAPIError, Error):
                self._closed.wait(_RECONNECT_SECONDS)

    def _hear(self, connection: Connection) -> None:
        connection.detach()  # it is closed afterwards, not given to others while it listens
        raw = cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)
        raw.autocommit = True
        raw.execute(f"LISTEN {CHANNEL}")
        self.wake()  # what was appended while nobody listened
        while not self._closed.is_set():
            for _ in raw.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                self.wake()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=_POOL, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=_POOL)

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return engine
