"""What a performer tells the operational log (sole.md 5.3), each event with the whole thread of its study."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from actors.shared.logs import get_logger
from actors.task_performer.failing import Reason
from actors.task_performer.journal import Output
from profiles.air import AlgorithmIdentification
from profiles.dicom import JsonDataset, item, text
from profiles.errors import Unavailable
from profiles.sole import Algorithm, OperationalEvent, Outcome, ResultReference, SecurityEvent, Thread

_log = get_logger(__name__)


class Reporter(Protocol):
    """Where events go; what it returns from has been made durable."""

    def report(self, event: OperationalEvent) -> object:
        """Take one event."""

    def audit_soon(self, event: SecurityEvent) -> None:
        """Take one event of the audit trail, which nobody waits for."""


@contextmanager
def available(reporter: Reporter, ae_title: str, clock: Callable[[], datetime]) -> Iterator[None]:
    """Tell that the performer takes work while the block runs (AIX151, AIX152)."""
    occurrence = str(uuid.uuid4())

    def tell(step: str) -> None:
        try:
            reporter.report(OperationalEvent(step, clock(), Thread(), occurrence=occurrence, performer=ae_title))
        except Unavailable as error:
            _log.error("availability-not-reported", step=step, reason=error.message)

    tell("service-up")
    try:
        yield
    finally:
        tell("service-down")


def thread_of(workitem: JsonDataset, uid: str) -> Thread:
    """The identifiers that a workitem carries from order to result."""
    request = item(workitem, "ReferencedRequestSequence")
    patient, issuer = text(workitem, "PatientID"), text(workitem, "IssuerOfPatientID")
    return Thread(
        patient_id=f"{patient}^^^{issuer}" if patient and issuer else patient,
        accession_number=text(request, "AccessionNumber"),
        placer_order_number=text(request, "PlacerOrderNumberImagingServiceRequest"),
        filler_order_number=text(request, "FillerOrderNumberImagingServiceRequest"),
        study_instance_uid=text(workitem, "StudyInstanceUID"),
        workitem_uid=uid,
    )


@dataclass(frozen=True, slots=True)
class WorkLog:
    """The operational log of one workitem.

    Args:
        reporter: takes the events.
        thread: of the workitem.
        performer: AE title.
        algorithm: that is run.
        clock: the time.
    """

    reporter: Reporter
    thread: Thread
    performer: str
    algorithm: AlgorithmIdentification
    clock: Callable[[], datetime]

    def tell(
        self,
        step: str,
        occurrence: str,
        *,
        at: datetime | None = None,
        details: Mapping[str, str] | None = None,
        outputs: Sequence[Output] = (),
    ) -> None:
        """Report a step that was done.

        Args:
            step: of ``profiles/sole/tables/steps.csv``.
            occurrence: number of the attempt; constant for what happens once, however often it is told.
            at: when it happened; now when not given.
            details: further details.
            outputs: the result objects concerned.
        """
        self.reporter.report(self._event(step, occurrence, Outcome.SUCCESS, at, details or {}, outputs))

    @contextmanager
    def transferring(self, archive: str) -> Iterator[None]:
        """Tell the audit trail when the images do not come (SOLE-073); the archive tells it when they go."""
        try:
            yield
        except Exception:
            self.reporter.audit_soon(
                SecurityEvent(
                    "images-received",
                    self.clock(),
                    Outcome.SERIOUS_FAILURE,
                    caller=urlsplit(archive).netloc,
                    target=f"urn:oid:{self.thread.workitem_uid}",
                    occurrence=str(uuid.uuid4()),
                    patient_id=self.thread.patient_id,
                    studies=(self.thread.study_instance_uid,) if self.thread.study_instance_uid else (),
                )
            )
            raise

    def tell_failed(self, step: str, occurrence: str, reason: Reason) -> None:
        """Report a step that ended with a coded reason."""
        details = {"ReasonCode": f"{reason.value}^{reason.scheme}^{reason.meaning}"}
        self.reporter.report(
            self._event(step, occurrence, Outcome.SERIOUS_FAILURE, None, details, (), description=reason.text)
        )

    def tell_given_up(self, step: str, occurrence: str, words: str) -> None:
        """Report a step that was waited for in vain: the workitem is a dead letter."""
        self.reporter.report(
            self._event(step, f"{occurrence} given up", Outcome.MAJOR_FAILURE, None, {}, (), description=words)
        )

    def _event(
        self,
        step: str,
        occurrence: str,
        outcome: Outcome,
        at: datetime | None,
        details: Mapping[str, str],
        outputs: Sequence[Output],
        *,
        description: str = "",
    ) -> OperationalEvent:
        return OperationalEvent(
            step=step,
            at=at or self.clock(),
            thread=self.thread,
            outcome=outcome,
            occurrence=occurrence,
            performer=self.performer,
            algorithm=Algorithm(self.algorithm.name, self.algorithm.version),
            results=tuple(ResultReference(one.sop_class_uid, one.sop_instance_uid) for one in outputs),
            details=details,
            description=description,
        )
