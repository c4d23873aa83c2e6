"""The statements of every request, compiled once: to build or look them up anew would cost more than to run them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, CursorResult, Executable, bindparam, insert, select, update

from workitems.store.rows import DELIVERY, GLOBAL_SUBSCRIPTION, HELD, OUTBOX, SUBSCRIPTION, WORKITEM


class Prepared:
    """A statement as text, made once for each kind of database.

    Args:
        statement: its parameters are named, and its values need no conversion.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._texts: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Run it in the transaction of a connection; ``values`` has at least its parameters."""
        text, names = self._texts.get(connection.dialect.name) or self._compiled(connection)
        given = dict(values) if names is None else tuple([values[name] for name in names])
        return connection.exec_driver_sql(text, given)

    def _compiled(self, connection: Connection) -> tuple[str, tuple[str, ...] | None]:
        made = self._statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined] # as all statements
        names = tuple(made.positiontup) if made.positional else None
        self._texts[connection.dialect.name] = known = str(made), names
        return known


def _named(columns: Any, *left_out: str) -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in columns if column.name not in left_out}


@cache
def change(names: tuple[str, ...]) -> Prepared:
    """The next revision of a workitem: ``held_uid``, ``held_revision`` and the columns that change.

    Columns that stay are left out, for SQLite writes an index anew whenever a column of it is assigned to.
    """
    held_as = (WORKITEM.c.uid == bindparam("held_uid")) & (WORKITEM.c.revision == bindparam("held_revision"))
    return Prepared(update(WORKITEM).where(held_as).values({name: bindparam(name) for name in names}))


#: A workitem by its UID: ``uid``.
FIND = Prepared(select(*HELD).where(WORKITEM.c.uid == bindparam("uid")))
#: A new workitem, by its columns.
CREATE = Prepared(insert(WORKITEM).values(_named(WORKITEM.c, "number")).inline())
#: A new event, by its columns; its place.
APPEND = Prepared(insert(OUTBOX).values(_named(OUTBOX.c, "sequence")).returning(OUTBOX.c.sequence))
#: Every global subscription.
GLOBAL_SUBSCRIPTIONS = Prepared(select(GLOBAL_SUBSCRIPTION))
#: Deliveries of an event to whoever is subscribed to its workitem: ``uid``, ``place``.
TELL_SUBSCRIBERS = Prepared(
    insert(DELIVERY).from_select(
        ["receiver", "sequence"],
        select(SUBSCRIPTION.c.receiver, bindparam("place", type_=BigInteger)).where(
            SUBSCRIPTION.c.workitem_uid == bindparam("uid")
        ),
    )
)
