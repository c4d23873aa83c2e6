"""The ledger of messages and orders: what a message says is projected onto the orders, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, and_, col, or_, select

from actors.task_requester.database import (
    Database,
    MessageRow,
    OrderRow,
    OrderState,
    WorkitemRow,
    WorkitemState,
    moment,
)
from actors.task_requester.projection import Phase, doing
from actors.task_requester.recording import Effect, Told, record, stored_order
from profiles.hl7 import EntityIdentifier, ImagingOrder, parse_timestamp

_AWAITING = (OrderState.PENDING, OrderState.MISMATCH)
_OPEN = (*_AWAITING, OrderState.NO_RULE)


@dataclass(frozen=True, slots=True)
class ImagesComplete:
    """When the images of an order were complete (ISO 8601), how many there are, and in which study."""

    at: str
    count: int
    study_uid: str


def earlier_message(session: Session, sender: str, control_id: str, content_hash_: str) -> MessageRow | None:
    """The same message, received before (same MSH-3, MSH-4, MSH-10 and content; HL7-029)."""
    found = select(MessageRow).where(
        MessageRow.sender == sender, MessageRow.control_id == control_id, MessageRow.content_hash == content_hash_
    )
    return session.exec(found).first()


def control_id_used(session: Session, sender: str, control_id: str) -> bool:
    """Whether an accepted message of that sender had this control id."""
    found = select(MessageRow.number).where(
        MessageRow.sender == sender, MessageRow.control_id == control_id, MessageRow.answer_code == "AA"
    )
    return session.exec(found).first() is not None


def told_by(orders: Sequence[ImagingOrder], received_at: str) -> list[Told]:
    """What the orders of an HL7 message tell; when is in ORC-9, else MSH-7, else it is the time of receipt."""
    received = datetime.fromisoformat(received_at)
    return [
        Told(
            order,
            doing(order.control, order.status).action,
            "hl7",
            parse_timestamp(order.transaction_time, UTC) or received,
        )
        for order in orders
    ]


def patient_changed(session: Session, identifiers: Sequence[EntityIdentifier], at: str) -> int:
    """Have the orders of these patient identifiers decided anew, as demographics or the identifier changed.

    Returns:
        How many active orders there are.
    """
    values = [one.value for one in identifiers]
    found = select(OrderRow).where(col(OrderRow.patient_id).in_(values), OrderRow.phase == Phase.ACTIVE)
    rows = [
        row
        for row in session.exec(found.with_for_update())
        if any(one.same_as(stored_order(row).patient.identifier) for one in identifiers)
    ]
    for row in rows:
        row.state, row.updated_at = OrderState.PENDING, at
        session.add(row)
    return len(rows)


class Ledger:
    """What the other parts of the Task Requester ask of the order store.

    Args:
        database: the store.
        clock: the present, timezone-aware.
    """

    def __init__(self, database: Database, clock: Any = lambda: datetime.now(UTC)) -> None:
        self.database, self.clock = database, clock

    def record(self, *told: Told) -> list[Effect]:
        """Record events in a transaction of their own (`actors.task_requester.recording.record`).

        Raises:
            MessageRefused: code 205 when one gives a known accession number or study to another patient.
            Unavailable: the store cannot be written; nothing was recorded.
        """
        with self.database.write() as session:
            return record(session, told, received_at=self.clock())

    def awaiting(self, late_since: datetime) -> list[int]:
        """Numbers of the orders that images are looked for, oldest first.

        Args:
            late_since: orders that no rule wanted are among them when they were decided later than this.

        Returns:
            Those whose study is awaited, that found images of another patient only, or that late images may come for.
        """
        late = and_(OrderRow.state == OrderState.NO_RULE, col(OrderRow.images_complete_at) > moment(late_since))
        with self.database.read() as session:
            found = select(OrderRow.number).where(or_(col(OrderRow.state).in_(_AWAITING), late))
            return [number or 0 for number in session.exec(found.order_by(col(OrderRow.number)))]

    def order(self, number: int) -> OrderRow:
        """One order as it stands now."""
        with self.database.read() as session:
            return session.get_one(OrderRow, number)

    def mismatch(self, order_number: int, explanation: str) -> bool:
        """Note that the images are of another patient; False when that was known, or the order is awaited no more."""
        with self.database.write() as session:
            row = session.get_one(OrderRow, order_number)
            if row.state != OrderState.PENDING:
                return False
            row.state, row.explanation, row.updated_at = OrderState.MISMATCH, explanation, moment(self.clock())
            session.add(row)
            return True

    def plan(
        self, order_number: int, workitems: Sequence[WorkitemRow], images: ImagesComplete, explanation: str
    ) -> bool:
        """Make an order's outcome durable: its workitems, or that no rule asks for one.

        Args:
            order_number: of the order.
            workitems: to be created; none when no rule matched.
            images: the images that it was decided on.
            explanation: why.

        Returns:
            False when the order is awaited no more: it was cancelled meanwhile.
        """
        with self.database.write() as session:
            row = session.get_one(OrderRow, order_number)
            if row.state not in _OPEN:
                return False
            for workitem in workitems:
                if session.get(WorkitemRow, workitem.uid) is None:
                    session.add(workitem)
            open_ = {WorkitemState.PLANNED: OrderState.PLANNED, WorkitemState.REFUSED: OrderState.REFUSED}
            states = [session.get_one(WorkitemRow, one.uid).state for one in workitems]
            row.state = next((open_[one] for one in open_ if one in states), OrderState.PUBLISHED)
            row.state = row.state if workitems else OrderState.NO_RULE
            row.explanation = explanation
            if row.image_count != images.count:
                row.images_reported_at = ""
            row.images_complete_at, row.image_count = images.at, images.count
            row.study_uid = row.study_uid or images.study_uid
            row.updated_at = moment(self.clock())
            session.add(row)
            return True
