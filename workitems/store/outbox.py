"""The outbox: events in order, who is to be told of each, and how far each reader has come (DESIGN D6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, true, update

from workitems.model import Channel, Delivery, Event
from workitems.notification import is_reported
from workitems.store import statements
from workitems.store.rows import CURSOR, DELIVERY, OUTBOX, SUBSCRIBER, event_of, event_row


def append(connection: Connection, events: Iterable[Event]) -> list[Event]:
    """Append events, each with the deliveries to whoever is to be told of it.

    Returns:
        The events with their places.
    """
    appended = []
    for event in events:
        sequence = statements.APPEND.run(connection, event_row(event)).scalar_one()
        appended.append(replace(event, sequence=sequence))
        if not is_reported(event.kind):
            continue
        if event.receivers is None:
            statements.TELL_SUBSCRIBERS.run(connection, {"uid": event.workitem_uid, "place": sequence})
        elif event.receivers:
            rows = [{"receiver": receiver, "sequence": sequence} for receiver in event.receivers]
            connection.execute(insert(DELIVERY), rows)
    return appended


def events_after(connection: Connection, sequence: int, limit: int) -> list[Event]:
    """The events that follow a place in the outbox, in order."""
    query = select(OUTBOX).where(OUTBOX.c.sequence > sequence).order_by(OUTBOX.c.sequence).limit(limit)
    return [event_of(row) for row in connection.execute(query)]


def deliveries_after(
    connection: Connection, sequence: int, limit: int, receiver: str | None, channel: Channel | None = None
) -> list[Delivery]:
    """What was not confirmed yet and follows a place, in order.

    Args:
        connection: to the store.
        sequence: the place.
        limit: at most so many events; all deliveries of an event come together.
        receiver: of one AE, or of all when not given.
        channel: to be told over one channel, or over any when not given.
    """
    wanted = (DELIVERY.c.sequence > sequence) & _over(channel)
    if receiver is not None:
        wanted &= DELIVERY.c.receiver == receiver
    chosen = select(DELIVERY.c.sequence).where(wanted).distinct().order_by(DELIVERY.c.sequence).limit(limit)
    query = (
        select(DELIVERY.c.receiver, OUTBOX)
        .join(OUTBOX, OUTBOX.c.sequence == DELIVERY.c.sequence)
        .where(wanted & DELIVERY.c.sequence.in_(chosen))
        .order_by(DELIVERY.c.sequence, DELIVERY.c.receiver)
    )
    return [Delivery(row.receiver, event_of(row)) for row in connection.execute(query)]


def receivers_waiting(connection: Connection, channel: Channel) -> list[str]:
    """For whom something waits that is told over a channel."""
    query = select(DELIVERY.c.receiver).where(_over(channel)).distinct().order_by(DELIVERY.c.receiver)
    return list(connection.execute(query).scalars())


def told_after(connection: Connection, sequence: int, limit: int, channel: Channel) -> list[tuple[Event, list[str]]]:
    """The events that follow a place, in order, each with whoever is to be told of it over a channel."""
    events = events_after(connection, sequence, limit)
    if not events:
        return []
    between = (DELIVERY.c.sequence > sequence) & (DELIVERY.c.sequence <= events[-1].sequence)
    told: dict[int, list[str]] = {event.sequence: [] for event in events}
    for row in connection.execute(select(DELIVERY).where(between & _over(channel))):
        told[row.sequence].append(row.receiver)
    return [(event, told[event.sequence]) for event in events]


def _over(channel: Channel | None) -> ColumnElement[bool]:
    """Who is told over a channel; an AE that never subscribed, like one of the fallback list, over any."""
    others = select(SUBSCRIBER.c.receiver).where(SUBSCRIBER.c.channel != str(channel))
    return DELIVERY.c.receiver.not_in(others) if channel else true()


def last_sequence(connection: Connection) -> int:
    """The place of the newest event; 0 when there is none."""
    return connection.execute(select(func.max(OUTBOX.c.sequence))).scalar() or 0


def confirm(connection: Connection, receiver: str, sequence: int) -> None:
    """A subscriber has taken everything up to a place."""
    connection.execute(delete(DELIVERY).where((DELIVERY.c.receiver == receiver) & (DELIVERY.c.sequence <= sequence)))


def confirm_all(connection: Connection, taken: Mapping[str, int]) -> None:
    """Each subscriber has taken everything up to its place."""
    for receiver, sequence in sorted(taken.items()):
        confirm(connection, receiver, sequence)


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
    dropped = over_limit(connection, limit)
    for receiver, excess in dropped:
        mine = DELIVERY.c.receiver == receiver
        last = select(DELIVERY.c.sequence).where(mine).order_by(DELIVERY.c.sequence).offset(excess - 1).limit(1)
        connection.execute(delete(DELIVERY).where(mine & (DELIVERY.c.sequence <= last.scalar_subquery())))
        connection.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.receiver == receiver).values(overflowed=True))
    return dropped


def over_limit(connection: Connection, limit: int) -> list[tuple[str, int]]:
    """Receivers that more than a limit waits for, and by how much."""
    waiting = func.count().label("waiting")
    query = select(DELIVERY.c.receiver, waiting).group_by(DELIVERY.c.receiver).having(waiting > limit)
    return [(row.receiver, row.waiting - limit) for row in connection.execute(query)]


def forget_events(connection: Connection, before: str) -> int:
    """Remove events that happened before a moment, that every reader has passed and nobody waits for.

    The newest stays: SQLite gives the place after the newest row to the next event, and a place that was given again
    would lie behind every cursor.
    """
    passed = select(func.min(CURSOR.c.sequence)).scalar_subquery()
    waited_for = select(DELIVERY.c.sequence)
    newest = select(func.max(OUTBOX.c.sequence)).scalar_subquery()
    done = (OUTBOX.c.at < before) & (OUTBOX.c.sequence <= passed) & (OUTBOX.c.sequence < newest)
    done &= OUTBOX.c.sequence.not_in(waited_for)
    return connection.execute(delete(OUTBOX).where(done)).rowcount
