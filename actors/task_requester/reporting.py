"""Tell the operational log what happened, derived from the order store (design decision D13).

What is still to be told stands in the store until the reporter's spool has it, so a crash loses nothing; the ids of the
events do not change when they are told again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Protocol

from sqlmodel import col, select

from actors.shared.steps import reached
from actors.task_requester.database import Database, OrderEventRow, OrderRow, moment
from actors.task_requester.recording import stored_order
from actors.task_requester.steps import Step
from profiles.aiwi import priority_of
from profiles.sole.event import OperationalEvent, Thread


class Reporter(Protocol):
    """Where events go; what it returns from has been made durable."""

    def report(self, event: OperationalEvent) -> object:
        """Take one event."""


@dataclass(frozen=True, slots=True)
class OrderLog:
    """Reports ``order-received`` once per order, and ``images-available`` when its study is complete.

    An order that has the filler's number and its accession number by then is filled, too (sole.md 5.2).

    Images that come after no rule wanted the study are reported with the new number.

    Args:
        database: the order store.
        reporter: takes the events.
        clock: the present, timezone-aware.
        turn: one teller at a time.
    """

    database: Database
    reporter: Reporter
    clock: Callable[[], datetime]
    turn: Lock

    def tell(self) -> None:
        """Report what is due now."""
        with self.turn:
            self._tell_orders()
            self._tell_images()

    def _tell_orders(self) -> None:
        with self.database.read() as session:
            due = (
                select(OrderEventRow, OrderRow)
                .join(OrderRow, col(OrderRow.number) == col(OrderEventRow.order_number))
                .where(OrderEventRow.reported_at == "")
                .order_by(col(OrderEventRow.number))
            )
            found = list(session.exec(due))
        for told, order in found:
            at = datetime.fromisoformat(told.received_at)
            occurrence = stored_order(told).control_id or told.received_at
            self.reporter.report(_event("order-received", at, order, occurrence))
            if order.filler and order.accession:
                self.reporter.report(_event("order-filled", at, order, occurrence))
            with self.database.write() as session:
                row = session.get_one(OrderEventRow, told.number)
                row.reported_at = moment(self.clock())
                session.add(row)
            reached(Step.ORDER_REPORTED, accession=order.accession, study=order.study_uid)

    def _tell_images(self) -> None:
        with self.database.read() as session:
            due = select(OrderRow).where(OrderRow.images_complete_at != "", OrderRow.images_reported_at == "")
            found = list(session.exec(due.order_by(col(OrderRow.number))))
        for order in found:
            at = datetime.fromisoformat(order.images_complete_at)
            self.reporter.report(_event("images-available", at, order, order.images_complete_at, order.image_count))
            with self.database.write() as session:
                row = session.get_one(OrderRow, order.number)
                if row.images_complete_at == order.images_complete_at:  # else more images came meanwhile
                    row.images_reported_at = moment(self.clock())
                    session.add(row)
            reached(Step.IMAGES_REPORTED, accession=order.accession, study=order.study_uid)


def _event(step: str, at: datetime, order: OrderRow, occurrence: str, images: int | None = None) -> OperationalEvent:
    content = stored_order(order)
    details = {
        "Priority": priority_of(content.priority),
        "Modality": next((one.modality for one in content.steps if one.modality), ""),
        "PlaceOfService": content.patient_class,
    }
    if images is not None:
        details["InstanceCount"] = str(images)
    return OperationalEvent(
        step=step,
        at=at,
        thread=Thread(
            patient_id=content.patient.cx,
            accession_number=order.accession,
            placer_order_number=order.placer,
            filler_order_number=order.filler,
            study_instance_uid=order.study_uid,
        ),
        occurrence=occurrence,
        details={name: value for name, value in details.items() if value},
    )
