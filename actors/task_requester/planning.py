"""Let the workitems of an order become what is wanted now: in the store, in the caller's transaction.

What the Task Manager has to be told of it is done by `actors.task_requester.publishing`, as often as it takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlmodel import Session, col, select

from actors.task_requester.database import OrderRow, OrderState, WorkitemRow, WorkitemState
from actors.task_requester.revising import difference, replacing, with_readiness
from profiles.aiwi import with_patient, workitem_uid
from profiles.dicom import JsonDataset
from profiles.hl7 import ImagingOrder

#: DCM 110528 "Discontinued Procedure Step rescheduled" (orders.md 4.3, last paragraph).
RESCHEDULED = "110528"
#: DCM 110510 "Duplicate order".
DUPLICATE = "110510"
_OTHER_STUDY = "The order is about another study now."
_TWICE = "Two orders turned out to be the same one; it is done once."
#: Of a workitem that is not to be there: what is wanted instead of it.
NOTHING = "{}"
UNWANTED = "No rule asks for this workitem any more: the order or its images changed."


def workitems_of(session: Session, order_number: int) -> Sequence[WorkitemRow]:
    """All workitems of an order, by study, rule and revision."""
    found = select(WorkitemRow).where(WorkitemRow.order_number == order_number)
    return session.exec(found.order_by(WorkitemRow.study_uid, WorkitemRow.rule, col(WorkitemRow.revision))).all()


def dataset_of(content: str) -> JsonDataset:
    """A stored workitem as a dataset."""
    found: JsonDataset = orjson.loads(content)
    return found


def plan_workitems(session: Session, order: OrderRow, wanted: Sequence[WorkitemRow]) -> None:
    """Plan what is wanted of an order and is not there, and mark what differs.

    Args:
        session: writing.
        order: has been decided on.
        wanted: one row for each study and rule, of revision 1.
    """
    latest = _latest(workitems_of(session, order.number or 0))
    for row in wanted:
        known = latest.pop((row.study_uid, row.rule), None)
        if known is None:
            _first(session, order, row)
        else:
            _again(session, order, known, row)
    for row in latest.values():
        _unwanted(session, row)
    session.flush()


def next_revision(session: Session, order: OrderRow, known: WorkitemRow, content: str, *, replaces: str) -> WorkitemRow:
    """Plan the next workitem of a study and rule.

    Args:
        session: writing.
        order: of both.
        known: the latest of them so far.
        content: of the new one.
        replaces: UID of the one that it replaces, if any.
    """
    row = WorkitemRow(
        uid="",
        order_number=known.order_number,
        study_uid=known.study_uid,
        rule=known.rule,
        revision=known.revision + 1,
        replaces=replaces,
        content=_dumps(replacing(dataset_of(content), replaces)),
        state=WorkitemState.PLANNED,
        explanation=known.explanation,
        planned_at=order.updated_at,
        rerun=known.rerun,
    )
    _add(session, order, row)
    return row


def hold_workitems(session: Session, order_number: int) -> None:
    """Let nobody begin: the inputs of a held order are not final (orders.md 4.3 row HD; HL7-039)."""
    for row in workitems_of(session, order_number):
        if row.cancel_wanted or row.state not in {WorkitemState.PLANNED, WorkitemState.CREATED}:
            continue
        there = dataset_of(row.content)
        held = with_readiness(there, "INCOMPLETE")
        if row.state == WorkitemState.PLANNED:
            row.content = _dumps(held)
        else:
            row.wanted = _dumps(held) if held != there else ""
        session.add(row)


def readdress_workitems(session: Session, order_number: int, order: ImagingOrder) -> bool:
    """Want the workitems of an order for its patient as known now; nothing else about them is decided anew.

    Args:
        session: writing.
        order_number: of the order.
        order: for its present patient.

    Returns:
        Whether any differs.
    """
    found = False
    for row in workitems_of(session, order_number):
        if (
            row.cancel_wanted
            or row.wanted == NOTHING
            or row.state not in {WorkitemState.PLANNED, WorkitemState.CREATED}
        ):
            continue
        there = dataset_of(row.wanted or row.content)
        wanted = with_patient(there, order)
        if difference(there, wanted).kind == "none":
            continue
        found = True
        if row.state == WorkitemState.PLANNED:
            row.content = _dumps(wanted)
        else:
            row.wanted = _dumps(wanted)
        session.add(row)
    session.flush()
    return found


def withdraw_workitems(session: Session, order_number: int, reason: str, words: str) -> None:
    """Want no workitem of an order any more.

    Args:
        session: writing.
        order_number: of the order.
        reason: code of DCM (CID 9300).
        words: of the message (ORC-16).
    """
    for row in workitems_of(session, order_number):
        if not row.cancel_wanted:
            row.cancel_wanted, row.cancel_code, row.cancel_reason, row.wanted = True, reason, words[:1024], ""
            session.add(row)


def leave_study(session: Session, order_number: int, study_uid: str) -> None:
    """Want no workitem of a study that an order is about no more; those of its new study replace them."""
    for row in workitems_of(session, order_number):
        if row.study_uid == study_uid and not row.cancel_wanted:
            row.cancel_wanted, row.cancel_code, row.cancel_reason, row.wanted = True, RESCHEDULED, _OTHER_STUDY, ""
            session.add(row)


def join_workitems(session: Session, order_number: int, other_number: int) -> None:
    """Give an order the workitems of another one that turned out to be the same; nothing is to be done twice.

    Args:
        session: writing.
        order_number: of the order that stays.
        other_number: of the one that goes.
    """
    there = _latest(workitems_of(session, order_number))
    for row in workitems_of(session, other_number):
        known = there.get((row.study_uid, row.rule))
        if known and not known.cancel_wanted and not row.cancel_wanted:
            row.cancel_wanted, row.cancel_code, row.cancel_reason, row.wanted = True, DUPLICATE, _TWICE, ""
        row.order_number = order_number
        session.add(row)


def state_of(session: Session, order_number: int) -> OrderState:
    """How far the workitems of a decided order got; ``no-rule`` when there is none."""
    latest = _latest(workitems_of(session, order_number))
    live = [row for row in latest.values() if not row.cancel_wanted]
    if any(row.state == WorkitemState.PLANNED or row.wanted for row in live):
        return OrderState.PLANNED
    if any(row.state == WorkitemState.REFUSED for row in live):
        return OrderState.REFUSED
    return OrderState.PUBLISHED if live else OrderState.NO_RULE


def _latest(rows: Sequence[WorkitemRow]) -> dict[tuple[str, str], WorkitemRow]:
    """The workitem that counts, by study and rule: the last one that is wanted, else the last one."""
    by_weight = sorted(rows, key=lambda row: (not row.cancel_wanted, row.revision))
    return {(row.study_uid, row.rule): row for row in by_weight}


def _first(session: Session, order: OrderRow, row: WorkitemRow) -> None:
    """The workitem of an order that stands for another one, or of another study, replaces the earlier (HL7-040)."""
    theirs = [
        one
        for one in workitems_of(session, order.replaces or order.number or 0)
        if one.state == WorkitemState.CREATED and (order.replaces or one.cancel_reason == _OTHER_STUDY)
    ]
    if theirs:
        same = [one for one in theirs if one.rule == row.rule] or theirs
        row.replaces = same[-1].uid
        row.content = _dumps(replacing(dataset_of(row.content), row.replaces))
    _add(session, order, row)


def _again(session: Session, order: OrderRow, known: WorkitemRow, row: WorkitemRow) -> None:
    known.explanation, known.rerun = row.explanation, row.rerun
    session.add(known)
    if known.cancel_wanted or known.state == WorkitemState.WITHDRAWN:
        next_revision(session, order, known, row.content, replaces=known.uid * (known.state == WorkitemState.CREATED))
        return
    differs = difference(dataset_of(known.content), dataset_of(row.content)).kind != "none"
    if known.state == WorkitemState.CREATED:
        known.wanted = row.content if differs else ""
    elif differs:
        known.content = _dumps(replacing(dataset_of(row.content), known.replaces))
        known.state = WorkitemState.PLANNED


def _unwanted(session: Session, row: WorkitemRow) -> None:
    if row.state == WorkitemState.CREATED and not row.cancel_wanted:
        row.wanted = NOTHING
    elif row.state == WorkitemState.PLANNED:
        row.cancel_wanted, row.cancel_reason = True, UNWANTED
    session.add(row)


def _add(session: Session, order: OrderRow, row: WorkitemRow) -> None:
    """Under the UID that follows from order, study, rule and revision; the first revision that is free."""
    while True:
        row.uid = workitem_uid(order.key, row.study_uid, row.rule, row.revision)
        if session.get(WorkitemRow, row.uid) is None:
            break
        row.revision += 1
    session.add(row)
    session.flush()


def _dumps(content: JsonDataset) -> str:
    return orjson.dumps(content).decode()
