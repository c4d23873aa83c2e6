"""The tables of the store (SQLModel); migrations are in ``workitems/migrations``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer
from sqlmodel import Field, SQLModel

_Sequence = BigInteger().with_variant(Integer, "sqlite")


class WorkitemRow(SQLModel, table=True):
    """A workitem as stored: its DICOM JSON, its lock, and the columns that searches start from."""

    __tablename__ = "workitem"

    number: int | None = Field(default=None, primary_key=True, sa_type=_Sequence)
    uid: str = Field(unique=True)
    revision: int
    state: str = Field(index=True)
    transaction_uid: str = ""
    content: bytes
    label: str = Field(default="", index=True)
    priority: str = Field(default="")
    readiness: str = Field(default="")
    workitem_code: str = Field(default="", index=True)
    station: str = Field(default="", index=True)
    study: str = Field(default="", index=True)
    patient_id: str = Field(default="", index=True)
    accession: str = Field(default="", index=True)


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
