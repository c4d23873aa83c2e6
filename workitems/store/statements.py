"""The statements of every request, built once: building them anew would cost more than running them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, bindparam, insert, select, update

from workitems.store.columns import search_columns
from workitems.store.rows import DELIVERY, HELD, OUTBOX, SUBSCRIPTION, WORKITEM

_SEARCHED = frozenset(search_columns({}))
_HELD_AS = (WORKITEM.c.uid == bindparam("held_uid")) & (WORKITEM.c.revision == bindparam("held_revision"))
_CHANGED: dict[str, Any] = {
    column.name: bindparam(column.name) for column in WORKITEM.c if column.name not in {"number", "uid", *_SEARCHED}
}

#: A workitem by its UID: ``uid``.
FIND = select(*HELD).where(WORKITEM.c.uid == bindparam("uid"))
#: A new workitem, by its columns.
CREATE = insert(WORKITEM)
#: The next revision of a workitem whose searched attributes stay: ``held_uid``, ``held_revision`` and its columns.
CHANGE = update(WORKITEM).where(_HELD_AS).values(_CHANGED)
#: The next revision of a workitem: ``held_uid``, ``held_revision`` and its columns.
CHANGE_ALL = update(WORKITEM).where(_HELD_AS).values(_CHANGED | {name: bindparam(name) for name in _SEARCHED})
#: A new event, by its columns.
APPEND = insert(OUTBOX)
#: Deliveries of an event to whoever is subscribed to its workitem: ``uid``, ``place``.
TELL_SUBSCRIBERS = insert(DELIVERY).from_select(
    ["receiver", "sequence"],
    select(SUBSCRIPTION.c.receiver, bindparam("place", type_=BigInteger)).where(
        SUBSCRIPTION.c.workitem_uid == bindparam("uid")
    ),
)
