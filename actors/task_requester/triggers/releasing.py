"""Let bulk requests go on as far as clinical work leaves room, and see how they end.

A study whose turn has come becomes an order of its own (`BULK`); whatever belongs to the care of its patient is left
alone. So many of their workitems at most are open at a time, and none is asked for while clinical ones wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlmodel import Session, col, select

from actors.shared.logs import get_logger
from actors.task_requester.amending import GONE
from actors.task_requester.database import Database, OrderRow, OrderState, WorkitemRow, WorkitemState, moment
from actors.task_requester.images import ImageSource
from actors.task_requester.planning import DUPLICATE, withdraw_workitems, workitems_of
from actors.task_requester.projection import BULK
from actors.task_requester.recording import Told, record
from actors.task_requester.triggers.bulk import BulkRow, BulkStudyRow, StudyState, awaited_order, workitem_of_rule
from actors.task_requester.triggers.reading import order_of_study
from actors.task_requester.triggers.settings import Bulk
from profiles.dicom import JsonDataset, dicom_datetime, items, text
from profiles.errors import NotFound, StepwellError
from profiles.hl7 import MessageRefused

_GIVE_UP = timedelta(hours=1)
_LOOKED_AT = 50
_UNDECIDED = frozenset({OrderState.PENDING, OrderState.INCOMPLETE, OrderState.MISMATCH, OrderState.HELD})
_ORDERED_MEANWHILE = "Its workitem was ordered meanwhile, so it is not done a second time."
_log = get_logger(__name__)


class Worklist(Protocol):
    """The part of the Task Manager's client that is needed here."""

    def retrieve(self, uid: str) -> JsonDataset:
        """The workitem; raises NotFound."""

    def search(
        self, matches: Mapping[str, str] | None = None, *, limit: int | None = None, includefield: str = "all"
    ) -> list[JsonDataset]:
        """The workitems that match."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a study of a bulk request ended, and why when it did not go well."""

    state: StudyState
    reason: str = ""


def room(open_: int, waiting: int, settings: Bulk) -> int:
    """How many more may be asked for.

    Args:
        open_: workitems of bulk requests that have not ended.
        waiting: other workitems that a performer could begin now.
        settings: the limits.
    """
    return max(0, settings.open_workitems - open_) if waiting <= settings.clinical_waiting else 0


def outcome_of(
    order: OrderRow, workitem: WorkitemRow | None, ups_state: str, now: datetime, why: str = ""
) -> Outcome | None:
    """How a study ended; None while it goes on.

    Args:
        order: of the study.
        workitem: the latest one of it.
        ups_state: of the workitem; empty when it was not created yet.
        now: the present, timezone-aware.
        why: Reason For Cancellation of the workitem.
    """
    if workitem and ups_state:
        return _ended(workitem, ups_state, why)
    if workitem and workitem.state == WorkitemState.PLANNED:
        return None
    if workitem or order.state != OrderState.PENDING:
        return Outcome(StudyState.NOT_MADE, (workitem or order).explanation)
    has_waited = now - datetime.fromisoformat(order.received_at)
    gone = Outcome(StudyState.NOT_MADE, "its images did not stand still, or are gone")
    return gone if has_waited > _GIVE_UP else None


def _ended(workitem: WorkitemRow, ups_state: str, why: str) -> Outcome | None:
    if ups_state == "COMPLETED":
        return Outcome(StudyState.COMPLETED)
    reason = workitem.cancel_reason or why or f"the workitem is {ups_state}"
    return Outcome(StudyState.CANCELED, reason) if ups_state in {"CANCELED", GONE} else None


class Releaser:
    """Looks after all bulk requests of one store.

    Args:
        database: the order store.
        archive: has the studies.
        worklist: the Task Manager.
        settings: the limits.
        clock: the present, timezone-aware.
        monotonic: seconds that never go backwards.
    """

    def __init__(
        self,
        database: Database,
        archive: ImageSource,
        worklist: Worklist,
        settings: Bulk,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._database, self._archive, self._worklist, self._settings = database, archive, worklist, settings
        self._clock, self._monotonic = clock, monotonic
        self._next, self._is_stuck = 0.0, False

    def look(self) -> int:
        """Settle what has ended and ask for what there is room for, when it is time; returns how many that were."""
        if self._monotonic() < self._next:
            return 0
        self._next = self._monotonic() + self._settings.interval_seconds
        try:
            with self._database.alone("bulk") as mine:
                released = self._turn() if mine else 0
        except StepwellError as error:
            if not self._is_stuck:
                _log.warning("bulk-requests-wait", reason=error.message)
            self._is_stuck = True
            return 0
        self._is_stuck = False
        return released

    def _turn(self) -> int:
        open_ = self._in_state(StudyState.OPEN)
        still = [one for one in open_ if not self._settle(one)]
        waiting = self._in_state(StudyState.WAITING)
        if not waiting:
            return 0
        most, released = room(len(still), self._clinical_waiting(len(still)), self._settings), 0
        for one in waiting:
            if released >= most:
                break
            released += self._release(one)
        return released

    def _in_state(self, state: StudyState) -> Sequence[BulkStudyRow]:
        """The first of them; so many that one which cannot go on now keeps nobody waiting."""
        found = select(BulkStudyRow).where(BulkStudyRow.state == state)
        by_turn = found.order_by(col(BulkStudyRow.bulk_number), col(BulkStudyRow.place))
        with self._database.read() as session:
            return session.exec(by_turn.limit(_LOOKED_AT + self._settings.open_workitems)).all()

    def _clinical_waiting(self, open_: int) -> int:
        """Workitems of others that a performer could begin now; counted no further than it matters."""
        wanted = {
            "ProcedureStepState": "SCHEDULED",
            "InputReadinessState": "READY",
            "ScheduledProcedureStepStartDateTime": f"-{dicom_datetime(self._clock())}",
        }
        limit = self._settings.clinical_waiting + open_ + 1
        found = self._worklist.search(wanted, limit=limit, includefield="SOPInstanceUID")
        uids = {text(one, "SOPInstanceUID") for one in found}
        ours = select(WorkitemRow.uid).join(OrderRow, col(OrderRow.number) == col(WorkitemRow.order_number))
        with self._database.read() as session:
            in_bulk = session.exec(ours.where(OrderRow.origin == BULK, col(WorkitemRow.uid).in_(uids))).all()
        return len(uids) - len(in_bulk)

    def _settle(self, one: BulkStudyRow) -> bool:
        """Whether it has ended; noted when it has."""
        with self._database.read() as session:
            order = session.get_one(OrderRow, one.order_number)
            workitem = max(workitems_of(session, one.order_number), key=_weight, default=None)
        is_there = workitem is not None and workitem.state == WorkitemState.CREATED
        state, why = self._ups_state(workitem) if workitem and is_there else ("", "")
        outcome = outcome_of(order, workitem, state, self._clock(), why)
        if outcome is None:
            if state == "SCHEDULED" and workitem:
                self._give_way(one, workitem)
            return False
        with self._database.write() as session:
            if order.state in _UNDECIDED:
                _expire(session, one.order_number, outcome.reason, moment(self._clock()))
            self._note(session, one, outcome.state, outcome.reason)
        return True

    def _ups_state(self, workitem: WorkitemRow) -> tuple[str, str]:
        """Its state, and why it was cancelled when the performer said so."""
        try:
            found = self._worklist.retrieve(workitem.uid)
        except NotFound:
            return GONE, ""
        progress = items(found, "ProcedureStepProgressInformationSequence")
        why = text(progress[0], "ReasonForCancellation") if progress else ""
        return text(found, "ProcedureStepState"), why

    def _give_way(self, one: BulkStudyRow, workitem: WorkitemRow) -> None:
        """Withdraw what nobody began when the same was ordered meanwhile."""
        with self._database.write() as session:
            if not workitem.cancel_wanted and workitem_of_rule(
                session, one.study_uid, workitem.rule, but_of=one.order_number
            ):
                withdraw_workitems(session, one.order_number, DUPLICATE, _ORDERED_MEANWHILE)

    def _release(self, one: BulkStudyRow) -> bool:
        """Make a request of a study whose turn has come; False when there is none to be made, or not now."""
        found = self._archive.search_studies({"StudyInstanceUID": one.study_uid, "includefield": "IssuerOfPatientID"})
        try:
            with self._database.write() as session:
                return self._ask(session, one, found)
        except MessageRefused as error:
            with self._database.write() as session:
                reason = "; ".join(finding.message for finding in error.message_findings)
                self._note(session, one, StudyState.NOT_MADE, reason)
            return False

    def _ask(self, session: Session, one: BulkStudyRow, found: Sequence[JsonDataset]) -> bool:
        row = session.get_one(BulkStudyRow, (one.bulk_number, one.place), with_for_update=True)
        rule = session.get_one(BulkRow, one.bulk_number).rule
        if row.state != StudyState.WAITING or awaited_order(session, one.study_uid):
            return False
        if not found:
            self._note(session, one, StudyState.NOT_MADE, "the archive has it no longer")
            return False
        if workitem_of_rule(session, one.study_uid, rule):
            self._note(session, one, StudyState.THERE_ALREADY)
            return False
        said = {"origin": BULK, "asked": (rule,), "control": "SC", "status": "CM"}
        order = order_of_study(found[0], **said)
        now = self._clock()
        effect = record(session, [Told(order, "create", BULK, now)], received_at=now)[0]
        row.order_number = effect.number
        self._note(session, row, StudyState.OPEN)
        _log.info("bulk-study-asked-for", bulk=str(one.bulk_number), study=one.study_uid, rule=rule)
        return True

    def _note(self, session: Session, one: BulkStudyRow, state: StudyState, reason: str = "") -> None:
        row = session.get_one(BulkStudyRow, (one.bulk_number, one.place))
        row.state, row.reason, row.changed_at = state, reason, moment(self._clock())
        session.add(row)


def _weight(workitem: WorkitemRow) -> tuple[bool, int]:
    """The workitem that counts: the last one that is there, or about to be."""
    return workitem.state in {WorkitemState.PLANNED, WorkitemState.CREATED}, workitem.revision


def _expire(session: Session, order_number: int, reason: str, at: str) -> None:
    order = session.get_one(OrderRow, order_number, with_for_update=True)
    order.state, order.explanation, order.updated_at = OrderState.EXPIRED, reason, at
    session.add(order)
