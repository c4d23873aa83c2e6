"""The tables of the order store: SQLite (WAL, synchronous FULL) or PostgreSQL (design decision D4)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Index, event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, create_engine

from actors.task_requester.layout import upgrade
from profiles.errors import Unavailable

FILE = "orders.sqlite"


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
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


class WorkitemState(StrEnum):
    """Where a workitem stands from this side."""

    PLANNED = "planned"
    CREATED = "created"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


#: Workitems in these states of UPS change no more.
ENDED = frozenset({"COMPLETED", "CANCELED"})


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
    """One order: what its events come to now (`actors.task_requester.projection.fold`), and what became of it.

    ``content`` is an `ImagingOrder` as JSON. ``key`` makes UIDs of new workitems. ``phase`` is what the events say,
    ``state`` what is shown: the phase, or how far an active order got. ``attention`` says why a person has to look.
    ``replaces`` is the number of the order that this one replaces (RP, RO).
    """

    __tablename__ = "imaging_order"
    __table_args__ = (Index("ix_imaging_order_state", "state", "images_complete_at"),)

    number: int | None = Field(default=None, primary_key=True)
    key: str
    placer: str = Field(default="", index=True)
    filler: str = Field(default="", index=True)
    accession: str = Field(default="", index=True)
    study_uid: str = Field(default="", index=True)
    patient_id: str = Field(default="", index=True)
    content: str
    content_hash: str = ""
    complete: bool = False
    phase: str = ""
    exam: str = ""
    state: str
    explanation: str = ""
    attention: str = ""
    replaces: int = 0
    origin: str = ""
    event_time: str = ""
    message_number: int
    received_at: str
    updated_at: str
    images_complete_at: str = ""
    images_reported_at: str = ""
    image_count: int = 0


class OrderKeyRow(Row, table=True):
    """What an order was ever named by, old accession numbers included; only to find candidates."""

    __tablename__ = "order_key"

    order_number: int = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True, index=True)


class OrderEventRow(Row, table=True):
    """One thing that happened to one order. Only ever appended: the order is a fold over these.

    ``message_number`` is 0 when it came otherwise than by HL7; ``place`` counts the orders within a message.
    ``event_time`` is ORC-9, else MSH-7, else the time of receipt. ``content`` is an `ImagingOrder` as JSON. ``repeats``
    marks what says nothing that another event of the order did not say.
    ``reported_at`` is empty until the operational log has the order's arrival; ``-`` when there is nothing to report.
    """

    __tablename__ = "order_event"

    number: int | None = Field(default=None, primary_key=True)
    order_number: int = Field(index=True)
    message_number: int = Field(default=0, index=True)
    place: int = 0
    origin: str = "hl7"
    action: str
    control: str = ""
    status: str = ""
    event_time: str
    received_at: str
    content: str
    repeats: bool = False
    effect: str = ""
    reported_at: str = Field(default="", index=True)


class PatientEventRow(Row, table=True):
    """One thing that happened to a patient. Only ever appended (`actors.task_requester.patients_folding`).

    ``patient_id`` and ``prior_id`` are the bare values of the identifiers, only to find candidates; ``content`` is a
    `profiles.hl7.adt.PatientEvent` as JSON.
    """

    __tablename__ = "patient_event"

    number: int | None = Field(default=None, primary_key=True)
    message_number: int = Field(default=0, index=True)
    patient_id: str = Field(index=True)
    prior_id: str = Field(default="", index=True)
    event_time: str
    received_at: str
    content: str


class WorkitemRow(Row, table=True):
    """One workitem for one order, study and rule; a further one of the three has the next ``revision``.

    ``content`` is what was sent for its creation, with later changes; ``wanted`` what it should be instead, until the
    Task Manager was told or it proved too late (``note``). ``sent`` is what it was last asked to create, noted before
    it was asked. ``replaces`` is the workitem that this one replaces, ``ups_state`` the state when last seen, ``rerun``
    whether the rule wants changes to be worked on once it has ended.
    """

    __tablename__ = "workitem"

    uid: str = Field(primary_key=True)
    order_number: int = Field(index=True)
    study_uid: str
    rule: str
    revision: int = 1
    replaces: str = ""
    content: str
    sent: str = ""
    state: str = Field(index=True)
    explanation: str = ""
    planned_at: str
    created_at: str = ""
    wanted: str = ""
    rerun: bool = False
    ups_state: str = ""
    note: str = ""
    cancel_wanted: bool = False
    cancel_code: str = ""
    cancel_reason: str = ""
    cancel_outcome: str = ""
    cancel_requested_at: str = ""
    escalated_at: str = ""


class Database:
    """The order store on SQLite (one writing process, one writer at a time) or PostgreSQL (any number).

    Args:
        where: SQLAlchemy URL of a PostgreSQL database, or the directory of the Task Requester; made when missing.

    Raises:
        Unavailable: when the store cannot be written.
    """

    def __init__(self, where: Path | str) -> None:
        self.is_sqlite = isinstance(where, Path)
        self._engine = _sqlite(where) if isinstance(where, Path) else _postgresql(where)
        self._writer = threading.Lock()
        with storing(), self._engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("stepwell-orders-layout"))))
            upgrade(connection, Row.metadata)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads; rows stay usable after it."""
        with storing(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A writing session: on disk when the block ends, rolled back on any error.

        Raises:
            Unavailable: the disk is full, read-only or broken, or the database is away.
        """
        turn = self._writer if self.is_sqlite else nullcontext()
        with storing(), turn, Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def alone(self, what: str) -> Iterator[bool]:
        """Whether this process is the only one that does something now; no other gets True before the block ends."""
        if self.is_sqlite:
            yield True
            return
        key = _lock_key(what)
        with storing(), self._engine.connect() as connection:
            is_mine = bool(connection.execute(select(func.pg_try_advisory_lock(key))).scalar())
            connection.commit()
            try:
                yield is_mine
            finally:
                if is_mine:
                    connection.execute(select(func.pg_advisory_unlock(key)))
                    connection.commit()


def lock(session: Session, names: Iterable[str]) -> None:
    """Let nobody else write about things of these names before the transaction ends; on SQLite nobody else can.

    All names of a transaction are locked at once and in one order, so that two of them never wait for each other.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    for key in sorted({_lock_key(name) for name in names if name}):
        session.connection().execute(select(func.pg_advisory_xact_lock(key)))


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


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def _sqlite(directory: Path) -> Engine:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / FILE).touch(mode=0o600)
    except OSError as error:
        raise Unavailable(
            f"The order store in {directory} cannot be written: {error.strerror or error}. Make the directory "
            "writable, or name another data_dir."
        ) from error
    engine = create_engine(f"sqlite:///{directory / FILE}")
    event.listen(engine, "connect", _configure)
    return engine


def _postgresql(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=True)
    event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
    return engine


def _without_nul(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """PostgreSQL stores no NUL in text; broken messages have some. The message itself is kept as it came."""
    many = parameters if isinstance(parameters, list) else [parameters]
    clean = [
        {
            name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
            for name, value in one.items()
        }
        if isinstance(one, dict)
        else one
        for one in many
    ]
    return statement, clean if isinstance(parameters, list) else clean[0]


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
