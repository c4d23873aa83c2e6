"""What is kept no longer: messages, the oldest first, some thousands in a transaction.

Numbers, keys and moments all grow with time, so the oldest messages lie together in the table and in each index of it.
Deleting them in that order costs a few milliseconds for thousands and leaves whole pages free for what comes next, on
SQLite and PostgreSQL alike; partitions would save that, and would take away that a key is unique over all time.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from sole_logging.records import micros
from sole_logging.store.database import Database, advance, state
from sole_logging.store.tables import EVENT, MESSAGE

_PART = 2_000


def forget(database: Database, before: datetime) -> int:
    """Delete the messages received before a moment, with what was read of them; never one that is yet to be read.

    Returns:
        How many were deleted.

    Raises:
        Unavailable: when the database cannot be used; what was deleted until then stays deleted.
    """
    deleted = 0
    while part := _forget_part(database, micros(before)):
        deleted += part
    return deleted


def _forget_part(database: Database, before: int) -> int:
    with database.write() as connection:
        database.in_order(connection)
        last = _last_of_part(connection, before)
        if last is None:
            return 0
        connection.execute(delete(EVENT).where(EVENT.c.number <= last))
        deleted = connection.execute(delete(MESSAGE).where(MESSAGE.c.number <= last)).rowcount
        advance(connection, "stored", by=-deleted)
    return deleted


def _last_of_part(connection: Connection, before: int) -> int | None:
    query = select(MESSAGE.c.number, MESSAGE.c.received_at).where(MESSAGE.c.number <= state(connection, "projected"))
    last = None
    for number, received_at in connection.execute(query.order_by(MESSAGE.c.number).limit(_PART)):
        if received_at >= before:
            break
        last = int(number)
    return last
