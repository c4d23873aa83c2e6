"""The event store: every message as it came, beside what could be read of it, in SQLite (WAL, synchronous FULL)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, Row, Select, event, inspect, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col, create_engine, func, or_, select

from profiles.errors import Unavailable
from profiles.sole.retrieval import SyslogQuery, TimeBound
from sole_logging.records import SOLE, Receipt, content_of, record_of, stamp

VERSION = 1


class Table(SQLModel, registry=registry()):
    """Base of our table, apart from the tables of others in the same process."""


class EventRow(Table, table=True):
    """One stored message: how it came, its header, its identifiers, its octets and its parsed form."""

    __tablename__ = "event"
    __table_args__ = {"sqlite_autoincrement": True}

    number: int | None = Field(default=None, primary_key=True)
    digest: bytes = Field(unique=True)
    event_id: str | None = Field(default=None, unique=True)
    received_at: str
    channel: str
    peer: str
    pri: int
    version: int
    timestamp: str
    stamped: str = Field(index=True)
    hostname: str
    application: str
    process: str
    message_id: str
    family: str
    code: str = Field(index=True)
    step: str
    at: str = Field(index=True)
    patient: str = Field(index=True)
    accession: str = Field(index=True)
    placer: str = Field(index=True)
    filler: str = Field(index=True)
    study: str = Field(index=True)
    workitem: str = Field(index=True)
    flaw: str
    content_at: int
    raw: bytes
    parsed: bytes


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A search for events; empty fields match everything.

    Attributes:
        order: placer or filler order number.
        patient: patient id in CX form, or its first component.
        code: any event's first code.
        since, until: bounds on the time of the event, both inclusive.
        family: ``sole``, ``audit``, ``other`` or ``all``.
        limit, offset: which part of the answer, in order of the events' time.
    """

    accession: str = ""
    study: str = ""
    workitem: str = ""
    order: str = ""
    patient: str = ""
    code: str = ""
    step: str = ""
    since: datetime | None = None
    until: datetime | None = None
    family: str = SOLE
    limit: int = 1000
    offset: int = 0


class EventStore:
    """All events of a repository. One writer; readers never wait (design decision D5).

    Args:
        path: the SQLite file; made with its table when missing.

    Raises:
        Unavailable: when the file cannot be used or has a version that this release does not know.
    """

    def __init__(self, path: Path) -> None:
        self._writing = threading.Lock()
        self._path = path
        self._engine: Engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        event.listen(self._engine, "connect", _configure)
        with self._translated():
            self._open()

    def _open(self) -> None:
        with self._engine.begin() as connection:
            version = connection.execute(text("PRAGMA user_version")).scalar_one()
            if version != VERSION and (version or inspect(connection).get_table_names()):
                raise Unavailable(
                    f"The event store {self._path} has version {version}; this release reads version {VERSION}. "
                    "Run the release that wrote it, or move the file away to begin a new one."
                )
            Table.metadata.create_all(connection)
            connection.execute(text(f"PRAGMA user_version={VERSION}"))

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise Unavailable(
                f"The event store {self._path} cannot be used: {error.orig}. Make its directory writable or free some "
                "space, then try again."
            ) from error

    def add(self, receipts: Sequence[Receipt]) -> int:
        """Store messages in one transaction; on disk when this returns. Duplicates are dropped (SOLE-049).

        Returns:
            How many of them were new.

        Raises:
            Unavailable: when nothing could be stored.
        """
        rows = [record_of(receipt) for receipt in receipts]
        if not rows:
            return 0
        with self._translated(), self._writing, self._engine.begin() as connection:
            return connection.execute(insert(EventRow).on_conflict_do_nothing(), rows).rowcount

    def search(self, query: EventQuery) -> list[dict[str, Any]]:
        """Parsed events in order of their time, JSON-ready and without the patient's id."""
        found = select(EventRow)
        for name in ("accession", "study", "workitem", "code", "step"):
            if value := getattr(query, name):
                found = found.where(getattr(EventRow, name) == value)
        if query.order:
            found = found.where(or_(col(EventRow.placer) == query.order, col(EventRow.filler) == query.order))
        if query.patient:
            prefix = func.substr(EventRow.patient, 1, len(query.patient) + 1)
            found = found.where(or_(col(EventRow.patient) == query.patient, prefix == f"{query.patient}^"))
        if query.since:
            found = found.where(col(EventRow.at) >= stamp(query.since))
        if query.until:
            found = found.where(col(EventRow.at) <= stamp(query.until))
        if query.family != "all":
            found = found.where(EventRow.family == query.family)
        found = found.order_by(col(EventRow.at), col(EventRow.number)).limit(query.limit).offset(query.offset)
        with self._translated(), self._engine.connect() as connection:
            return [_event_document(row) for row in connection.execute(found)]

    def count_messages(self, query: SyslogQuery) -> int:
        """How many messages an ITI-82 query matches, its paging apart."""
        with self._translated(), self._engine.connect() as connection:
            return int(connection.execute(_matching(select(func.count(col(EventRow.number))), query)).scalar_one())

    def messages(self, query: SyslogQuery) -> list[dict[str, str]]:
        """Messages of any kind for an ITI-82 query, by TIMESTAMP, with the members of sole.md 7.2."""
        found = _matching(select(EventRow), query).order_by(col(EventRow.stamped), col(EventRow.number))
        found = found.limit(-1 if query.count is None else query.count).offset(query.offset)
        with self._translated(), self._engine.connect() as connection:
            return [_message_document(row) for row in connection.execute(found)]

    def figures(self) -> dict[str, int]:
        """How many messages there are, and how many of them have a flaw."""
        counts = select(func.count(col(EventRow.number)), func.count(func.nullif(EventRow.flaw, "")))
        with self._translated(), self._engine.connect() as connection:
            total, flawed = connection.execute(counts).one()
        return {"stored": total, "flawed": flawed}


def _configure(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _matching(found: Select[Any], query: SyslogQuery) -> Select[Any]:
    for bound in query.dates:
        found = _bounded(found, bound)
    for name, values in query.fields:
        column = getattr(EventRow, name)
        wanted = [int(one) for one in values if one.isdecimal()] if name in ("pri", "version") else list(values)
        found = found.where(column.in_(wanted))
    for content in query.contents:
        inside = func.instr(func.substr(EventRow.raw, EventRow.content_at + 1), content.encode())
        found = found.where(inside > 0)
    return found


def _bounded(found: Select[Any], bound: TimeBound) -> Select[Any]:
    column, low, high = col(EventRow.stamped), stamp(bound.low), stamp(bound.high)
    conditions = {
        "ge": (column >= low,),
        "gt": (column >= high,),
        "le": (column < high,),
        "lt": (column < low,),
        "eq": (column >= low, column < high),
    }
    return found.where(*conditions[bound.prefix])


def _event_document(row: Row[Any]) -> dict[str, Any]:
    said = orjson.loads(row.parsed) if row.parsed else {"code": "", "meaning": row.flaw, "outcome": None, "source": ""}
    return {
        **said,
        "event_id": row.event_id or row.digest.hex(),
        "at": row.at,
        "received_at": row.received_at,
        "family": row.family,
        "host": row.hostname,
        "accession": row.accession,
        "study": row.study,
        "workitem": row.workitem,
        "orders": [number for number in (row.placer, row.filler) if number],
        "malformed": row.flaw,
    }


def _message_document(row: Row[Any]) -> dict[str, str]:
    return {
        "Pri": str(row.pri) if row.pri >= 0 else "-",
        "Version": str(row.version) if row.version else "-",
        "Timestamp": row.timestamp,
        "Hostname": row.hostname,
        "App-name": row.application,
        "Procid": row.process,
        "Msg-id": row.message_id,
        "Msg": content_of(row.raw, row.content_at),
    }
