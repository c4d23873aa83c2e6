"""Values as rows of the tables and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, literal_column
from sqlmodel import SQLModel

from profiles.ups import State
from workitems import tables as _tables
from workitems.model import Contract, Event, EventKind, GlobalSubscription, Standing, Workitem
from workitems.store.columns import SEARCHED_TAGS, search_columns

WORKITEM, TOMBSTONE, OUTBOX, CURSOR, SUBSCRIBER, SUBSCRIPTION, GLOBAL_SUBSCRIPTION, DELIVERY, CONTRACT = (
    SQLModel.metadata.tables[str(row.__tablename__)]
    for row in (
        _tables.WorkitemRow,
        _tables.TombstoneRow,
        _tables.OutboxRow,
        _tables.CursorRow,
        _tables.SubscriberRow,
        _tables.SubscriptionRow,
        _tables.GlobalSubscriptionRow,
        _tables.DeliveryRow,
        _tables.ContractRow,
    )
)
#: What a workitem is read from.
HELD = (
    WORKITEM.c.uid,
    WORKITEM.c.revision,
    WORKITEM.c.state,
    WORKITEM.c.content,
    WORKITEM.c.transaction_uid,
    WORKITEM.c.performer,
    WORKITEM.c.lease_until,
    WORKITEM.c.attempt,
    WORKITEM.c.final_at,
    WORKITEM.c.rejected_by,
)


def filled(column: ColumnElement[str]) -> ColumnElement[bool]:
    """That a column is not empty, in the words of the indexes that leave empty ones out."""
    return column != literal_column("''")


def workitem_row(workitem: Workitem) -> dict[str, Any]:
    """The columns of a workitem, its UID apart."""
    return {**_revision(workitem), **_standing(workitem), **search_columns(workitem.content)}


def changed_row(workitem: Workitem, before: Workitem) -> dict[str, Any]:
    """The columns of a workitem that are not as they were in an earlier revision."""
    row, stood = _revision(workitem), _standing(before)
    row |= {name: value for name, value in _standing(workitem).items() if value != stood[name]}
    if any(workitem.content.get(tag) != before.content.get(tag) for tag in SEARCHED_TAGS):
        row |= search_columns(workitem.content)
    return row


def _revision(workitem: Workitem) -> dict[str, Any]:
    return {"revision": workitem.revision, "content": orjson.dumps(workitem.content)}


def _standing(workitem: Workitem) -> dict[str, Any]:
    return {
        "state": str(workitem.state),
        "transaction_uid": workitem.transaction_uid,
        "performer": workitem.performer,
        "lease_until": moment(workitem.lease_until),
        "attempt": workitem.attempt,
        "final_at": moment(workitem.final_at),
        "rejected_by": "\\".join(workitem.rejected_by),
    }


def workitem_of(row: Any) -> Workitem:
    """A workitem from its `HELD` columns."""
    return Workitem(
        row.uid,
        row.revision,
        State(row.state),
        orjson.loads(row.content),
        row.transaction_uid,
        row.performer,
        _datetime(row.lease_until),
        row.attempt,
        _datetime(row.final_at),
        tuple(row.rejected_by.split("\\")) if row.rejected_by else (),
    )


def event_row(event: Event) -> dict[str, Any]:
    """The columns of an event, its place apart."""
    return {
        "workitem_uid": event.workitem_uid,
        "revision": event.revision,
        "kind": str(event.kind),
        "at": event.at.isoformat(),
        "content": orjson.dumps(event.content),
    }


def event_of(row: Any) -> Event:
    """An event from its row."""
    return Event(
        EventKind(row.kind),
        row.workitem_uid,
        row.revision,
        datetime.fromisoformat(row.at),
        orjson.loads(row.content),
        row.sequence,
    )


def contract_row(contract: Contract) -> dict[str, Any]:
    """The columns of a contract."""
    return {
        "child": contract.child,
        "parent": contract.parent,
        "step": contract.step,
        "attempt": contract.attempt,
        "place": contract.place,
        "station": contract.station,
        "standing": str(contract.standing),
        "recalled": contract.recalled,
        "result": orjson.dumps(contract.result),
        "shared": contract.shared,
    }


def contract_of(row: Any) -> Contract:
    """A contract from its row."""
    return Contract(
        row.parent,
        row.step,
        row.child,
        row.attempt,
        row.place,
        row.station,
        Standing(row.standing),
        row.recalled,
        orjson.loads(row.result),
        row.shared,
    )


def keys_text(subscription: GlobalSubscription) -> str:
    """The filter of a global subscription as it is stored; empty for all workitems."""
    return orjson.dumps(dict(sorted(subscription.keys.items()))).decode() if subscription.keys else ""


def global_subscription_of(row: Any) -> GlobalSubscription:
    """A global subscription from its row."""
    return GlobalSubscription(row.receiver, bool(row.locked), orjson.loads(row.filter_keys) if row.filter_keys else {})


def moment(value: datetime | None) -> str:
    """A moment as text that sorts by time; empty for none."""
    return value.isoformat(timespec="microseconds") if value else ""


def _datetime(value: str) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
