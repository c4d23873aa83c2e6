"""Who is subscribed to what, as SQL; the rules are in ``workitems.subscriptions``."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select, update

from workitems.model import Channel, GlobalSubscription
from workitems.store import statements
from workitems.store.rows import DELIVERY, GLOBAL_SUBSCRIPTION, SUBSCRIBER, SUBSCRIPTION, global_subscription_of

Insertable = tuple[str, str, bool, str]  # workitem UID, receiver, locked, origin


def lock_of(connection: Connection, uid: str, receiver: str) -> bool | None:
    """Whether a subscription carries a deletion lock; None when there is no subscription."""
    where = (SUBSCRIPTION.c.workitem_uid == uid) & (SUBSCRIPTION.c.receiver == receiver)
    return connection.execute(select(SUBSCRIPTION.c.locked).where(where)).scalar()


def put_lock(connection: Connection, uid: str, receiver: str, locked: bool) -> None:
    """Make or change the subscription of one AE to one workitem."""
    where = (SUBSCRIPTION.c.workitem_uid == uid) & (SUBSCRIPTION.c.receiver == receiver)
    if connection.execute(update(SUBSCRIPTION).where(where).values(locked=locked, origin="")).rowcount == 0:
        add(connection, [(uid, receiver, locked, "")])


def add(connection: Connection, rows: Iterable[Insertable]) -> None:
    """Add subscriptions that are not there."""
    names = ("workitem_uid", "receiver", "locked", "origin")
    if values := [dict(zip(names, row, strict=True)) for row in rows]:
        connection.execute(insert(SUBSCRIPTION), values)


def end(connection: Connection, receiver: str, uid: str | None = None, *, filtered: bool = False) -> int:
    """End subscriptions of an AE: to one workitem, those that came of its filters, or all."""
    where = SUBSCRIPTION.c.receiver == receiver
    if uid is not None:
        where &= SUBSCRIPTION.c.workitem_uid == uid
    if filtered:
        where &= SUBSCRIPTION.c.origin != ""
    return connection.execute(delete(SUBSCRIPTION).where(where)).rowcount


def subscribed_workitems(connection: Connection, receiver: str) -> set[str]:
    """UIDs of the workitems that an AE is subscribed to."""
    query = select(SUBSCRIPTION.c.workitem_uid).where(SUBSCRIPTION.c.receiver == receiver)
    return set(connection.execute(query).scalars())


def receivers_of(connection: Connection, uid: str) -> set[str]:
    """Who is subscribed to a workitem."""
    return set(connection.execute(select(SUBSCRIPTION.c.receiver).where(SUBSCRIPTION.c.workitem_uid == uid)).scalars())


def all_receivers(connection: Connection) -> set[str]:
    """Whoever is subscribed to anything."""
    queries = (select(SUBSCRIPTION.c.receiver).distinct(), select(GLOBAL_SUBSCRIPTION.c.receiver).distinct())
    return {receiver for query in queries for receiver in connection.execute(query).scalars()}


def global_subscriptions(connection: Connection, receiver: str | None = None) -> list[GlobalSubscription]:
    """Every global subscription, or those of one AE."""
    found = [global_subscription_of(row) for row in statements.GLOBAL_SUBSCRIPTIONS.run(connection, {})]
    return [one for one in found if receiver in (None, one.receiver)]


def put_global(connection: Connection, receiver: str, keys: str, locked: bool) -> None:
    """Make or change a global subscription; ``keys`` is the filter as stored."""
    where = (GLOBAL_SUBSCRIPTION.c.receiver == receiver) & (GLOBAL_SUBSCRIPTION.c.filter_keys == keys)
    if connection.execute(update(GLOBAL_SUBSCRIPTION).where(where).values(locked=locked)).rowcount == 0:
        connection.execute(insert(GLOBAL_SUBSCRIPTION).values(receiver=receiver, filter_keys=keys, locked=locked))


def end_global(connection: Connection, receiver: str, *, filtered: bool, plain: bool) -> int:
    """End global subscriptions of an AE, those with a filter, that without, or both."""
    where = GLOBAL_SUBSCRIPTION.c.receiver == receiver
    if not filtered:
        where &= GLOBAL_SUBSCRIPTION.c.filter_keys == ""
    if not plain:
        where &= GLOBAL_SUBSCRIPTION.c.filter_keys != ""
    return connection.execute(delete(GLOBAL_SUBSCRIPTION).where(where)).rowcount


def put_subscriber(connection: Connection, receiver: str, channel: Channel) -> None:
    """Note over what an AE wants to be told."""
    where = SUBSCRIBER.c.receiver == receiver
    if connection.execute(update(SUBSCRIBER).where(where).values(channel=str(channel))).rowcount == 0:
        connection.execute(insert(SUBSCRIBER).values(receiver=receiver, channel=str(channel), overflowed=False))


def forget_idle(connection: Connection, receiver: str) -> None:
    """Drop what waits for an AE that is subscribed to nothing any more."""
    for table in (SUBSCRIPTION, GLOBAL_SUBSCRIPTION):
        if connection.execute(select(table.c.receiver).where(table.c.receiver == receiver).limit(1)).first():
            return
    connection.execute(delete(DELIVERY).where(DELIVERY.c.receiver == receiver))


def receivers_by_channel(connection: Connection, channel: Channel) -> list[str]:
    """Who is told over a channel and has something waiting."""
    waiting = select(DELIVERY.c.receiver).distinct()
    query = select(SUBSCRIBER.c.receiver).where(
        (SUBSCRIBER.c.channel == str(channel)) & SUBSCRIBER.c.receiver.in_(waiting)
    )
    return sorted(connection.execute(query).scalars())


def has_overflowed(connection: Connection, receiver: str) -> bool:
    """Whether an AE missed events since it was last told so."""
    where = (SUBSCRIBER.c.receiver == receiver) & SUBSCRIBER.c.overflowed
    return connection.execute(select(SUBSCRIBER.c.receiver).where(where)).first() is not None


def take_overflow(connection: Connection, receiver: str) -> bool:
    """Whether an AE missed events since it was last told so; it counts as told from now on."""
    where = (SUBSCRIBER.c.receiver == receiver) & SUBSCRIBER.c.overflowed
    return connection.execute(update(SUBSCRIBER).where(where).values(overflowed=False)).rowcount > 0


def end_all_of(connection: Connection, uid: str) -> None:
    """End every subscription to a workitem that is deleted."""
    connection.execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.workitem_uid == uid))
