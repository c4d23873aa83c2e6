"""From our completed workitems to messages in the outbox, in one transaction per workitem (RAD-83)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, true
from sqlmodel import Session, col, or_, select

from actors.shared.logs import get_logger
from actors.shared.steps import reached
from actors.task_requester.amending import Worklist
from actors.task_requester.database import Database, OrderRow, WorkitemRow, WorkitemState, moment
from actors.task_requester.patients import present_order
from actors.task_requester.projection import BULK
from actors.task_requester.recording import stored_order
from actors.task_requester.results_back.fhir import fhir_message, report_of
from actors.task_requester.results_back.listening import ANY, Listening
from actors.task_requester.results_back.raising import raise_message
from actors.task_requester.results_back.reading import FoundResult, ResultArchive, read_result
from actors.task_requester.results_back.settings import ResultsSettings
from actors.task_requester.results_back.steps import Step
from actors.task_requester.results_back.store import (
    RESULT_CHANNELS,
    AlertRow,
    Channel,
    LookRow,
    LookState,
    MessageState,
    OutgoingRow,
)
from actors.task_requester.results_back.telling import (
    alert_message,
    derived_id,
    parties_of,
    require_same_patient,
    result_message,
    why_urgent,
)
from profiles.aiwi import priority_of
from profiles.dicom import JsonDataset, text
from profiles.errors import NotFound, StepwellError, Unavailable
from profiles.hl7 import ImagingOrder, read
from profiles.hl7.raising import priority_raise

_log = get_logger(__name__)
_GROWTH, _LONGEST_EXPONENT = 1.5, 60


@dataclass(frozen=True, slots=True)
class Collector:
    """Looks after our workitems until each is completed and its result is queued.

    Args:
        database: the order store.
        worklist: the Task Manager.
        archive: has the results.
        settings: whom to tell.
        clock: the present, timezone-aware.
        listening: hears when workitems end; without it they are polled.
    """

    database: Database
    worklist: Worklist
    archive: ResultArchive
    settings: ResultsSettings
    clock: Callable[[], datetime]
    listening: Listening | None = None

    def collect(self) -> None:
        """Look at every workitem that is due.

        Raises:
            Unavailable: the store cannot be written.
        """
        self._take_up()
        self._renew()
        wanted: ColumnElement[bool] = col(LookRow.next_at) <= moment(self.clock())
        if hints := self.listening.take() if self.listening else frozenset():
            wanted = true() if ANY in hints else or_(wanted, col(LookRow.workitem_uid).in_(hints))
        with self.database.read() as session:
            due = (
                select(LookRow)
                .join(WorkitemRow, col(WorkitemRow.uid) == col(LookRow.workitem_uid))
                .where(LookRow.state == LookState.AWAITED, wanted)
                .order_by(col(WorkitemRow.created_at), col(WorkitemRow.revision), col(WorkitemRow.uid))
            )
            rows = list(session.exec(due))
        for row in rows:
            self._look(row)

    def _take_up(self) -> None:
        """Begin to look after workitems that were created meanwhile; nobody ordered what was asked for in bulk."""
        known = select(LookRow.workitem_uid)
        in_bulk = select(OrderRow.number).where(OrderRow.origin == BULK)
        created = select(WorkitemRow.uid).where(
            WorkitemRow.state == WorkitemState.CREATED,
            col(WorkitemRow.uid).not_in(known),
            col(WorkitemRow.order_number).not_in(in_bulk),
        )
        with self.database.read() as session:
            uids = list(session.exec(created))
        if uids:
            with self.database.write() as session:
                session.add_all(LookRow(workitem_uid=uid) for uid in uids)

    def _renew(self) -> None:
        """Have messages made anew that nobody got yet and whose patient has another identifier now (merges)."""
        unsent = (OutgoingRow.state == MessageState.WAITING, OutgoingRow.attempts == 0)
        of_patients = col(OutgoingRow.channel).in_([*RESULT_CHANNELS, Channel.RIS])
        with self.database.write() as session:
            for row in session.exec(select(OutgoingRow).where(*unsent, of_patients)):
                order = present_order(session, stored_order(session.get_one(OrderRow, row.order_number)))
                if row.patient != _line(order, row.control_id):
                    look = session.get_one(LookRow, row.workitem_uid)
                    look.state, look.next_at = LookState.AWAITED, ""
                    session.add(look)
                    session.delete(row)

    def _look(self, row: LookRow) -> None:
        uid = row.workitem_uid
        try:
            workitem = self.worklist.retrieve(uid)
        except NotFound as error:
            self._note(row, LookState.NOTHING, error.message)
            return
        except StepwellError as error:
            self._note(row, LookState.AWAITED, error.message)
            return
        state = text(workitem, "ProcedureStepState")
        if state != "COMPLETED":
            self._note(row, LookState.NOTHING if state == "CANCELED" else LookState.AWAITED)
            return
        try:
            self._tell(row, workitem)
        except Unavailable as error:
            self._note(row, LookState.AWAITED, error.message)
        except Exception as error:  # whatever one result holds, the others are told
            told = error.message if isinstance(error, StepwellError) else f"It cannot be read: {type(error).__name__}."
            self._note(row, LookState.PARKED, told)
            _log.error("result-not-told", workitem=uid, reason=type(error).__name__)

    def _tell(self, row: LookRow, workitem: JsonDataset) -> None:
        found = read_result(workitem, self.archive)
        if found is None:
            self._note(row, LookState.NOTHING, "the workitem names no outputs")
            return
        reached(Step.RESULT_READ, workitem=row.workitem_uid)
        self._queue(row, found)
        reached(Step.RESULT_QUEUED, workitem=row.workitem_uid)

    def _note(self, row: LookRow, state: LookState, reason: str = "") -> None:
        slowest = self.settings.slowest_poll_seconds
        pause = self.settings.poll_seconds * _GROWTH ** min(row.looks, _LONGEST_EXPONENT)
        if reason == "" and self.listening and self.listening.hears:
            pause = slowest  # its end will be heard
        with self.database.write() as session:
            found = session.get_one(LookRow, row.workitem_uid)
            found.state, found.reason, found.looks = state, reason, row.looks + 1
            found.next_at = moment(self.clock() + timedelta(seconds=min(pause, slowest)))
            session.add(found)

    def _queue(self, row: LookRow, found: FoundResult) -> None:
        """All messages of a result and the note that it is done, or nothing of it."""
        now = self.clock()
        with self.database.write() as session:
            workitem = session.get_one(WorkitemRow, row.workitem_uid)
            order_row = session.get_one(OrderRow, workitem.order_number)
            stored = stored_order(order_row)
            order = present_order(session, stored)
            require_same_patient(found, (stored.patient, order.patient))
            for channel, control_id, content in self._messages(session, workitem, order, found, now):
                _add(session, workitem, order, channel, (control_id, content), moment(now))
            look = session.get_one(LookRow, row.workitem_uid)
            look.state, look.reason = LookState.QUEUED, ""
            session.add(look)

    def _messages(
        self, session: Session, workitem: WorkitemRow, order: ImagingOrder, found: FoundResult, now: datetime
    ) -> Iterator[tuple[Channel, str, bytes]]:
        settings, uid = self.settings, workitem.uid
        if settings.receiver:
            earlier = _told_before(session, workitem, Channel.RESULTS)
            content = result_message(
                found, order, workitem_uid=uid, corrects=earlier is not None, settings=settings, sent=now
            )
            yield Channel.RESULTS, read(content).get("MSH-10"), content
        if settings.fhir_url:
            earlier = _told_before(session, workitem, Channel.FHIR)
            replaces = report_of(earlier.content) if earlier else ""
            content = fhir_message(found, order, workitem_uid=uid, replaces=replaces, settings=settings)
            yield Channel.FHIR, derived_id("fhir", uid, found.report_uid), content
        if why := why_urgent(found, settings):
            yield from self._urgent(session, workitem, order, found, why, now)

    def _urgent(
        self, session: Session, workitem: WorkitemRow, order: ImagingOrder, found: FoundResult, why: str, now: datetime
    ) -> Iterator[tuple[Channel, str, bytes]]:
        settings, uid = self.settings, workitem.uid
        alert = derived_id("alert", uid)
        at = moment(now)
        if session.exec(select(AlertRow).where(AlertRow.workitem_uid == uid)).first() is None:
            order_number, report = workitem.order_number, found.report_uid
            session.add(AlertRow(workitem_uid=uid, order_number=order_number, report_uid=report, why=why, raised_at=at))
        if settings.ris and priority_of(order.priority) != "HIGH":
            control_id = derived_id("priority", uid)
            yield (
                Channel.RIS,
                control_id,
                priority_raise(order, parties=parties_of(settings), control_id=control_id, sent=now),
            )
        if settings.raise_worklist:
            yield Channel.WORKLIST, derived_id("raise", uid), raise_message(workitem.study_uid, uid)
        if settings.alert_url:
            content = alert_message(alert=alert, workitem_uid=uid, order=order, why=why, raised_at=at, stage="raised")
            yield Channel.ALERT, alert, content


def _told_before(session: Session, workitem: WorkitemRow, channel: Channel) -> OutgoingRow | None:
    """What was told last, or is about to be, of an earlier workitem for the same order, study and rule."""
    earlier = (
        select(OutgoingRow)
        .join(WorkitemRow, col(WorkitemRow.uid) == col(OutgoingRow.workitem_uid))
        .where(
            OutgoingRow.channel == channel,
            OutgoingRow.order_number == workitem.order_number,
            OutgoingRow.rule == workitem.rule,
            OutgoingRow.workitem_uid != workitem.uid,
            WorkitemRow.study_uid == workitem.study_uid,
            or_(OutgoingRow.state == MessageState.SENT, OutgoingRow.state == MessageState.WAITING),
        )
        .order_by(col(OutgoingRow.number).desc())
    )
    return session.exec(earlier).first()


def _line(order: ImagingOrder, control_id: str) -> str:
    """What is sent in order: all that is of one patient; a message without a patient is alone."""
    return order.patient.cx or control_id


def _add(
    session: Session,
    workitem: WorkitemRow,
    order: ImagingOrder,
    channel: Channel,
    message: tuple[str, bytes],
    at: str,
) -> None:
    control_id, content = message
    known = select(OutgoingRow.number).where(OutgoingRow.channel == channel, OutgoingRow.control_id == control_id)
    if session.exec(known).first() is not None:
        return  # the same message of the same result
    session.add(
        OutgoingRow(
            channel=channel,
            control_id=control_id,
            workitem_uid=workitem.uid,
            order_number=workitem.order_number,
            rule=workitem.rule,
            patient=_line(order, control_id),
            content=content,
            created_at=at,
        )
    )
