"""The event store: every message as it came, beside what could be read of it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Field, SQLModel

from profiles.errors import BadInput, Unavailable
from profiles.sole import message as audit
from profiles.sole import syslog


class EventRow(SQLModel, table=True):
    """One received message."""

    __tablename__ = "event"

    sequence: int | None = Field(default=None, primary_key=True)
    event_id: str = Field(unique=True)
    received_at: str
    at: str = Field(index=True)
    code: str = Field(default="", index=True)
    step: str = ""
    source: str = ""
    accession: str = Field(default="", index=True)
    study: str = Field(default="", index=True)
    workitem: str = Field(default="", index=True)
    placer_order: str = Field(default="", index=True)
    filler_order: str = Field(default="", index=True)
    malformed: str = ""
    raw: bytes
    parsed: bytes


_event = SQLModel.metadata.tables["event"]
_QUERYABLE = {"accession": ("accession",), "study": ("study",), "workitem": ("workitem",), "code": ("code",),
              "order": ("placer_order", "filler_order")}  # fmt: skip


class EventStore:
    """Events in SQLite (WAL, synchronous FULL, one writer).

    Args:
        path: the database file.

    Raises:
        Unavailable: when it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30, "check_same_thread": False})
        event.listen(self._engine, "connect", _durable)
        self._writing = threading.Lock()
        with self._translated():
            SQLModel.metadata.create_all(self._engine, tables=[_event])

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise Unavailable(
                f"The event store cannot be used: {error.orig}. Free some space or make it writable."
            ) from error

    def add(self, messages: list[bytes]) -> int:
        """Keep syslog messages, in one transaction; those already kept are dropped.

        Returns:
            How many were new.
        """
        rows = [_row(message) for message in messages]
        with self._translated(), self._writing, self._engine.begin() as connection:
            return sum(_insert(connection, row) for row in rows)

    def arrived(self, event_ids: list[str]) -> list[str]:
        """Which of these event ids are kept."""
        with self._translated(), self._engine.connect() as connection:
            query = select(_event.c.event_id).where(_event.c.event_id.in_(event_ids))
            return [row.event_id for row in connection.execute(query)]

    def search(self, keys: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        """Events by accession, study, workitem, order number or code, in order of time.

        Raises:
            BadInput: for a key that is none of these.
        """
        query = select(_event.c.parsed).order_by(_event.c.at, _event.c.sequence).limit(limit)
        for key, value in keys.items():
            columns = _QUERYABLE.get(key)
            if columns is None:
                raise BadInput(f"{key!r} cannot be searched for; search by {', '.join(_QUERYABLE)}.")
            condition = _event.c[columns[0]] == value
            for column in columns[1:]:
                condition |= _event.c[column] == value
            query = query.where(condition)
        with self._translated(), self._engine.connect() as connection:
            return [orjson.loads(row.parsed) for row in connection.execute(query)]


def _durable(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _insert(connection: Connection, row: dict[str, Any]) -> int:
    try:
        with connection.begin_nested():
            connection.execute(insert(_event).values(**row))
    except IntegrityError:
        return 0
    return 1


def _row(message: bytes) -> dict[str, Any]:
    received = datetime.now(UTC).isoformat(timespec="milliseconds")
    malformed, parsed = "", audit.ParsedEvent()
    try:
        parsed = audit.parse(syslog.parse(message).content)
    except BadInput as error:
        malformed = error.message
    code = parsed.codes[0] if parsed.codes else None
    identifier = parsed.event_id or hashlib.sha256(message).hexdigest()
    moment = (parsed.at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
    told = {
        "event_id": identifier,
        "at": moment,
        "received_at": received,
        "step": parsed.step,
        "code": code.value if code else "",
        "scheme": code.scheme if code else "",
        "meaning": code.meaning if code else malformed,
        "codes": [{"value": one.value, "scheme": one.scheme, "meaning": one.meaning} for one in parsed.codes],
        "outcome": parsed.outcome,
        "source": parsed.source,
        "performer": parsed.performer,
        "accession": parsed.accession,
        "study": parsed.study,
        "workitem": parsed.workitem,
        "algorithm": dict(parsed.algorithm),
        "results": [
            {"sop_class_uid": one.sop_class_uid, "sop_instance_uid": one.sop_instance_uid} for one in parsed.results
        ],
        "details": dict(parsed.details),
        "description": parsed.description,
        "malformed": malformed,
    }
    orders = [*parsed.orders, "", ""]
    return {
        "event_id": identifier, "received_at": received, "at": moment, "code": told["code"], "step": parsed.step,
        "source": parsed.source, "accession": parsed.accession, "study": parsed.study, "workitem": parsed.workitem,
        "placer_order": orders[0], "filler_order": orders[1], "malformed": malformed, "raw": message,
        "parsed": orjson.dumps(told),
    }  # fmt: skip
