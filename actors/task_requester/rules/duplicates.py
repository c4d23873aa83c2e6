"""Whether a rule has made its workitem already, for another order (``once_per``)."""

from __future__ import annotations

from dataclasses import replace

from sqlmodel import Session, col, select

from actors.task_requester.database import OrderRow, WorkitemRow, WorkitemState
from actors.task_requester.projection import BULK
from actors.task_requester.rules.deciding import Decision
from actors.task_requester.rules.model import OncePer


def suppress(session: Session, decision: Decision, order: OrderRow, study_uid: str, today: str) -> Decision:
    """The decision, or that nothing is to be made because another order has the workitem.

    Args:
        session: reading.
        decision: matches.
        order: that is decided on.
        study_uid: of its images.
        today: ``YYYY-MM-DD`` in UTC, the day of the decision.
    """
    often = decision.rule.once_per
    if not decision.matches or often is OncePer.ORDER:
        return decision
    others = select(WorkitemRow).where(
        WorkitemRow.rule == decision.rule.name,
        WorkitemRow.order_number != order.number,
        col(WorkitemRow.cancel_wanted).is_(False),
        col(WorkitemRow.state).not_in([WorkitemState.WITHDRAWN, WorkitemState.REFUSED]),
    )
    if order.origin != BULK:  # research takes nothing from a patient's care
        in_bulk = select(OrderRow.number).where(OrderRow.origin == BULK)
        others = others.where(col(WorkitemRow.order_number).not_in(in_bulk))
    if often is OncePer.STUDY:
        others = others.where(WorkitemRow.study_uid == study_uid)
    else:
        theirs = select(OrderRow.number).where(OrderRow.patient_id == order.patient_id)
        others = others.where(col(WorkitemRow.order_number).in_(theirs))
    if often is OncePer.PATIENT_DAY:
        others = others.where(col(WorkitemRow.planned_at).startswith(today))
    known = session.exec(others).first()
    if known is None or (often is not OncePer.STUDY and not order.patient_id):
        return decision
    words = f"rule {decision.rule.name}: no, once per {often}, and workitem {known.uid} of another order is it"
    return replace(decision, matches=False, series=(), priors=(), explanation=words)
