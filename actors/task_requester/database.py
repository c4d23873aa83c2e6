"""The tables of the order store, in one database file (SQLite, WAL, synchronous FULL; design decision D4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Index, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, create_engine

from profiles.errors import Unavailable

FILE = "orders.sqlite"
_LAYOUT = 1


class OrderState(StrEnum):
    """Where an order stands: the first three wait, ``planned`` has its workitems on the way, the rest is decided.

    ``no-rule`` is looked at again for some time: more images may come.
    """

    INCOMPLETE = "incomplete"
    PENDING = "pending"
    HELD = "held"
    PLANNED = "planned"
    PUBLISHED = "published"
    NO_RULE = "no-rule"
    MISMATCH = "mismatch"
    REFUSED = "refused"
    CANCELED = "canceled"


class WorkitemState(StrEnum):
    """Where a workitem stands from this side."""

    PLANNED = "planned"
    CREATED = "created"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Row(SQLModel, registry=registry()):
    """Base of our tables, apart from those of other actors in the same process."""


class MessageRow(Row, table=True):
    """One message as it came in, with its answer. Those not answered AA are the quarantine.

    ``answer_code`` is MSA-1; ``reason`` says why it was refused; ``content_hash`` leaves MSH-7 out.
    """

    __tablename__ = "message"

    number: int | None = Field(default=None, primary_key=True)
    sender: str = Field(default="", index=True)
    control_id: str = Field(default="", index=True)
    kind: str = ""
    content_hash: str = ""
    content: bytes
    peer: str = ""
    received_at: str
    answer_code: str
    answer: bytes
    reason: str = ""
    note: str = ""


class OrderRow(Row, table=True):
    """One order: what the messages about it say now, and what became of it.

    ``content`` is an `ImagingOrder` as JSON. ``key`` never changes after the first message: it makes workitem UIDs.
    """

    __tablename__ = "imaging_order"
    __table_args__ = (Index("ix_imaging_order_state", "state", "images_complete_at"),)

    number: int | None = Field(default=None, primary_key=True)
    key: str
    placer: str = Field(default="", index=True)
    filler: str = Field(default="", index=True)
    accession: str = Field(default="", index=True)
    study_uid: str = Field(default="", index=True)
    patient_id: str = ""
    content: str
    content_hash: str = ""
    complete: bool = False
    state: str
    explanation: str = ""
    event_time: str = ""
    message_number: int
    received_at: str
    updated_at: str
    images_complete_at: str = ""
    images_reported_at: str = ""
    image_count: int = 0


class OrderMessageRow(Row, table=True):
    """Which messages were about which order.

    ``reported_at`` is empty until the operational log has the order's arrival; ``-`` when there is nothing to report.
    """

    __tablename__ = "order_message"

    number: int | None = Field(default=None, primary_key=True)
    order_number: int = Field(index=True)
    message_number: int = Field(index=True)
    control: str = ""
    effect: str = ""
    reported_at: str = Field(default="", index=True)


class WorkitemRow(Row, table=True):
    """One workitem for one order, study and rule."""

    __tablename__ = "workitem"

    uid: str = Field(primary_key=True)
    order_number: int = Field(index=True)
    study_uid: str
    rule: str
    content: str
    state: str = Field(index=True)
    explanation: str = ""
    planned_at: str
    created_at: str = ""
    cancel_wanted: bool = False
    cancel_reason: str = ""
    cancel_outcome: str = ""


class Database:
    """One writer at a time; readers never wait.

    Args:
        directory: of the Task Requester; made when missing.

    Raises:
        Unavailable: when the directory or the file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / FILE).touch(mode=0o600)
        except OSError as error:
            raise Unavailable(
                f"The order store in {directory} cannot be written: {error.strerror or error}. Make the directory "
                "writable, or name another data_dir."
            ) from error
        self._engine: Engine = create_engine(f"sqlite:///{directory / FILE}")
        event.listen(self._engine, "connect", _configure)
        self._writer = threading.Lock()
        with storing(), self._engine.begin() as connection:
            Row.metadata.create_all(connection)
            connection.execute(text(f"PRAGMA user_version = {_LAYOUT}"))  # writes: a read-only store is seen at start

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads; rows stay usable after it."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """The one writing session: on disk when the block ends, rolled back on any error.

        Raises:
            Unavailable: the disk is full, read-only or broken.
        """
        with storing(), self._writer, Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session


@contextmanager
def storing() -> Iterator[None]:
    """Turns the database's words about full and read-only disks into ours.

    Raises:
        Unavailable: always instead of an OperationalError.
    """
    try:
        yield
    except OperationalError as error:
        raise Unavailable(
            f"The order store cannot be written: {error.orig}. Free space on the disk, or make the data directory "
            "writable; nothing was accepted in the meantime.",
            key="storage-full",
        ) from error


def moment(now: datetime) -> str:
    """A moment as it is stored: ISO 8601 in UTC."""
    return now.astimezone(UTC).isoformat(timespec="microseconds")


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
