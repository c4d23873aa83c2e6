"""The database under the event store: SQLite (WAL, synchronous FULL, one writer) or PostgreSQL; its layouts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, inspect, make_url, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError

from profiles.errors import Unavailable
from sole_logging.records import Receipt, message_row
from sole_logging.store.tables import MESSAGE, MESSAGE_COLUMNS, METADATA, STATE

VERSION = 2
_CARRIED = 500
_CACHE_KIB = 65_536
_PAGE_OCTETS = 8_192
#: The log before the database (WAL) is carried into it when there is time, or when it has so many pages.
_CHECKPOINT_PAGES = 32_000


class Database:
    """Transactions of the event store.

    Args:
        where: path of the SQLite file, or SQLAlchemy URL of a database.

    Raises:
        Unavailable: when it cannot be used or has a layout that this release does not know.
    """

    def __init__(self, where: Path | str) -> None:
        url = make_url(f"sqlite:///{where}" if isinstance(where, Path) else where)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._name = str(url.database) if self.is_sqlite else url.render_as_string()
        self._writing = threading.Lock()
        self.engine = _engine(url.render_as_string(hide_password=False), is_sqlite=self.is_sqlite)
        try:
            with self.write() as connection:
                self._lay_out(connection)
        except Unavailable:
            self.close()
            raise

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            remedy = "Make its directory writable or free some space" if self.is_sqlite else "Start it or let us in"
            raise Unavailable(
                f"The event store {self._name} cannot be used: {error.orig}. {remedy}, then try again."
            ) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction, on disk when the block has ended; on SQLite one at a time (DESIGN D5)."""
        with self._translated():
            if not self.is_sqlite:
                with self.engine.begin() as connection:
                    yield connection
                return
            with self._writing, self.engine.begin() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read by; readers never wait for the writer."""
        with self._translated(), self.engine.connect() as connection:
            yield connection

    def tidy(self) -> None:
        """Do what is better done while nothing else is to do: carry SQLite's log of changes into its file."""
        if self.is_sqlite:
            with self.read() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").all()

    def in_order(self, connection: Connection) -> None:
        """Let nobody else append before this transaction has ended, so that numbers become visible in their order."""
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.message'))"))

    def upsert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that may say what to do on a conflict."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def _lay_out(self, connection: Connection) -> None:
        """Make the tables; carry over what an earlier release wrote."""
        present = set(inspect(connection).get_table_names())
        version = _version(connection, present, is_sqlite=self.is_sqlite)
        if version > VERSION or (version == 0 and (present if self.is_sqlite else present & set(METADATA.tables))):
            raise Unavailable(
                f"The event store {self._name} has version {version}; this release reads version {VERSION}. Run the "
                "release that wrote it, or move it away to begin a new one."
            )
        if version == VERSION:
            return
        if version == 1:
            _carry_over(connection)
        METADATA.create_all(connection)
        for name, number in (("layout", VERSION), ("stored", count(connection)), ("projected", 0)):
            connection.execute(insert(STATE), {"name": name, "number": number})


def count(connection: Connection) -> int:
    """How many messages there are, by counting them."""
    return int(connection.exec_driver_sql("SELECT count(*) FROM message").scalar_one())


def state(connection: Connection, name: str, *, lock: bool = False) -> int:
    """How far something has come; with ``lock`` nobody else moves it before the transaction ends."""
    found = select(STATE.c.number).where(STATE.c.name == name)
    return int(connection.execute(found.with_for_update() if lock else found).scalar_one())


def advance(connection: Connection, name: str, *, to: int | None = None, by: int = 0) -> None:
    """Move on how far something has come."""
    number = STATE.c.number + by if to is None else to
    connection.execute(update(STATE).where(STATE.c.name == name).values(number=number))


def _version(connection: Connection, present: set[str], *, is_sqlite: bool) -> int:
    if STATE.name in present:
        return state(connection, "layout")
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one()) if is_sqlite else 0


def _carry_over(connection: Connection) -> None:
    """Bring a store of version 1 (one table, with header, parsed form and octets) into this layout; SQLite only.

    What could be read of the messages is read again by the projector.
    """
    connection.exec_driver_sql("ALTER TABLE event RENAME TO event_of_version_1")
    MESSAGE.create(connection)
    marks = ", ".join("?" * len(MESSAGE_COLUMNS))
    add = f"INSERT INTO message ({', '.join(MESSAGE_COLUMNS)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
    last = 0
    while found := connection.exec_driver_sql(
        "SELECT number, raw, received_at, channel, peer FROM event_of_version_1 WHERE number > ? "
        "ORDER BY number LIMIT ?",
        (last, _CARRIED),
    ).all():
        receipts = [Receipt(row.raw, datetime.fromisoformat(row.received_at), row.channel, row.peer) for row in found]
        connection.exec_driver_sql(add, [message_row(receipt) for receipt in receipts])
        last = found[-1].number
    connection.exec_driver_sql("DROP TABLE event_of_version_1")
    connection.exec_driver_sql("PRAGMA user_version = 0")


def _engine(url: str, *, is_sqlite: bool) -> Engine:
    if not is_sqlite:
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        for pragma in (
            f"page_size={_PAGE_OCTETS}",  # of a new file
            "journal_mode=WAL",
            "synchronous=FULL",
            f"cache_size=-{_CACHE_KIB}",
            f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine
