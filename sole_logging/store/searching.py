"""Questions to the event store: events by what they are about, messages by their header, what is wrong, who sends."""

from __future__ import annotations

import statistics
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, or_, select

from profiles.sole.retrieval import SyslogQuery, TimeBound
from sole_logging.records import OTHER, SOLE, StoredMessage, message_document, micros, moment, stamp
from sole_logging.store.tables import EVENT, MESSAGE, SOURCE

_PRI_DIGITS = 3
_PAGE = 16


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


@dataclass(frozen=True, slots=True)
class Sender:
    """What is known of one source of messages.

    Attributes:
        host: HOSTNAME of its messages.
        application: APP-NAME of its messages.
        name: AuditSourceID, where its messages name one.
        first_seen, last_seen: when messages of it came.
        messages: how many came, duplicates apart.
        duplicates: how many came again, or told again of the same event.
        flaws: how many were not as they should be.
        last_flaw: what was wrong with the last of them.
        delay_seconds: how much later than they happened its last events came (median); None when it tells no times.
    """

    host: str
    application: str
    name: str
    first_seen: datetime
    last_seen: datetime
    messages: int
    duplicates: int
    flaws: int
    last_flaw: str
    delay_seconds: float | None


def search(connection: Connection, query: EventQuery) -> list[dict[str, Any]]:
    """Parsed events in order of their time, JSON-ready and without the patient's id."""
    found = select(EVENT).where(*_conditions(query)).order_by(EVENT.c.at, EVENT.c.number)
    return [_event_document(row) for row in connection.execute(found.limit(query.limit).offset(query.offset))]


def _conditions(query: EventQuery) -> list[ColumnElement[bool]]:
    wanted = [
        EVENT.c[name] == value
        for name in ("accession", "study", "workitem", "code", "step")
        if (value := getattr(query, name))
    ]
    if query.order:
        wanted.append(or_(EVENT.c.placer == query.order, EVENT.c.filler == query.order))
    if query.patient:
        wanted.append(
            or_(
                EVENT.c.patient == query.patient,
                func.substr(EVENT.c.patient, 1, len(query.patient) + 1) == f"{query.patient}^",
            )
        )
    if query.since:
        wanted.append(EVENT.c.at >= micros(query.since))
    if query.until:
        wanted.append(EVENT.c.at <= micros(query.until))
    if query.family != "all":
        wanted.append(EVENT.c.family == query.family)
    return wanted


def count_messages(connection: Connection, query: SyslogQuery) -> int:
    """How many messages an ITI-82 query matches, its paging apart."""
    found = _matching(select(func.count(MESSAGE.c.number)), query, connection.dialect.name)
    return int(connection.execute(found).scalar_one())


def messages(connection: Connection, query: SyslogQuery) -> list[dict[str, str]]:
    """Messages of any kind for an ITI-82 query, by TIMESTAMP, with the members of sole.md 7.2."""
    found = _matching(select(MESSAGE.c.raw), query, connection.dialect.name)
    found = found.order_by(MESSAGE.c.stamped, MESSAGE.c.number).limit(query.count).offset(query.offset)
    return [message_document(raw) for raw in connection.execute(found).scalars()]


def _matching(found: Select[Any], query: SyslogQuery, dialect: str) -> Select[Any]:
    for bound in query.dates:
        found = found.where(*_bounds(MESSAGE.c.stamped, bound))
    for name, values in query.fields:
        column = MESSAGE.c[name]
        found = found.where(column.in_(_numbers(values) if name in ("pri", "version") else list(values)))
    content = func.substr(MESSAGE.c.raw, MESSAGE.c.content_at + 1)
    for text in query.contents:
        wanted = literal(text.encode())
        place = func.instr(content, wanted) if dialect == "sqlite" else func.position(wanted.op("IN")(content))
        found = found.where(place > 0)
    return found


def _numbers(values: tuple[str, ...]) -> list[int]:
    return [int(one) for one in values if one.isdecimal() and len(one) <= _PRI_DIGITS]


def _bounds(column: ColumnElement[int], bound: TimeBound) -> tuple[ColumnElement[bool], ...]:
    low, high = micros(bound.low), micros(bound.high)
    conditions = {
        "ge": (column >= low,),
        "gt": (column >= high,),
        "le": (column < high,),
        "lt": (column < low,),
        "eq": (column >= low, column < high),
    }
    return conditions[bound.prefix]


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A message that holds an audit message.

    Attributes:
        place: time of its event and its number, which are its place among others.
    """

    place: tuple[int, int]
    key: bytes
    received_at: int
    raw: bytes


def audit_messages(
    connection: Connection,
    dates: Sequence[TimeBound],
    after: tuple[int, int] | None = None,
    *,
    newest_first: bool = False,
) -> Generator[ReadMessage, None, None]:
    """Messages that hold an audit message, SOLE or security, in order of the time of their event.

    Args:
        connection: of the store; it is in use until the iterator ends or is closed.
        dates: bounds on the time of the event, all of which hold.
        after: the place after which to begin.
        newest_first: the other order.
    """
    columns = (EVENT.c.at, EVENT.c.number, MESSAGE.c.key, EVENT.c.received_at, MESSAGE.c.raw)
    found = select(*columns).join_from(EVENT, MESSAGE, EVENT.c.number == MESSAGE.c.number)
    found = found.where(EVENT.c.family != OTHER)
    for bound in dates:
        found = found.where(*_bounds(EVENT.c.at, bound))
    at, number = EVENT.c.at, EVENT.c.number
    if after:
        beyond = number < after[1] if newest_first else number > after[1]
        reached = at <= after[0] if newest_first else at >= after[0]
        found = found.where(reached, or_(at != after[0], beyond))
    order = (at.desc(), number.desc()) if newest_first else (at, number)
    rows = connection.execution_options(yield_per=_PAGE).execute(found.order_by(*order))
    try:
        for row in rows:
            yield ReadMessage((row.at, row.number), bytes(row.key), row.received_at, bytes(row.raw))
    finally:
        rows.close()


def kept(connection: Connection, *, number: int | None = None, key: bytes = b"") -> tuple[int, bytes] | None:
    """When a message came, and its octets; by its number or its key."""
    wanted = MESSAGE.c.key == key if number is None else MESSAGE.c.number == number
    row = connection.execute(select(MESSAGE.c.received_at, MESSAGE.c.raw).where(wanted)).first()
    return (row.received_at, bytes(row.raw)) if row else None


def after(connection: Connection, number: int, limit: int, octets: int) -> list[StoredMessage]:
    """The messages that follow a number, in order: at most so many, and no more once they are so many octets."""
    columns = ("number", "key", "received_at", "hostname", "application", "raw", "channel")
    found = select(*(MESSAGE.c[name] for name in columns)).where(MESSAGE.c.number > number)
    rows = connection.execution_options(yield_per=_PAGE).execute(found.order_by(MESSAGE.c.number).limit(limit))
    taken: list[StoredMessage] = []
    for row in rows:
        taken.append(StoredMessage(*row))
        octets -= len(taken[-1].raw)
        if octets <= 0:
            break
    rows.close()
    return taken


def flawed(connection: Connection) -> int:
    """How many messages are not as they should be."""
    return int(connection.execute(select(func.count()).where(EVENT.c.flaw.is_not(None))).scalar_one())


def quarantine(connection: Connection, limit: int, offset: int) -> list[dict[str, Any]]:
    """What is not as it should be, the newest first: who sent it, when, and what is wrong with it.

    ``usable`` tells whether it could be read all the same, as one of another vendor's dialects.
    """
    columns = (EVENT.c.number, EVENT.c.received_at, EVENT.c.family, EVENT.c.flaw)
    origin = (MESSAGE.c.peer, MESSAGE.c.channel, MESSAGE.c.hostname, MESSAGE.c.application)
    found = select(*columns, *origin).join_from(EVENT, MESSAGE, EVENT.c.number == MESSAGE.c.number)
    found = found.where(EVENT.c.flaw.is_not(None)).order_by(EVENT.c.number.desc()).limit(limit).offset(offset)
    return [
        {
            "number": row.number,
            "received_at": stamp(row.received_at),
            "peer": row.peer,
            "channel": row.channel,
            "host": row.hostname,
            "application": row.application,
            "reason": row.flaw,
            "usable": row.family != OTHER,
        }
        for row in connection.execute(found)
    ]


def senders(connection: Connection, limit: int) -> list[Sender]:
    """Who sends, the one that was silent the longest first."""
    found = connection.execute(select(SOURCE).order_by(SOURCE.c.last_seen, SOURCE.c.source).limit(limit))
    return [_sender(row) for row in found]


def _sender(row: Row[Any]) -> Sender:
    host, _, application = row.source.partition(" ")
    delays = orjson.loads(row.delays)
    return Sender(
        host,
        application,
        row.name,
        moment(row.first_seen),
        moment(row.last_seen),
        row.messages,
        row.duplicates,
        row.flaws,
        row.last_flaw,
        statistics.median(delays) / 1e6 if delays else None,
    )


def _event_document(row: Row[Any]) -> dict[str, Any]:
    said = orjson.loads(row.parsed) if row.parsed else {"code": "", "meaning": row.flaw, "outcome": None, "source": ""}
    return {
        **said,
        "event_id": row.event_id,
        "at": stamp(row.at),
        "received_at": stamp(row.received_at),
        "family": row.family,
        "host": row.host,
        "accession": row.accession or "",
        "study": row.study or "",
        "workitem": row.workitem or "",
        "orders": [number for number in (row.placer, row.filler) if number],
        "malformed": row.flaw or "",
    }
