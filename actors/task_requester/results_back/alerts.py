"""Alerts wait for a person: told to the operational log, escalated when nobody comes, acknowledged by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, or_, select

from actors.shared.logs import get_logger
from actors.task_requester.database import Database, OrderRow, moment
from actors.task_requester.patients import present_order
from actors.task_requester.recording import stored_order
from actors.task_requester.reporting import Reporter
from actors.task_requester.results_back.settings import ResultsSettings
from actors.task_requester.results_back.store import AlertRow, Channel, OutgoingRow
from actors.task_requester.results_back.telling import alert_message, derived_id
from profiles.errors import Conflict, NotFound
from profiles.sole.event import OperationalEvent, SecurityEvent, Thread

_log = get_logger(__name__)
_COMMUNICATED = "RID45854"


@dataclass(frozen=True, slots=True)
class Alerts:
    """Tends the alerts of one order store.

    Args:
        database: the order store.
        settings: where alerts go, and how long they may wait.
        reporter: takes operational events.
        clock: the present, timezone-aware.
    """

    database: Database
    settings: ResultsSettings
    reporter: Reporter
    clock: Callable[[], datetime]

    def tend(self) -> None:
        """Escalate what waited too long, and report what is not reported yet."""
        self._escalate()
        self._report()

    def _escalate(self) -> None:
        since = moment(self.clock() - timedelta(seconds=self.settings.escalation_seconds))
        late = (AlertRow.acknowledged_at == "", AlertRow.escalated_at == "", col(AlertRow.raised_at) <= since)
        with self.database.read() as session:
            numbers = list(session.exec(select(AlertRow.number).where(*late).order_by(col(AlertRow.number))))
        for number in numbers:
            self._escalate_one(number or 0)

    def _escalate_one(self, number: int) -> None:
        with self.database.write() as session:
            alert = session.exec(select(AlertRow).where(AlertRow.number == number).with_for_update()).one()
            if alert.acknowledged_at:
                return
            alert.escalated_at = moment(self.clock())
            session.add(alert)
            if self.settings.escalation_url or self.settings.alert_url:
                order = session.get_one(OrderRow, alert.order_number)
                name = derived_id("alert", alert.workitem_uid)
                content = alert_message(
                    alert=name,
                    workitem_uid=alert.workitem_uid,
                    order=present_order(session, stored_order(order)),
                    why=alert.why,
                    raised_at=alert.raised_at,
                    stage="escalated",
                )
                session.add(
                    OutgoingRow(
                        channel=Channel.ESCALATION,
                        control_id=name,
                        workitem_uid=alert.workitem_uid,
                        order_number=alert.order_number,
                        patient=name,
                        content=content,
                        created_at=alert.escalated_at,
                    )
                )
        _log.error("alert-not-acknowledged", alert=str(number), workitem=alert.workitem_uid, since=alert.raised_at)

    def _report(self) -> None:
        acknowledged = (AlertRow.acknowledged_at != "", AlertRow.acknowledged_reported_at == "")
        with self.database.read() as session:
            due = select(AlertRow).where(or_(AlertRow.raised_reported_at == "", (acknowledged[0]) & (acknowledged[1])))
            alerts = list(session.exec(due.order_by(col(AlertRow.number))))
        for alert in alerts:
            if not alert.raised_reported_at:
                self._report_one(alert, "raised")
            if alert.acknowledged_at:
                self._report_one(alert, "acknowledged")

    def _report_one(self, alert: AlertRow, stage: str) -> None:
        with self.database.read() as session:
            order = session.get_one(OrderRow, alert.order_number)
            patient = present_order(session, stored_order(order)).patient
        thread = Thread(
            patient_id=patient.cx,
            accession_number=order.accession,
            placer_order_number=order.placer,
            filler_order_number=order.filler,
            study_instance_uid=order.study_uid,
            workitem_uid=alert.workitem_uid,
        )
        at = datetime.fromisoformat(getattr(alert, f"{stage}_at"))
        codes = (_COMMUNICATED,) if stage == "acknowledged" else ()
        self.reporter.report(
            OperationalEvent("result-notified", at, thread, occurrence=f"alert {alert.number} {stage}", codes=codes)
        )
        with self.database.write() as session:
            row = session.get_one(AlertRow, alert.number)
            setattr(row, f"{stage}_reported_at", moment(self.clock()))
            session.add(row)


def acknowledge(
    database: Database,
    number: int,
    person: str,
    *,
    clock: Callable[[], datetime],
    audit: Callable[[SecurityEvent], object],
    desk: str = "",
) -> AlertRow:
    """Note that a person takes care of an alert, once; the audit trail is told who.

    Args:
        database: the order store.
        number: of the alert.
        person: who.
        clock: the present, timezone-aware.
        audit: takes the security event; it is made durable before the acknowledgement is.
        desk: whose account the name was given under, when it is not the person's own.

    Raises:
        NotFound: there is no such alert.
        Conflict: somebody acknowledged it before.
    """
    with database.write() as session:
        alert = session.exec(select(AlertRow).where(AlertRow.number == number).with_for_update()).first()
        if alert is None:
            raise NotFound(f"There is no alert {number}; `stepwell outgoing alerts --all` lists them.")
        if alert.acknowledged_at:
            raise Conflict(f"Alert {number} was acknowledged by {alert.acknowledged_by} at {alert.acknowledged_at}.")
        now = clock()
        audit(
            SecurityEvent(
                "alert-acknowledged",
                now,
                caller=person,
                target=f"urn:oid:{alert.workitem_uid}",
                description=f"alert {number} acknowledged" + (f" at the desk of {desk}" if desk else ""),
                occurrence=f"alert {number}",
            )
        )
        alert.acknowledged_at, alert.acknowledged_by = moment(now), person
        session.add(alert)
    return alert
