"""What is to be told, what was, and what waits for a person: tables of the order store."""

from __future__ import annotations

from enum import StrEnum

from sqlmodel import Field

from actors.task_requester.database import Row


class Channel(StrEnum):
    """Where a message goes."""

    RESULTS = "results"
    FHIR = "fhir"
    RIS = "ris"
    WORKLIST = "worklist"
    ALERT = "alert"
    ESCALATION = "escalation"


#: Tell the result itself; their messages name the patient and can be withdrawn.
RESULT_CHANNELS = (Channel.RESULTS, Channel.FHIR)


class MessageState(StrEnum):
    """How far a message got. What is parked waits for a person."""

    WAITING = "waiting"
    SENT = "sent"
    PARKED = "parked"


class LookState(StrEnum):
    """What became of a workitem, as far as its result is concerned."""

    AWAITED = "awaited"
    QUEUED = "queued"
    NOTHING = "nothing"
    PARKED = "parked"


class OutgoingRow(Row, table=True):
    """One message on its way. ``content`` never changes: what is sent again has the same MSH-10 (HL7-066).

    ``patient`` is the identifier as CX; messages of one patient and channel are sent in the order of ``number``.
    """

    __tablename__ = "outgoing"

    number: int | None = Field(default=None, primary_key=True)
    channel: str = Field(index=True)
    control_id: str = Field(index=True)
    workitem_uid: str = Field(index=True)
    order_number: int = Field(index=True)
    rule: str = ""
    patient: str = ""
    content: bytes
    state: str = Field(default=MessageState.WAITING, index=True)
    reason: str = ""
    attempts: int = 0
    next_at: str = ""
    created_at: str
    sent_at: str = ""


class LookRow(Row, table=True):
    """When a workitem is looked at again, until its result is queued or there is none."""

    __tablename__ = "result_look"

    workitem_uid: str = Field(primary_key=True)
    state: str = Field(default=LookState.AWAITED, index=True)
    next_at: str = ""
    looks: int = 0
    reason: str = ""


class AlertRow(Row, table=True):
    """An urgent result that a person has to acknowledge. ``reported`` counts what the operational log was told."""

    __tablename__ = "alert"

    number: int | None = Field(default=None, primary_key=True)
    workitem_uid: str = Field(index=True)
    order_number: int
    report_uid: str = ""
    why: str = ""
    raised_at: str
    escalated_at: str = ""
    acknowledged_at: str = Field(default="", index=True)
    acknowledged_by: str = ""
    raised_reported_at: str = ""
    acknowledged_reported_at: str = ""
