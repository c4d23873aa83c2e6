"""What a person does about messages that wait: look, send again, withdraw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from actors.task_requester.database import Database, moment
from actors.task_requester.results_back.fhir import fhir_withdrawal
from actors.task_requester.results_back.store import (
    RESULT_CHANNELS,
    AlertRow,
    Channel,
    LookRow,
    LookState,
    MessageState,
    OutgoingRow,
)
from actors.task_requester.results_back.telling import derived_id, withdrawal
from profiles.errors import Conflict, NotFound
from profiles.hl7 import format_timestamp

_SHOWN = ("number", "channel", "control_id", "workitem_uid", "state", "reason", "attempts", "created_at", "sent_at")


@dataclass(frozen=True, slots=True)
class Desk:
    """The outgoing messages of one order store, for a person; the Task Requester may be using it.

    Args:
        database: the order store.
        clock: the present, timezone-aware.
    """

    database: Database
    clock: Callable[[], datetime]

    def messages(self, *, every: bool = False) -> list[dict[str, Any]]:
        """Messages that wait or are parked, or all; without their content, which is about patients."""
        wanted = select(OutgoingRow).order_by(col(OutgoingRow.number))
        if not every:
            wanted = wanted.where(OutgoingRow.state != MessageState.SENT)
        with self.database.read() as session:
            return [{name: getattr(row, name) for name in _SHOWN} for row in session.exec(wanted)]

    def untold(self) -> list[dict[str, Any]]:
        """Completed workitems whose result could not be made a message, with the reason."""
        with self.database.read() as session:
            rows = session.exec(select(LookRow).where(LookRow.state == LookState.PARKED))
            return [{"workitem_uid": row.workitem_uid, "reason": row.reason} for row in rows]

    def alerts(self, *, every: bool = False) -> list[dict[str, Any]]:
        """Alerts that wait for a person, or all."""
        wanted = select(AlertRow).order_by(col(AlertRow.number))
        if not every:
            wanted = wanted.where(AlertRow.acknowledged_at == "")
        with self.database.read() as session:
            return [row.model_dump() for row in session.exec(wanted)]

    def resend(self, number: int) -> None:
        """Let a parked message be sent again as it is, unless a later result of the same order and rule was sent.

        Raises:
            NotFound: there is no such message.
            Conflict: it is not parked, or a later one was sent.
        """
        with self.database.write() as session:
            row = _message(session, number)
            if row.state != MessageState.PARKED:
                raise Conflict(f"Message {number} is {row.state}; only a parked one is sent again.")
            later = select(OutgoingRow.number).where(
                OutgoingRow.channel == row.channel,
                OutgoingRow.order_number == row.order_number,
                OutgoingRow.rule == row.rule,
                OutgoingRow.state == MessageState.SENT,
                col(OutgoingRow.number) > number,
            )
            if found := session.exec(later).first():
                raise Conflict(f"Message {found} of the same order was sent since; an older result must not follow it.")
            row.state, row.next_at = MessageState.WAITING, ""
            session.add(row)

    def look_again(self, workitem_uid: str) -> None:
        """Read the result of a workitem again that could not be told.

        Raises:
            NotFound: no result of such a workitem waits for a person.
        """
        with self.database.write() as session:
            row = session.get(LookRow, workitem_uid)
            if row is None or row.state != LookState.PARKED:
                raise NotFound(f"No result of workitem {workitem_uid} waits for a person.")
            row.state, row.next_at, row.looks = LookState.AWAITED, "", 0
            session.add(row)

    def withdraw(self, number: int) -> str:
        """Take a result back that was sent (HL7-072).

        Returns:
            The control id of the message that does so.

        Raises:
            NotFound: there is no such message.
            Conflict: it is no result that was sent, or it is withdrawn already.
        """
        now = self.clock()
        with self.database.write() as session:
            row = _message(session, number)
            if row.channel not in RESULT_CHANNELS or row.state != MessageState.SENT:
                raise Conflict(f"Message {number} is no result that was sent, so there is nothing to withdraw.")
            content, control_id = _withdrawal(row, now)
            known = select(OutgoingRow.number).where(OutgoingRow.control_id == control_id)
            if session.exec(known).first() is not None:
                raise Conflict(f"Message {number} is withdrawn already.")
            # tried before, as it were: it speaks of the patient as the withdrawn message did, whatever changed since
            session.add(
                OutgoingRow(
                    **row.model_dump(include={"channel", "workitem_uid", "order_number", "rule", "patient"}),
                    control_id=control_id,
                    content=content,
                    attempts=1,
                    created_at=moment(now),
                )
            )
        return control_id


def _withdrawal(row: OutgoingRow, now: datetime) -> tuple[bytes, str]:
    """What takes a message back, and its control id."""
    if row.channel == Channel.RESULTS:
        return withdrawal(row.content, format_timestamp(now))
    return fhir_withdrawal(row.content), derived_id("withdrawal", row.control_id)


def _message(session: Session, number: int) -> OutgoingRow:
    row = session.exec(select(OutgoingRow).where(OutgoingRow.number == number).with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no outgoing message {number}; `stepwell outgoing list --all` lists them.")
    return row
