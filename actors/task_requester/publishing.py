"""Create planned workitems until the Task Manager has acknowledged them (RAD-80)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from enum import Enum

import orjson
from sqlmodel import col, select
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential

from actors.shared.logs import get_logger
from actors.shared.steps import reached
from actors.shared.ups_client import DuplicateWorkitem
from actors.task_requester.amending import GONE, Worklist, conclude_order, locked_workitem
from actors.task_requester.database import Database, WorkitemRow, WorkitemState, moment
from actors.task_requester.revising import replacing
from actors.task_requester.steps import Step
from profiles.errors import NotFound, StepwellError, Unavailable

_log = get_logger(__name__)
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.2, 15.0


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
        """Create what is planned.

        Returns:
            How many workitems were concluded.
        """
        with self._database.read() as session:
            planned = select(WorkitemRow.uid).where(WorkitemRow.state == WorkitemState.PLANNED)
            uids = list(session.exec(planned.order_by(col(WorkitemRow.planned_at), col(WorkitemRow.uid))))
        return sum(bool(self._retrying()(self._create, uid)) for uid in uids)

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

    def _create(self, uid: str) -> bool:
        with self._database.read() as session:
            row = session.get_one(WorkitemRow, uid)
            replaced = session.get(WorkitemRow, row.replaces) if row.replaces else None
        if row.cancel_wanted and not (row.sent and self._is_there(uid)):
            words = "the order was cancelled before the workitem was created"
            self._conclude(row, WorkitemState.WITHDRAWN, words)
            return True
        turn = _turn(row, replaced)
        if turn is _Turn.WAIT:
            return False
        if turn is _Turn.TOO_LATE:
            words = "the workitem that it was to replace was completed before it could be canceled"
            self._conclude(row, WorkitemState.WITHDRAWN, words)
            return True
        if turn is _Turn.ALONE and row.replaces:
            self._stand_alone(row)
        self._note_what_is_sent(row)
        state, words = self._ask(row)
        if state is WorkitemState.CREATED:
            reached(Step.WORKITEM_CREATED, workitem=uid, study=row.study_uid)
        self._conclude(row, state, words)
        reached(Step.WORKITEM_RECORDED, workitem=uid, study=row.study_uid)
        return True

    def _stand_alone(self, row: WorkitemRow) -> None:
        """It replaces nothing that was cancelled, so it does not say so (PS3.4 Table CC.2.5-3, 0074,1224)."""
        with self._database.write() as session:
            found = session.get_one(WorkitemRow, row.uid)
            found.replaces, found.content = "", orjson.dumps(replacing(orjson.loads(row.content), "")).decode()
            session.add(found)
        row.replaces, row.content = "", found.content

    def _note_what_is_sent(self, row: WorkitemRow) -> None:
        """Know after a crash what the Task Manager was told; the order may have changed since, and with it the row."""
        if row.sent and row.sent != row.content and self._is_there(row.uid):
            row.content = row.sent
        elif row.sent != row.content:
            with self._database.write() as session:
                found = session.get_one(WorkitemRow, row.uid)
                found.sent = row.content
                session.add(found)

    def _is_there(self, uid: str) -> bool:
        try:
            self._worklist.retrieve(uid)
        except NotFound:
            return False
        return True

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

    def _conclude(self, sent: WorkitemRow, state: WorkitemState, words: str) -> None:
        with self._database.write() as session:
            row, order = locked_workitem(session, sent.uid)
            row.state, row.created_at = state, moment(self._clock()) if state is WorkitemState.CREATED else ""
            row.explanation = "\n".join(filter(None, [row.explanation, words]))
            if row.content != sent.content and state is WorkitemState.CREATED:  # the order changed in between
                row.content, row.wanted = sent.content, row.content
            elif row.content != sent.content:
                row.state = WorkitemState.PLANNED
            session.add(row)
            session.flush()
            conclude_order(session, order, moment(self._clock()), words)


class _Turn(Enum):
    """Whether a planned workitem can be created, with regard to the one that it replaces."""

    REPLACING, ALONE, WAIT, TOO_LATE = range(4)


def _turn(row: WorkitemRow, replaced: WorkitemRow | None) -> _Turn:
    """Nobody works on the new one while the old one may still be worked on (orders.md 4.3)."""
    if replaced is None or replaced.state != WorkitemState.CREATED or replaced.ups_state == GONE:
        return _Turn.ALONE
    if replaced.ups_state == "COMPLETED":
        done = (row.order_number, row.study_uid) == (replaced.order_number, replaced.study_uid)
        return _Turn.TOO_LATE if done and not row.rerun else _Turn.ALONE
    return _Turn.REPLACING if replaced.ups_state == "CANCELED" else _Turn.WAIT


def log_modified(uid: str, words: str) -> None:
    """Say that the Task Manager created a workitem otherwise than asked, so that somebody looks (AIWI-TR-008)."""
    _log.warning("workitem-modified", workitem=uid, reason=words)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = error.message if isinstance(error, StepwellError) else ""
    uid = state.args[0] if state.args else ""
    _log.warning("workitem-create-delayed", workitem=uid, attempt=state.attempt_number, reason=reason)
