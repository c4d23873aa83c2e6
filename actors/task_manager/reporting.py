"""The outbox told to the operational log, by a durable cursor like any subscriber's (DESIGN D13)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator

from actors.shared.logs import get_logger
from actors.shared.steps import reached
from actors.task_manager.steps import Step
from profiles.dicom import Code, code, get_code, item, text
from profiles.errors import StepwellError
from profiles.sole.event import OperationalEvent, Outcome, SecurityEvent, Thread
from sole_logging import EventReporter
from workitems.model import Event, EventKind
from workitems.store import Store

READER = "sole"
_IDLE_SECONDS = 1.0
#: Under load so many more events go with the next write; the worklist has the disk meanwhile.
_GATHER_SECONDS = 0.25
#: Between two events the interpreter is left to the requests: they would wait for it at each of their steps otherwise.
_YIELD_SECONDS = 0.0002
_UNREPORTED = frozenset({EventKind.READINESS, EventKind.STARTED, EventKind.SUBSCRIBED, EventKind.SCP_STATUS})
#: Reasons of CID 9300 by which work failed; the others are decisions (sole.md 5.3 and 5.6).
_FAILURES = tuple(
    code("DCM", value) for value in ("110501", "110521", "110522", "110523", "110524", "110527", "110529")
)
#: What the audit trail is told of a changed procedure record (PS3.15 A.5.3.15); refusals are told as they happen.
_AUDITED = {
    EventKind.CREATED: "workitem-created",
    EventKind.CLAIMED: "workitem-changed",
    EventKind.PROGRESS: "workitem-changed",
    EventKind.CANCEL_REQUESTED: "workitem-changed",
    EventKind.CANCELED: "workitem-changed",
    EventKind.COMPLETED: "workitem-changed",
}
_log = get_logger(__name__)


def security_event(event: Event) -> SecurityEvent | None:
    """The security audit event of an outbox event, where it is one (SOLE-070)."""
    if event.kind not in _AUDITED:
        return None
    study = text(event.content, "StudyInstanceUID")
    return SecurityEvent(
        _AUDITED[event.kind],
        event.at,
        target=f"urn:oid:{event.workitem_uid}",
        occurrence=f"outbox {event.sequence}",
        patient_id=_patient(event),
        studies=(study,) if study else (),
    )


def events_of(event: Event) -> list[OperationalEvent | SecurityEvent]:
    """All that the log is told of an outbox event."""
    audited = security_event(event)
    return [operational_event(event), *([audited] if audited else [])]


def operational_event(event: Event) -> OperationalEvent:
    """The SOLE event of an outbox event (sole.md 5.3)."""
    content = event.content
    request = item(content, "ReferencedRequestSequence")
    thread = Thread(
        patient_id=_patient(event),
        accession_number=text(request, "AccessionNumber"),
        placer_order_number=text(request, "PlacerOrderNumberImagingServiceRequest"),
        filler_order_number=text(request, "FillerOrderNumberImagingServiceRequest"),
        study_instance_uid=text(content, "StudyInstanceUID"),
        workitem_uid=event.workitem_uid,
    )
    progress = item(content, "ProcedureStepProgressInformationSequence")
    details = {"Priority": text(content, "ScheduledProcedureStepPriority")}
    if event.kind is EventKind.PROGRESS:
        details["Progress"] = text(progress, "ProcedureStepProgress")
    reason = get_code(progress, "ProcedureStepDiscontinuationReasonCodeSequence")
    if reason and event.kind in (EventKind.CANCELED, EventKind.CANCEL_REQUESTED):
        details["ReasonCode"] = f"{reason.value}^{reason.scheme}^{reason.meaning}"
    station = get_code(content, "ScheduledStationNameCodeSequence")
    return OperationalEvent(
        step=str(event.kind),
        at=event.at,
        thread=thread,
        outcome=_outcome(event, reason),
        occurrence=str(event.sequence),
        performer=station.value if station else "",
        details={key: value for key, value in details.items() if value},
    )


def _outcome(event: Event, reason: Code | None) -> Outcome:
    """A failure is what a person should look at: a refused claim, work that failed, or that nobody is left to do."""
    if event.kind is EventKind.CLAIM_REFUSED:
        return Outcome.MINOR_FAILURE
    if event.kind is EventKind.CANCELED and any(one.same_as(reason) for one in _FAILURES):
        return Outcome.SERIOUS_FAILURE
    return Outcome.SUCCESS


def _patient(event: Event) -> str:
    identifier, issuer = text(event.content, "PatientID"), text(event.content, "IssuerOfPatientID")
    return f"{identifier}^^^{issuer}" if identifier and issuer else identifier


def _gently(events: Iterable[Event]) -> Iterator[OperationalEvent | SecurityEvent]:
    for event in events:
        yield from events_of(event)
        time.sleep(_YIELD_SECONDS)


class OutboxReporting:
    """A thread that reports every outbox event once it is durable, and notes how far it has come."""

    def __init__(self, store: Store, reporter: EventReporter) -> None:
        self._store, self._reporter = store, reporter
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox-to-sole", daemon=True)

    def start(self) -> None:
        """Begin where the last process left off."""
        self._thread.start()

    def stop(self) -> None:
        """End after the event at hand."""
        self._stopped.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._report_some():
                    self._stopped.wait(_GATHER_SECONDS)
                else:
                    self._store.wait_for_events(_IDLE_SECONDS)
            except StepwellError as error:
                self._pause(error.message)
            except Exception as error:  # a log that ended would be missed by nobody; the words may hold patient data
                self._pause(type(error).__name__)

    def _pause(self, reason: str) -> None:
        _log.error("outbox-not-reported", reason=reason)
        self._stopped.wait(_IDLE_SECONDS)

    def _report_some(self) -> bool:
        with self._store.alone(READER) as alone:  # of several processes, one tells an event
            events = self._store.events_after(self._store.cursor(READER)) if alone else []
            told = [event for event in events if event.kind not in _UNREPORTED]
            if told:
                self._reporter.record(_gently(told))
                reached(Step.EVENT_REPORTED, events=str(len(told)))
            if events:
                self._store.move_cursor(READER, events[-1].sequence)
        return bool(events)
