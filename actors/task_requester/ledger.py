"""The ledger of messages and orders: what a message says is projected onto the orders, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Session, and_, col, or_, select

from actors.task_requester.database import (
    Database,
    MessageRow,
    OrderMessageRow,
    OrderRow,
    OrderState,
    WorkitemRow,
    moment,
)
from actors.task_requester.projection import Known, content_hash, other_patient, project, same_order
from profiles.hl7 import ImagingOrder, MessageFinding, MessageRefused, order_action, parse_timestamp

_ORDER = TypeAdapter(ImagingOrder)
_NO_REPORT = "-"
_AWAITING = (OrderState.PENDING, OrderState.MISMATCH)
_OPEN = (*_AWAITING, OrderState.NO_RULE)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a message did to one order."""

    accession: str
    study_uid: str
    state: str
    words: str


@dataclass(frozen=True, slots=True)
class ImagesComplete:
    """When the images of an order were complete (ISO 8601), how many there are, and in which study."""

    at: str
    count: int
    study_uid: str


def stored_order(row: OrderRow) -> ImagingOrder:
    """The order of a row as a value."""
    return _ORDER.validate_json(row.content)


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


def apply_order(session: Session, order: ImagingOrder, message: MessageRow) -> list[Effect]:
    """Project one order of a message onto the store.

    Raises:
        MessageRefused: code 205 when it gives a known accession number or study to another patient.
    """
    action = order_action(order.control, order.status) or "note"
    if action == "note":
        return [Effect(order.accession.value, order.study_instance_uid, "", "noted")]
    candidates = _candidates(session, order)
    for row in candidates:
        if other_patient(stored_order(row), order):
            raise _other_patient()
    rows = [row for row in candidates if same_order(stored_order(row), order)]
    if not rows:
        return [_insert(session, order, action, message)]
    return [_change(session, row, order, action, message) for row in rows]


def _candidates(session: Session, order: ImagingOrder) -> Sequence[OrderRow]:
    keys: list[Any] = [
        column == value
        for column, value in (
            (col(OrderRow.filler), order.filler.value),
            (col(OrderRow.placer), order.placer.value),
            (col(OrderRow.accession), order.accession.value),
            (col(OrderRow.study_uid), order.study_instance_uid),
        )
        if value
    ]
    return session.exec(select(OrderRow).where(or_(*keys)).order_by(col(OrderRow.number))).all() if keys else []


def _other_patient() -> MessageRefused:
    message = "The accession number or the study belongs to an order for another patient."
    remedy = "Correct the patient identifier or the accession number; a person has to look."
    return MessageRefused([MessageFinding("OBR-18", message, "HL7-053 (HL7 table 0357 code 205)", remedy, 205)])


def _usable(order: ImagingOrder) -> bool:
    return bool(order.patient.identifier) and bool(order.accession or order.study_instance_uid)


def _event_time(order: ImagingOrder, message: MessageRow) -> str:
    found = parse_timestamp(order.transaction_time, UTC)
    return moment(found) if found else message.received_at


def _insert(session: Session, order: ImagingOrder, action: str, message: MessageRow) -> Effect:
    change = project(None, action, _usable(order))
    row = OrderRow(
        key=order.key,
        content="",
        state=change.state,
        explanation=change.effect,
        message_number=message.number or 0,
        received_at=message.received_at,
        updated_at=message.received_at,
    )
    _take_content(row, order)
    row.complete = change.state is OrderState.PENDING
    row.event_time = _event_time(order, message)
    session.add(row)
    session.flush()
    _link(session, row, order, message, change.effect, report=change.state is OrderState.PENDING)
    return Effect(row.accession, row.study_uid, row.state, change.effect)


def _change(session: Session, row: OrderRow, order: ImagingOrder, action: str, message: MessageRow) -> Effect:
    event_time = _event_time(order, message)
    known = Known(
        OrderState(row.state), row.complete, row.content_hash == content_hash(order), event_time > row.event_time
    )
    change = project(known, action, _usable(order))
    arrived = not row.complete and change.state is OrderState.PENDING
    if change.take_content:
        _take_content(row, order)
        row.event_time = max(row.event_time, event_time)
    if change.state != row.state:
        row.explanation = change.effect
    if change.state is OrderState.CANCELED and row.state != OrderState.CANCELED:
        _withdraw_workitems(session, row, order)
        row.event_time = max(row.event_time, event_time)
    row.complete = row.complete or arrived
    row.state = change.state
    row.updated_at = message.received_at
    session.add(row)
    _link(session, row, order, message, change.effect, report=arrived)
    return Effect(row.accession, row.study_uid, row.state, change.effect)


def _take_content(row: OrderRow, order: ImagingOrder) -> None:
    row.placer, row.filler = order.placer.value or row.placer, order.filler.value or row.filler
    row.accession = order.accession.value or row.accession
    row.study_uid = order.study_instance_uid or row.study_uid
    row.patient_id = order.patient.identifier.value or row.patient_id
    row.content = _ORDER.dump_json(order).decode()
    row.content_hash = content_hash(order)


def _withdraw_workitems(session: Session, row: OrderRow, order: ImagingOrder) -> None:
    for workitem in session.exec(select(WorkitemRow).where(WorkitemRow.order_number == row.number)):
        workitem.cancel_wanted = True
        workitem.cancel_reason = order.cancel_reason[:1024]
        session.add(workitem)


def _link(
    session: Session, row: OrderRow, order: ImagingOrder, message: MessageRow, effect: str, *, report: bool
) -> None:
    link = OrderMessageRow(
        order_number=row.number or 0,
        message_number=message.number or 0,
        control=order.control,
        effect=effect,
        reported_at="" if report else _NO_REPORT,
    )
    session.add(link)


class Ledger:
    """What the other parts of the Task Requester ask of the order store.

    Args:
        database: the store.
        clock: the present, timezone-aware.
    """

    def __init__(self, database: Database, clock: Any = lambda: datetime.now(UTC)) -> None:
        self.database, self.clock = database, clock

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
            row.state = OrderState.PLANNED if workitems else OrderState.NO_RULE
            row.explanation = explanation
            if row.image_count != images.count:
                row.images_reported_at = ""
            row.images_complete_at, row.image_count = images.at, images.count
            row.study_uid = row.study_uid or images.study_uid
            row.updated_at = moment(self.clock())
            session.add(row)
            return True
