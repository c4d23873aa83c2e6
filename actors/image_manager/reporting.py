"""Tell the operational log what was stored, derived from the index (design decision D13).

The index is the outbox: what must be told stands in it until it has been told, so a crash loses nothing, and the ids of
the events do not change when they are told again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import orjson
from sqlmodel import col, func, select

from actors.image_manager.index import CursorRow, Index, InstanceRow, StudyRow
from actors.image_manager.steps import Step
from actors.shared.logs import get_logger
from actors.shared.steps import reached
from profiles.dicom import JsonDataset, item, text
from profiles.errors import StepwellError
from profiles.sole.event import OperationalEvent, ResultReference, Thread

_log = get_logger(__name__)
_RESULT_MODALITIES = ("SR", "SEG")
_RESULTS_CURSOR = "results"
_PAUSE_SECONDS = 0.25


class Reporter(Protocol):
    """Where events go; what it returns from has been made durable."""

    def report(self, event: OperationalEvent) -> object:
        """Take one event."""


@dataclass(frozen=True, slots=True)
class StorageLog:
    """Reports ``images-stored`` once per quiet study and ``result-stored`` once per SR or SEG.

    Args:
        index: what is stored, and what of it was told.
        reporter: takes the events.
        quiet_seconds: a study without new images for this long is told.
        clock: seconds since 1970.
    """

    index: Index
    reporter: Reporter
    quiet_seconds: float
    clock: Callable[[], float]

    def tell(self) -> int:
        """Report what is due now.

        Returns:
            How many events were reported.
        """
        return self._tell_studies() + self._tell_results()

    def follow(self, stopped: threading.Event) -> None:
        """Go on reporting until told to stop; a failure is logged and tried again."""
        while not stopped.wait(_PAUSE_SECONDS):
            try:
                self.tell()
            except (StepwellError, OSError) as error:
                _log.error("report-failed", reason=type(error).__name__)

    def _tell_studies(self) -> int:
        due = (
            select(StudyRow)
            .where(col(StudyRow.last_image_number) > col(StudyRow.reported_through))
            .where(col(StudyRow.last_image_at) <= self.clock() - self.quiet_seconds)
        )
        with self.index.read() as session:
            studies = list(session.exec(due))
        for study in studies:
            self.reporter.report(self._images_stored(study))
            with self.index.write() as session:
                row = session.get_one(StudyRow, study.uid)
                row.reported_through = study.last_image_number
            reached(Step.REPORTED, study=study.uid)
        return len(studies)

    def _images_stored(self, study: StudyRow) -> OperationalEvent:
        with self.index.read() as session:
            these = (col(InstanceRow.study_uid) == study.uid, col(InstanceRow.number) <= study.last_image_number)
            count = session.exec(select(func.count()).select_from(InstanceRow).where(*these)).one()
            images = col(InstanceRow.modality).not_in(_RESULT_MODALITIES)
            modality = session.exec(select(InstanceRow.modality).where(*these, images).limit(1)).first()
        return OperationalEvent(
            step="images-stored",
            at=_moment(study.last_image_at or 0.0),
            thread=self._thread(study),
            occurrence=str(study.last_image_number),
            details={"InstanceCount": str(count), **({"Modality": modality} if modality else {})},
        )

    def _tell_results(self) -> int:
        with self.index.read() as session:
            cursor = session.get(CursorRow, _RESULTS_CURSOR)
            due = (
                select(InstanceRow, StudyRow)
                .join(StudyRow, col(StudyRow.uid) == col(InstanceRow.study_uid))
                .where(col(InstanceRow.number) > (cursor.number if cursor else 0))
                .where(col(InstanceRow.modality).in_(_RESULT_MODALITIES))
                .order_by(col(InstanceRow.number))
            )
            results = list(session.exec(due))
        for instance, study in results:
            self.reporter.report(
                OperationalEvent(
                    step="result-stored",
                    at=_moment(instance.stored_at),
                    thread=self._thread(study, self.index.header(instance.uid)),
                    occurrence=instance.uid,
                    results=(ResultReference(instance.sop_class_uid, instance.uid),),
                )
            )
            with self.index.write() as session:
                session.merge(CursorRow(name=_RESULTS_CURSOR, number=instance.number or 0))
        return len(results)

    def _thread(self, study: StudyRow, result: JsonDataset | None = None) -> Thread:
        """The identifiers of a study; order numbers come from a result's Referenced Request Sequence, if it has one."""
        attributes: JsonDataset = orjson.loads(study.attributes)
        request = item(result or {}, "ReferencedRequestSequence")
        issuer = text(attributes, "IssuerOfPatientID")
        return Thread(
            patient_id=f"{study.patient_id}^^^{issuer}" if issuer else study.patient_id,
            accession_number=study.accession_number or text(request, "AccessionNumber"),
            placer_order_number=text(request, "PlacerOrderNumberImagingServiceRequest"),
            filler_order_number=text(request, "FillerOrderNumberImagingServiceRequest"),
            study_instance_uid=study.uid,
        )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
