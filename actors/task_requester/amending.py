"""Change and cancel workitems by the standard route until it is done or too late (RAD-84, RAD-88).

What is wanted stands in the store (`actors.task_requester.planning`). A workitem that is being worked on is never
touched: the performer is asked to cancel it, and it is watched until it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from sqlmodel import Session, col, select

from actors.shared.logs import get_logger
from actors.task_requester.database import ENDED, Database, OrderRow, OrderState, WorkitemRow, WorkitemState, moment
from actors.task_requester.planning import NOTHING, RESCHEDULED, UNWANTED, dataset_of, next_revision, state_of
from actors.task_requester.revising import Difference, Response, difference, respond
from profiles.dicom import Code, JsonDataset, code, text
from profiles.errors import NotFound, StepwellError, Unavailable

_log = get_logger(__name__)
_CHANGED = "The order changed; another workitem replaces this one."
_DEFAULT_REASON = "110500"
#: Shown for a workitem that the Task Manager has no longer.
GONE = "GONE"


class Worklist(Protocol):
    """The part of `actors.shared.ups_client.UpsClient` that is needed here."""

    def create(self, workitem: JsonDataset, uid: str | None = None) -> str:
        """Create a workitem."""

    def retrieve(self, uid: str) -> JsonDataset:
        """Read one."""

    def update(self, uid: str, changes: JsonDataset, transaction_uid: str | None) -> None:
        """Change one."""

    def request_cancel(self, uid: str, reason: Code | None = None, text: str = "") -> None:
        """Ask for a cancellation."""


class Amender:
    """Works off what is to be changed and cancelled; a crash at any point leads to the same again.

    Args:
        database: has the workitems.
        worklist: the Task Manager.
        clock: the present, timezone-aware.
        escalation_seconds: how long a cancellation may be pending before it is told of as an error.
    """

    def __init__(
        self, database: Database, worklist: Worklist, *, clock: Callable[[], datetime], escalation_seconds: float
    ) -> None:
        self._database, self._worklist, self._clock = database, worklist, clock
        self._escalation_seconds = escalation_seconds

    def amend(self) -> None:
        """Ask for cancellations, pass on changes, and look after pending cancellations."""
        created = WorkitemRow.state == WorkitemState.CREATED
        unwanted = col(WorkitemRow.cancel_wanted).is_(True)
        open_ = col(WorkitemRow.ups_state).not_in([*ENDED, GONE])
        with self._database.read() as session:
            to_cancel = session.exec(
                select(WorkitemRow).where(created, unwanted, WorkitemRow.cancel_outcome == "")
            ).all()
            to_change = session.exec(select(WorkitemRow).where(created, WorkitemRow.wanted != "")).all()
            pending = session.exec(
                select(WorkitemRow).where(created, unwanted, WorkitemRow.cancel_outcome != "", open_)
            ).all()
        for row in to_cancel:
            self._request_cancel(row)
        for row in to_change:
            self._change(row)
        for row in pending:
            self._watch(row)

    def _request_cancel(self, row: WorkitemRow) -> None:
        try:
            reason = code("DCM", row.cancel_code or _DEFAULT_REASON)
            self._worklist.request_cancel(row.uid, reason, row.cancel_reason)
            outcome = "requested"
        except Unavailable:
            return  # asked again at the next turn
        except StepwellError as error:
            outcome = error.message
        with self._changing(row.uid) as (_, found):
            found.cancel_outcome, found.cancel_requested_at = outcome, moment(self._clock())
        _log.info("cancel-requested", workitem=row.uid, study=row.study_uid, outcome=outcome)
        self._watch(row)

    def _watch(self, row: WorkitemRow) -> None:
        """See whether a workitem has ended whose cancellation was asked for."""
        state = self._state(row.uid)
        if state is None:
            return
        with self._changing(row.uid) as (_, found):
            found.ups_state = state
            late = self._is_late(found) and state not in {*ENDED, GONE}
            if late:
                found.escalated_at = moment(self._clock())
        thread = {"workitem": row.uid, "study": row.study_uid, "state": state}
        if late:
            _log.error("cancel-pending", **thread, since=row.cancel_requested_at, outcome=row.cancel_outcome)
        if state in ENDED and state != row.ups_state:
            _log.info("cancel-concluded", **thread)

    def _is_late(self, row: WorkitemRow) -> bool:
        if row.escalated_at or not row.cancel_requested_at:
            return False
        waited = self._clock() - datetime.fromisoformat(row.cancel_requested_at)
        return waited.total_seconds() >= self._escalation_seconds

    def _state(self, uid: str) -> str | None:
        """The state of a workitem; None when the Task Manager does not say."""
        try:
            return text(self._worklist.retrieve(uid), "ProcedureStepState")
        except NotFound:
            return GONE
        except StepwellError as error:
            _log.warning("workitem-not-read", workitem=uid, reason=error.message)
            return None

    def _change(self, row: WorkitemRow) -> None:
        state = self._state(row.uid)
        if state is None:
            return  # looked at again at the next turn
        differs = (
            Difference("unwanted")
            if row.wanted == NOTHING
            else difference(dataset_of(row.content), dataset_of(row.wanted))
        )
        response = respond(state, differs.kind)
        words = ""
        if response is Response.UPDATE:
            words = self._update(row, differs)
            if self._state(row.uid) != state:
                return  # claimed meanwhile, which makes it another case
        with self._changing(row.uid) as (session, found):
            found.ups_state = state
            if found.wanted == row.wanted and not found.cancel_wanted:
                _conclude(session, found, response, differs, words)
        _log.info(
            "workitem-changed",
            workitem=row.uid,
            study=row.study_uid,
            state=state,
            response=str(response),
            attributes=", ".join(differs.keywords),
        )

    def _update(self, row: WorkitemRow, differs: Difference) -> str:
        """Tell the changes; what the Task Manager said against them."""
        try:
            self._worklist.update(row.uid, differs.changes, None)
        except Unavailable:
            raise
        except StepwellError as error:
            _log.error("workitem-not-updated", workitem=row.uid, study=row.study_uid, reason=error.message)
            return error.message
        return ""

    @contextmanager
    def _changing(self, uid: str) -> Iterator[tuple[Session, WorkitemRow]]:
        with self._database.write() as session:
            row, order = locked_workitem(session, uid)
            yield session, row
            session.add(row)
            session.flush()
            conclude_order(session, order, moment(self._clock()))


def locked_workitem(session: Session, uid: str) -> tuple[WorkitemRow, OrderRow]:
    """A workitem and its order, that nobody else changes before the transaction ends; the order is locked first."""
    number = session.exec(select(WorkitemRow.order_number).where(WorkitemRow.uid == uid)).one()
    order = session.exec(select(OrderRow).where(OrderRow.number == number).with_for_update()).one()
    return session.get_one(WorkitemRow, uid), order


def conclude_order(session: Session, order: OrderRow, at: str, words: str = "") -> None:
    """Let an order say how far its workitems got."""
    if order.state != OrderState.PLANNED:
        return
    state = state_of(session, order.number or 0)
    if state != OrderState.PLANNED:
        order.state, order.updated_at = state, at
        order.explanation = "\n".join(filter(None, [order.explanation, words]))
        session.add(order)


def _conclude(session: Session, row: WorkitemRow, response: Response, differs: Difference, words: str) -> None:
    """What is stored of a response; the parts that the Task Manager has to do are done."""
    wanted, row.wanted = row.wanted, ""
    if response is Response.UPDATE and not words:
        row.content = wanted
    if response is Response.AGAIN and row.rerun:
        next_revision(session, session.get_one(OrderRow, row.order_number), row, wanted, replaces="")
    elif response in {Response.NOTE, Response.AGAIN} or words:
        attributes = ", ".join(differs.keywords) or "no rule asks for it any more"
        note = f"The order changed when the workitem was {row.ups_state}: {attributes}"
        row.note = "\n".join(dict.fromkeys(filter(None, [*row.note.split("\n"), note, words])))
    elif response is Response.CANCEL:
        row.cancel_wanted, row.cancel_code, row.cancel_reason = True, RESCHEDULED, UNWANTED
    elif response is Response.REPLACE:
        row.cancel_wanted, row.cancel_code, row.cancel_reason = True, RESCHEDULED, _CHANGED
        next_revision(session, session.get_one(OrderRow, row.order_number), row, wanted, replaces=row.uid)
