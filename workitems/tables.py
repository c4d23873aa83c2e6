"""The tables of the store (SQLModel); migrations are in ``workitems/migrations``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, text
from sqlmodel import Field, SQLModel

_Sequence = BigInteger().with_variant(Integer, "sqlite")


def _sparse(name: str, *columns: str) -> Index:
    """An index of a column that is empty in most rows, which are left out; a query must say that it wants no others."""
    filled = text(f"{name} <> ''")
    columns = columns or (name,)
    return Index(f"ix_workitem_{name}", *columns, sqlite_where=filled, postgresql_where=filled)


class WorkitemRow(SQLModel, table=True):
    """A workitem as stored: its DICOM JSON, its lock, and the columns that searches start from.

    Those from ``label`` on sort by code point on every database (``COLLATE "C"``): a range means the same on each.
    """

    __tablename__ = "workitem"
    __table_args__ = (
        Index("ix_workitem_worklist", "state", "label", "station", "number"),
        Index("ix_workitem_state", "state", "number"),
        *(Index(f"ix_workitem_{name}", name, "state", "number") for name in ("label", "workitem_code", "station")),
        Index("ix_workitem_start", "state", "start"),
        _sparse("station_class", "station_class", "state", "number"),
        _sparse("expected_completion", "state", "expected_completion"),
        _sparse("replaced"),
        _sparse("lease_until"),
        _sparse("final_at"),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=_Sequence)
    uid: str = Field(unique=True)
    revision: int
    state: str
    transaction_uid: str = ""
    performer: str = ""
    lease_until: str = ""
    attempt: int = 1
    rejected_by: str = ""
    final_at: str = ""
    content: bytes
    label: str = Field(default="")
    priority: str = Field(default="")
    readiness: str = Field(default="")
    workitem_code: str = Field(default="")
    station: str = Field(default="")
    station_class: str = Field(default="")
    study: str = Field(default="", index=True)
    patient_id: str = Field(default="", index=True)
    patient_name: str = Field(default="", index=True)
    accession: str = Field(default="", index=True)
    requested_procedure: str = Field(default="", index=True)
    replaced: str = Field(default="")
    start: str = Field(default="")
    expected_completion: str = Field(default="")


class TombstoneRow(SQLModel, table=True):
    """A workitem that was deleted: what tells 410 from 404."""

    __tablename__ = "tombstone"

    uid: str = Field(primary_key=True)
    deleted_at: str = Field(index=True)


class OutboxRow(SQLModel, table=True):
    """An event, written in the transaction of the change that caused it."""

    __tablename__ = "outbox"

    sequence: int | None = Field(default=None, primary_key=True, sa_type=_Sequence)
    workitem_uid: str = Field(index=True)
    revision: int
    kind: str
    at: str
    content: bytes


class CursorRow(SQLModel, table=True):
    """How far a reader of the outbox has come."""

    __tablename__ = "cursor"

    reader: str = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger)


class SubscriberRow(SQLModel, table=True):
    """An AE that is told of events: over what, and whether it missed some because it did not take them."""

    __tablename__ = "subscriber"

    receiver: str = Field(primary_key=True)
    channel: str
    overflowed: bool = False


class SubscriptionRow(SQLModel, table=True):
    """That an AE is told of the events of one workitem (PS3.4 Table CC.2.3-2)."""

    __tablename__ = "subscription"

    workitem_uid: str = Field(primary_key=True)
    receiver: str = Field(primary_key=True, index=True)
    locked: bool
    origin: str = ""


class GlobalSubscriptionRow(SQLModel, table=True):
    """That an AE is subscribed to new workitems; ``filter_keys`` holds the filter as JSON, empty for all."""

    __tablename__ = "global_subscription"

    receiver: str = Field(primary_key=True)
    filter_keys: str = Field(primary_key=True)
    locked: bool


class DeliveryRow(SQLModel, table=True):
    """An event that a subscriber has not confirmed: its queue is its rows in order of sequence."""

    __tablename__ = "delivery"

    receiver: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, index=True, sa_type=BigInteger)


class ContractRow(SQLModel, table=True):
    """That a step of a workitem is done as another workitem, here or at a performer."""

    __tablename__ = "contract"

    parent: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    child: str = Field(index=True)
    place: str
    station: str
    standing: str
    recalled: bool
    result: bytes
    shared: str = Field(default="", index=True)
