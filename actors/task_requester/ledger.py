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
    moment,
)
from actors.task_requester.patients import doubt, present_order
from actors.task_requester.planning import plan_workitems, readdress_workitems, state_of
from actors.task_requester.projection import BULK, Phase, doing
from actors.task_requester.recording import Effect, Told, record, stored_order
from profiles.hl7 import EntityIdentifier, ImagingOrder, parse_timestamp
from profiles.hl7.notices import Notice

_AWAITING = (OrderState.PENDING, OrderState.MISMATCH)
#: Decided on; more images may come.
LATE = (OrderState.NO_RULE, OrderState.PUBLISHED)
_OPEN = (*_AWAITING, *LATE)


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


def told_by_notice(notice: Notice, received_at: str) -> Told:
    """What a message tells of an order though it orders nothing."""
    return Told(notice.order, notice.action, "hl7", notice.time or datetime.fromisoformat(received_at))


def patient_changed(session: Session, identifiers: Sequence[EntityIdentifier], at: str) -> int:
    """Let the orders of these patient identifiers follow, as demographics or the identifier changed.

    Those that wait are looked at anew. The workitems of those that were decided on are wanted for the patient as known
    now, and for nothing else: old studies are not decided anew because a patient has another name.

    Returns:
        How many active orders there are.
    """
    values = [one.value for one in identifiers]
    found = select(OrderRow).where(col(OrderRow.patient_id).in_(values), OrderRow.phase == Phase.ACTIVE)
    rows = [
        row
        for row in session.exec(found.order_by(col(OrderRow.number)).with_for_update())
        if any(one.same_as(stored_order(row).patient.identifier) for one in identifiers)
    ]
    for row in rows:
        row.updated_at = at
        if row.state in _AWAITING:
            row.state = OrderState.PENDING
        elif readdress_workitems(session, row.number or 0, present_order(session, stored_order(row))):
            row.state = OrderState.PLANNED
        session.add(row)
    return len(rows)


class Ledger:
    """What the other parts of the Task Requester ask of the order store.

    Args:
        database: the store.
        clock: the present, timezone-aware.
        reopen_seconds: as for `actors.task_requester.recording.record`.
    """

    def __init__(
        self, database: Database, clock: Any = lambda: datetime.now(UTC), *, reopen_seconds: float = 0.0
    ) -> None:
        self.database, self.clock, self._reopen_seconds = database, clock, reopen_seconds

    def record(self, *told: Told) -> list[Effect]:
        """Record events in a transaction of their own (`actors.task_requester.recording.record`).

        Raises:
            MessageRefused: code 205 when one gives a known accession number or study to another patient.
            Unavailable: the store cannot be written; nothing was recorded.
        """
        with self.database.write() as session:
            return record(session, told, received_at=self.clock(), reopen_seconds=self._reopen_seconds)

    def awaiting(self, late_since: datetime) -> list[int]:
        """Numbers of the orders that images are looked for, oldest first.

        Args:
            late_since: orders that were decided on later than this are among them: more images may come.

        Returns:
            Those whose study is awaited, that found images of another patient only, or that late images may come for.
        """
        late = and_(
            col(OrderRow.state).in_(LATE),
            col(OrderRow.images_complete_at) > moment(late_since),
            col(OrderRow.origin) != BULK,  # of studies that were complete long ago
        )
        with self.database.read() as session:
            found = select(OrderRow.number).where(or_(col(OrderRow.state).in_(_AWAITING), late))
            return [number or 0 for number in session.exec(found.order_by(col(OrderRow.number)))]

    def order(self, number: int) -> OrderRow:
        """One order as it stands now."""
        with self.database.read() as session:
            return session.get_one(OrderRow, number)

    def content(self, row: OrderRow) -> ImagingOrder:
        """What an order says, for its patient as known now."""
        with self.database.read() as session:
            return present_order(session, stored_order(row))

    def doubt(self, row: OrderRow, *, must_be_registered: bool) -> str:
        """Why a person has to look before anything is done for an order's patient; empty when nobody has to."""
        with self.database.read() as session:
            return doubt(session, stored_order(row), must_be_registered=must_be_registered)

    def mismatch(self, order_number: int, explanation: str) -> bool:
        """Note that the patient is in doubt; False when that was known, or the order is awaited no more."""
        with self.database.write() as session:
            row = self._locked(session, order_number)
            if row.state != OrderState.PENDING:
                return False
            row.state, row.explanation, row.updated_at = OrderState.MISMATCH, explanation, moment(self.clock())
            session.add(row)
            return True

    def plan(self, order: OrderRow, workitems: Sequence[WorkitemRow], images: ImagesComplete, explanation: str) -> bool:
        """Make an order's outcome durable: the workitems that are wanted, or that no rule asks for one.

        Args:
            order: as it was when it was decided on.
            workitems: those that are wanted now, each as the first of its study and rule; none when no rule matched.
            images: the images that it was decided on.
            explanation: why.

        Returns:
            False when the order is awaited no more, or became another meanwhile: then it is decided anew.
        """
        with self.database.write() as session:
            row = self._locked(session, order.number or 0)
            if row.state not in _OPEN or row.updated_at != order.updated_at:
                return False
            row.updated_at = moment(self.clock())
            plan_workitems(session, row, workitems)
            row.state, row.explanation = state_of(session, row.number or 0), explanation
            if row.image_count != images.count:
                row.images_reported_at = ""
            row.images_complete_at, row.image_count = images.at, images.count
            row.study_uid = row.study_uid or images.study_uid
            session.add(row)
            return True

    def expire(self, order_number: int, explanation: str) -> bool:
        """Note that images of an order are awaited no more; False when it is not awaited any way."""
        with self.database.write() as session:
            row = self._locked(session, order_number)
            if row.state != OrderState.PENDING:
                return False
            row.state, row.explanation, row.updated_at = OrderState.EXPIRED, explanation, moment(self.clock())
            session.add(row)
            return True

    def _locked(self, session: Session, number: int) -> OrderRow:
        return session.exec(select(OrderRow).where(OrderRow.number == number).with_for_update()).one()
