"""The store: one mutating call, which applies a change and appends its events in one transaction (DESIGN D3)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import SQLModel

from profiles.dicom import JsonDataset, items
from profiles.dicom import text as value_of
from profiles.errors import Unavailable
from profiles.ups import State
from workitems.model import Change, Event, EventKind, Workitem
from workitems.schema import upgrade
from workitems.tables import CursorRow, OutboxRow, WorkitemRow

_workitem, _outbox, _cursor = (
    SQLModel.metadata.tables[str(row.__tablename__)] for row in (WorkitemRow, OutboxRow, CursorRow)
)
#: In a search column: the items of the sequence differ.
SEVERAL = "*"


def sqlite_url(path: Path) -> str:
    """Database URL of an embedded store."""
    return f"sqlite:///{path}"


class Store:
    """Workitems, outbox and cursors in SQLite (WAL, synchronous FULL, one writer) or PostgreSQL.

    Args:
        url: SQLAlchemy database URL.

    Raises:
        Unavailable: when the database cannot be opened or written.
    """

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite")
        self._engine = _engine(url)
        self._writing = threading.Lock()
        self._changed = threading.Condition()
        with self._translated():
            upgrade(self._engine)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

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
    def _write(self) -> Iterator[Connection]:
        """A write transaction; on SQLite one at a time (DESIGN D5)."""
        with self._translated():
            if self._is_sqlite:
                with self._writing, self._engine.begin() as connection:
                    yield connection
            else:
                with self._engine.begin() as connection:
                    yield connection

    def apply(self, change: Change) -> bool:
        """Make a change durable, with its events, or do nothing at all.

        Returns:
            False when somebody else changed or created the workitem first.
        """
        workitem = change.workitem
        row = _row(workitem)
        try:
            with self._write() as connection:
                if change.expected_revision:
                    where = (_workitem.c.uid == workitem.uid) & (_workitem.c.revision == change.expected_revision)
                    if connection.execute(update(_workitem).where(where).values(**row)).rowcount != 1:
                        return False
                else:
                    connection.execute(insert(_workitem).values(uid=workitem.uid, **row))
                self._append(connection, change.events)
        except IntegrityError:
            return False
        self._wake()
        return True

    def append(self, events: tuple[Event, ...]) -> None:
        """Append events that no change goes with, e.g. a refused claim."""
        with self._write() as connection:
            self._append(connection, events)
        self._wake()

    def _append(self, connection: Connection, events: tuple[Event, ...]) -> None:
        if not events:
            return
        if not self._is_sqlite:  # sequences must become visible in their order, or a cursor could pass one by
            connection.execute(text("LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE"))
        rows = [
            {
                "workitem_uid": one.workitem_uid,
                "revision": one.revision,
                "kind": str(one.kind),
                "at": one.at.isoformat(),
                "content": orjson.dumps(one.content),
            }
            for one in events
        ]
        connection.execute(insert(_outbox), rows)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait_for_events(self, seconds: float) -> None:
        """Return when something was appended by this process, or after that many seconds."""
        with self._changed:
            self._changed.wait(seconds)

    def find(self, uid: str) -> Workitem | None:
        """The workitem of a UID, or None."""
        columns = (
            _workitem.c.uid,
            _workitem.c.revision,
            _workitem.c.state,
            _workitem.c.content,
            _workitem.c.transaction_uid,
        )
        with self._translated(), self._engine.connect() as connection:
            row = connection.execute(select(*columns).where(_workitem.c.uid == uid)).first()
        if row is None:
            return None
        return Workitem(row.uid, row.revision, State(row.state), orjson.loads(row.content), row.transaction_uid)

    def scan(self, exact: dict[str, set[str]]) -> Iterator[JsonDataset]:
        """Datasets in order of creation, narrowed by exact values of indexed columns."""
        query = select(_workitem.c.content).order_by(_workitem.c.number)
        for column, values in exact.items():
            query = query.where(_workitem.c[column].in_(values | {SEVERAL}))
        with self._translated(), self._engine.connect() as connection:
            for row in connection.execution_options(stream_results=True).execute(query):
                yield orjson.loads(row.content)

    def events_after(self, sequence: int, limit: int = 100) -> list[Event]:
        """The events that follow a place in the outbox, in order."""
        query = select(_outbox).where(_outbox.c.sequence > sequence).order_by(_outbox.c.sequence).limit(limit)
        with self._translated(), self._engine.connect() as connection:
            return [_event(row) for row in connection.execute(query)]

    def cursor(self, reader: str) -> int:
        """How far a reader has come; 0 for a new one."""
        with self._translated(), self._engine.connect() as connection:
            return connection.execute(select(_cursor.c.sequence).where(_cursor.c.reader == reader)).scalar() or 0

    def move_cursor(self, reader: str, sequence: int) -> None:
        """Note durably that a reader has dealt with everything up to a place."""
        with self._write() as connection:
            where = _cursor.c.reader == reader
            if connection.execute(update(_cursor).where(where).values(sequence=sequence)).rowcount == 0:
                connection.execute(insert(_cursor).values(reader=reader, sequence=sequence))


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=8)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return engine


def _row(workitem: Workitem) -> dict[str, Any]:
    content = workitem.content
    return {
        "revision": workitem.revision,
        "state": str(workitem.state),
        "transaction_uid": workitem.transaction_uid,
        "content": orjson.dumps(content),
        "label": value_of(content, "WorklistLabel"),
        "priority": value_of(content, "ScheduledProcedureStepPriority"),
        "readiness": value_of(content, "InputReadinessState"),
        "workitem_code": _only(content, "ScheduledWorkitemCodeSequence", "CodeValue"),
        "station": _only(content, "ScheduledStationNameCodeSequence", "CodeValue"),
        "study": value_of(content, "StudyInstanceUID"),
        "patient_id": value_of(content, "PatientID"),
        "accession": _only(content, "ReferencedRequestSequence", "AccessionNumber"),
    }


def _only(content: JsonDataset, sequence: str, keyword: str) -> str:
    """The value in the items of a sequence, or that there are several, which the search then looks at itself."""
    values = {value_of(one, keyword) for one in items(content, sequence)}
    return SEVERAL if len(values) > 1 else next(iter(values), "")


def _event(row: Any) -> Event:
    return Event(
        EventKind(row.kind),
        row.workitem_uid,
        row.revision,
        datetime.fromisoformat(row.at),
        orjson.loads(row.content),
        row.sequence,
    )
