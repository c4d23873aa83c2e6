"""Make all orders anew from what was received: the messages as they came, and the events that came otherwise (HL7-077).

Orders are projections, so they can be dropped. What stays is what was received, what became of the orders' studies, and
the workitems, which exist elsewhere too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, inspect, text, update
from sqlmodel import Session, col, select

from actors.shared.logs import get_logger
from actors.task_requester.database import Database, MessageRow, OrderEventRow, OrderKeyRow, OrderRow, WorkitemRow
from actors.task_requester.ledger import told_by, told_by_notice
from actors.task_requester.patients import IGNORED, filled_in
from actors.task_requester.projection import Phase, same_order
from actors.task_requester.recording import Told, record, stored_order
from actors.task_requester.settings import Settings
from profiles.hl7 import MessageRefused, message_handling, orders_from, read
from profiles.hl7.dialect_file import translated
from profiles.hl7.notices import notice_of

_DECIDED = ("images_complete_at", "images_reported_at", "image_count")
_PHASES = frozenset(str(phase) for phase in Phase)
_log = get_logger(__name__)


def reproject(database: Database, settings: Settings | None = None) -> int:
    """Drop the orders and make them anew, in one transaction.

    Args:
        database: the store; nobody else writes to it meanwhile.
        settings: how messages are read; the defaults when not given.

    Returns:
        How many orders there are.
    """
    with database.write() as session:
        return _reproject(session, settings or Settings())


def needs_events(database: Database) -> bool:
    """Whether the store has orders without events: it is of layout 1."""
    with database.read() as session:
        return session.exec(select(OrderRow.number).where(OrderRow.phase == "")).first() is not None


def _reproject(session: Session, settings: Settings) -> int:
    reopen_seconds = settings.reopen_seconds
    reported = _reported(session)
    earlier = list(session.exec(select(OrderRow)))
    events = list(session.exec(select(OrderEventRow).where(OrderEventRow.message_number == 0)))
    for row in [*earlier, *events]:
        session.expunge(row)
    workitems = {row.uid: row.order_number for row in session.exec(select(WorkitemRow))}
    session.connection().execute(update(WorkitemRow).values(order_number=0))
    for table in (OrderRow, OrderEventRow, OrderKeyRow):
        session.connection().execute(delete(table))
    session.expire_all()
    for received_at, number, told in sorted(_received(session, events, settings), key=lambda one: one[:2]):
        try:
            with session.begin_nested():
                record(session, told, received_at=received_at, message_number=number, reopen_seconds=reopen_seconds)
        except MessageRefused as error:  # it was taken by the rules of its time
            _log.warning("message-not-replayed", message=str(number), reason=error.message)
    made = list(session.exec(select(OrderRow)))
    for row in earlier:
        for new in [one for one in made if same_order([stored_order(row)], stored_order(one))]:
            _take_over(session, row, new, reported.get(row.number or 0, ""))
            ours = [uid for uid, number in workitems.items() if number == row.number]
            session.connection().execute(
                update(WorkitemRow).where(col(WorkitemRow.uid).in_(ours)).values(order_number=new.number)
            )
    return len(made)


def _received(
    session: Session, events: Sequence[OrderEventRow], settings: Settings
) -> Iterator[tuple[str, int, list[Told]]]:
    """Everything that was taken, by its time and the number of its message."""
    for event in events:
        time = datetime.fromisoformat(event.event_time)
        yield event.received_at, 0, [Told(stored_order(event), event.action, event.origin, time)]
    for row in session.exec(select(MessageRow).where(MessageRow.answer_code == "AA")):
        message = translated(read(row.content, settings.of(row.sender).default_charset), settings.dialects)
        handling, received = message_handling(message), datetime.fromisoformat(row.received_at)
        notice = notice_of(message, received) if handling == "notice" else None
        if notice:
            order = filled_in(notice.order, settings)
            yield row.received_at, row.number or 0, [told_by_notice(replace(notice, order=order), row.received_at)]
        if handling == "order" and IGNORED not in row.note:
            orders = [filled_in(order, settings) for order in orders_from(message, received)]
            yield row.received_at, row.number or 0, told_by(orders, row.received_at)


def _reported(session: Session) -> dict[int, str]:
    """When the operational log was told of each order."""
    table = "order_message" if inspect(session.connection()).has_table("order_message") else "order_event"
    said = session.connection().execute(text(f"SELECT order_number, reported_at FROM {table}"))  # noqa: S608  # ours
    return {number: at for number, at in said if at not in {"", "-"}}


def _take_over(session: Session, row: OrderRow, new: OrderRow, reported_at: str) -> None:
    """What became of an order is no projection; an order that is waited for no more stays decided."""
    for name in _DECIDED:
        setattr(new, name, getattr(row, name))
    if new.phase == Phase.ACTIVE and row.state not in _PHASES:
        new.state, new.explanation = row.state, row.explanation
    session.add(new)
    if reported_at:
        unreported = update(OrderEventRow).where(
            col(OrderEventRow.order_number) == new.number, col(OrderEventRow.reported_at) == ""
        )
        session.connection().execute(unreported.values(reported_at=reported_at))
