"""Create planned workitems until the Task Manager has acknowledged them, and ask for cancellations (RAD-80, RAD-88)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import orjson
from sqlmodel import Session, col, select
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential

from actors.shared.logs import get_logger
from actors.shared.steps import reached
from actors.shared.ups_client import DuplicateWorkitem
from actors.task_requester.database import Database, OrderRow, OrderState, WorkitemRow, WorkitemState, moment
from actors.task_requester.steps import Step
from profiles.dicom import Code, JsonDataset, code
from profiles.errors import NotFound, StepwellError, Unavailable

_log = get_logger(__name__)
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.2, 15.0


class Worklist(Protocol):
    """The part of `actors.shared.ups_client.UpsClient` that is needed here."""

    def create(self, workitem: JsonDataset, uid: str | None = None) -> str:
        """Create a workitem."""

    def retrieve(self, uid: str) -> JsonDataset:
        """Read one."""

    def request_cancel(self, uid: str, reason: Code | None = None, text: str = "") -> None:
        """Ask for a cancellation."""


class Publisher:
    """Works off what is planned in the store; a crash at any point leads to the same workitem again.

    Args:
        database: has the planned workitems.
        worklist: the Task Manager.
        clock: the present, timezone-aware.
        stopped: ends retries.
    """

    def __init__(
        self, database: Database, worklist: Worklist, *, clock: Callable[[], datetime], stopped: threading.Event
    ) -> None:
        self._database, self._worklist, self._clock, self._stopped = database, worklist, clock, stopped

    def publish(self) -> int:
        """Create what is planned, and ask for what is to be cancelled.

        Returns:
            How many workitems were concluded.
        """
        with self._database.read() as session:
            planned = select(WorkitemRow).where(WorkitemRow.state == WorkitemState.PLANNED)
            unwanted = (
                select(WorkitemRow)
                .where(WorkitemRow.state == WorkitemState.CREATED, col(WorkitemRow.cancel_wanted).is_(True))
                .where(WorkitemRow.cancel_outcome == "")
            )
            to_create = [row.uid for row in session.exec(planned.order_by(col(WorkitemRow.planned_at)))]
            to_cancel = list(session.exec(unwanted))
        for uid in to_create:
            self._retrying()(self._create, uid)
        for row in to_cancel:
            self._request_cancel(row)
        return len(to_create)

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_exponential(multiplier=_SHORTEST_SECONDS, max=_LONGEST_SECONDS),
            stop=stop_when_event_set(self._stopped),
            sleep=self._pause,
            before_sleep=_log_retry,
            reraise=True,
        )

    def _pause(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _create(self, uid: str) -> None:
        with self._database.read() as session:
            row = session.get_one(WorkitemRow, uid)
        if row.cancel_wanted:
            self._conclude(uid, WorkitemState.WITHDRAWN, "the order was cancelled before the workitem was created")
            return
        state, words = self._ask(row)
        if state is WorkitemState.CREATED:
            reached(Step.WORKITEM_CREATED, workitem=uid, study=row.study_uid)
        self._conclude(uid, state, words)
        reached(Step.WORKITEM_RECORDED, workitem=uid, study=row.study_uid)

    def _ask(self, row: WorkitemRow) -> tuple[WorkitemState, str]:
        """Create one workitem; one that is there already is this very one, created before a crash."""
        try:
            self._worklist.create(orjson.loads(row.content), row.uid)
        except DuplicateWorkitem as error:
            try:
                self._worklist.retrieve(row.uid)
            except NotFound:
                return self._refused(row, error)
            _log.info("workitem-known", workitem=row.uid, study=row.study_uid)
            return WorkitemState.CREATED, ""
        except Unavailable:
            raise
        except StepwellError as error:
            return self._refused(row, error)
        _log.info("workitem-created", workitem=row.uid, study=row.study_uid, rule=row.rule)
        return WorkitemState.CREATED, ""

    def _refused(self, row: WorkitemRow, error: StepwellError) -> tuple[WorkitemState, str]:
        _log.error("workitem-refused", workitem=row.uid, study=row.study_uid, reason=error.message)
        return WorkitemState.REFUSED, error.message

    def _conclude(self, uid: str, state: WorkitemState, words: str) -> None:
        with self._database.write() as session:
            row = session.get_one(WorkitemRow, uid)
            row.state, row.created_at = state, moment(self._clock()) if state is WorkitemState.CREATED else ""
            row.explanation = "\n".join(filter(None, [row.explanation, words]))
            session.add(row)
            session.flush()
            self._conclude_order(session, row.order_number, words)

    def _conclude_order(self, session: Session, order_number: int, words: str) -> None:
        order = session.get_one(OrderRow, order_number)
        states = set(session.exec(select(WorkitemRow.state).where(WorkitemRow.order_number == order_number)))
        if order.state != OrderState.PLANNED or WorkitemState.PLANNED in states:
            return
        order.state = OrderState.REFUSED if WorkitemState.REFUSED in states else OrderState.PUBLISHED
        order.explanation = "\n".join(filter(None, [order.explanation, words]))
        order.updated_at = moment(self._clock())
        session.add(order)

    def _request_cancel(self, row: WorkitemRow) -> None:
        try:
            self._worklist.request_cancel(row.uid, code("DCM", "110500"), row.cancel_reason)
            outcome = "requested"
        except Unavailable:
            return  # asked again at the next turn
        except StepwellError as error:
            outcome = error.message
        with self._database.write() as session:
            found = session.get_one(WorkitemRow, row.uid)
            found.cancel_outcome = outcome
            session.add(found)
        _log.info("cancel-requested", workitem=row.uid, study=row.study_uid, outcome=outcome)


def log_modified(uid: str, words: str) -> None:
    """Say that the Task Manager created a workitem otherwise than asked, so that somebody looks (AIWI-TR-008)."""
    _log.warning("workitem-modified", workitem=uid, reason=words)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = error.message if isinstance(error, StepwellError) else ""
    uid = state.args[0] if state.args else ""
    _log.warning("workitem-create-delayed", workitem=uid, attempt=state.attempt_number, reason=reason)
