"""The outbox: events in order, who is to be told of each, and how far each reader has come (DESIGN D6)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, literal, select, update

from workitems.model import Delivery, Event
from workitems.notification import is_reported
from workitems.store.rows import CURSOR, DELIVERY, OUTBOX, SUBSCRIBER, SUBSCRIPTION, event_of, event_row


def append(connection: Connection, events: Iterable[Event]) -> None:
    """Append events, each with the deliveries to whoever is to be told of it."""
    for event in events:
        made = connection.execute(insert(OUTBOX).values(**event_row(event)))
        if not is_reported(event.kind):
            continue
        sequence = made.inserted_primary_key[0]  # type: ignore[index] # the primary key has one column, which is set
        if event.receivers is None:
            told = select(SUBSCRIPTION.c.receiver, literal(sequence)).where(
                SUBSCRIPTION.c.workitem_uid == event.workitem_uid
            )
            connection.execute(insert(DELIVERY).from_select(["receiver", "sequence"], told))
        elif event.receivers:
            rows = [{"receiver": receiver, "sequence": sequence} for receiver in event.receivers]
            connection.execute(insert(DELIVERY), rows)


def events_after(connection: Connection, sequence: int, limit: int) -> list[Event]:
    """The events that follow a place in the outbox, in order."""
    query = select(OUTBOX).where(OUTBOX.c.sequence > sequence).order_by(OUTBOX.c.sequence).limit(limit)
    return [event_of(row) for row in connection.execute(query)]


def deliveries_after(connection: Connection, sequence: int, limit: int, receiver: str | None) -> list[Delivery]:
    """What was not confirmed yet and follows a place, in order; of one receiver or of all."""
    query = (
        select(DELIVERY.c.receiver, OUTBOX)
        .join(OUTBOX, OUTBOX.c.sequence == DELIVERY.c.sequence)
        .where(DELIVERY.c.sequence > sequence)
        .order_by(DELIVERY.c.sequence)
        .limit(limit)
    )
    if receiver is not None:
        query = query.where(DELIVERY.c.receiver == receiver)
    return [Delivery(row.receiver, event_of(row)) for row in connection.execute(query)]


def last_sequence(connection: Connection) -> int:
    """The place of the newest event; 0 when there is none."""
    return connection.execute(select(func.max(OUTBOX.c.sequence))).scalar() or 0


def confirm(connection: Connection, receiver: str, sequence: int) -> None:
    """A subscriber has taken everything up to a place."""
    connection.execute(delete(DELIVERY).where((DELIVERY.c.receiver == receiver) & (DELIVERY.c.sequence <= sequence)))


def cursor(connection: Connection, reader: str) -> int:
    """How far a reader of the whole outbox has come; 0 for a new one."""
    return connection.execute(select(CURSOR.c.sequence).where(CURSOR.c.reader == reader)).scalar() or 0


def move_cursor(connection: Connection, reader: str, sequence: int) -> None:
    """Note that a reader has dealt with everything up to a place."""
    if connection.execute(update(CURSOR).where(CURSOR.c.reader == reader).values(sequence=sequence)).rowcount == 0:
        connection.execute(insert(CURSOR).values(reader=reader, sequence=sequence))


def bound_backlogs(connection: Connection, limit: int) -> list[tuple[str, int]]:
    """Drop the oldest deliveries of whoever has more than a limit, and note that it missed some.

    Returns:
        Receiver and number of events dropped.
    """
    waiting = func.count().label("waiting")
    query = select(DELIVERY.c.receiver, waiting).group_by(DELIVERY.c.receiver).having(waiting > limit)
    dropped = []
    for row in connection.execute(query).all():
        excess = row.waiting - limit
        mine = DELIVERY.c.receiver == row.receiver
        last = select(DELIVERY.c.sequence).where(mine).order_by(DELIVERY.c.sequence).offset(excess - 1).limit(1)
        connection.execute(delete(DELIVERY).where(mine & (DELIVERY.c.sequence <= last.scalar_subquery())))
        connection.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.receiver == row.receiver).values(overflowed=True))
        dropped.append((row.receiver, excess))
    return dropped


def forget_events(connection: Connection, before: str) -> int:
    """Remove events that happened before a moment, that every reader has passed and nobody waits for."""
    passed = select(func.min(CURSOR.c.sequence)).scalar_subquery()
    waited_for = select(DELIVERY.c.sequence)
    done = (OUTBOX.c.at < before) & (OUTBOX.c.sequence <= passed) & OUTBOX.c.sequence.not_in(waited_for)
    return connection.execute(delete(OUTBOX).where(done)).rowcount
