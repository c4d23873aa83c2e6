"""What the Image Display tells of reading: a study opened, results displayed, and what the reader made of them.

An opening is of one reader and one study; looking at it again within half an hour is the same opening. The page that
takes a reader's verdict calls `ReadingLog.assessed`, or its HTTP route.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Protocol

from actors.image_display.report import equipment
from actors.image_display.segmentation import Segmentation
from actors.image_display.study import Study
from actors.shared.logs import get_logger
from profiles.dicom import text
from profiles.errors import BadInput, Conflict, NotFound, Unavailable
from profiles.sole.event import Algorithm, OperationalEvent, ResultReference, SecurityEvent, Thread

_log = get_logger(__name__)
_SAME_OPENING_SECONDS = 1800.0
_REMEMBERED = 1_000
#: What a reader may say of a result, and the step that tells it (sole.md 5.3).
VERDICTS = {
    "accepted": "result-accepted",
    "modified": "result-modified",
    "rejected": "result-rejected",
    "not-assessed": "result-not-assessed",
}
_UNASSESSED = "not-assessed"


class Reporter(Protocol):
    """Where events go; what `report` returns from has been made durable."""

    def report(self, event: OperationalEvent) -> object:
        """Take one event."""

    def audit_soon(self, event: SecurityEvent) -> None:
        """Take one event of the audit trail, which nobody waits for."""


@dataclass(slots=True)
class _Opening:
    name: str
    last: float
    shown: set[str] = field(default_factory=set)
    assessed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Result:
    reference: ResultReference
    algorithm: Algorithm | None


class ReadingLog:
    """Tells the operational log and the audit trail of reading.

    Args:
        reporter: takes the events; None where nobody is told.
        now: the clock, timezone-aware.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        reporter: Reporter | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reporter, self._now, self._monotonic = reporter, now, monotonic
        self._lock = threading.Lock()
        self._openings: OrderedDict[tuple[str, str], _Opening] = OrderedDict()

    def shown(self, study: Study, person: str, address: str = "") -> None:
        """A reader sees a study with its results (RID45893, AIX141); the page goes on if that cannot be told."""
        if self._reporter is None:
            return
        try:
            with self._lock:
                self._show(study, person, address)
        except Unavailable as error:
            _log.error("reading-not-reported", study=study.uid, reason=error.message)

    def assessed(self, study: Study, person: str, verdict: str, results: Sequence[str]) -> None:
        """A reader says what results are worth (AIX142 to AIX145); they count as displayed from then on (SOLE-081).

        Args:
            study: with its results.
            person: user id of the reader.
            verdict: one of `VERDICTS`.
            results: SOP Instance UIDs; all of the study's when there are none.

        Raises:
            BadInput: when there is no such verdict.
            NotFound: when the study has no such result.
            Conflict: when results that were assessed are said not to have been (SOLE-082).
            Unavailable: when it cannot be told; say it again later.
        """
        if verdict not in VERDICTS:
            raise BadInput(f"{verdict!r} is no verdict; a result is {', '.join(VERDICTS)}.")
        known = {one.reference.sop_instance_uid: one for one in _results(study)}
        wanted = list(dict.fromkeys(results)) or list(known)
        if not wanted or any(uid not in known for uid in wanted):
            raise NotFound("The study has no such result. Open it again: results may have come or gone.")
        with self._lock:
            opening = self._show(study, person, "")
            if verdict == _UNASSESSED and opening.assessed.intersection(wanted):
                raise Conflict(
                    "A verdict on this result was given before; it cannot be told as not assessed (SOLE-082)."
                )
            self._tell(VERDICTS[verdict], study, person, str(uuid.uuid4()), [known[uid] for uid in wanted])
            if verdict != _UNASSESSED:
                opening.assessed.update(wanted)

    def _show(self, study: Study, person: str, address: str) -> _Opening:
        opening = self._opening(study, person, address)
        new = [one for one in _results(study) if one.reference.sop_instance_uid not in opening.shown]
        if new:
            self._tell("result-displayed", study, person, opening.name, new)
            opening.shown.update(one.reference.sop_instance_uid for one in new)
        return opening

    def _opening(self, study: Study, person: str, address: str) -> _Opening:
        now, key = self._monotonic(), (person, study.uid)
        found = self._openings.get(key)
        if found is None or now - found.last > _SAME_OPENING_SECONDS:
            opened = _Opening(str(uuid.uuid4()), now)
            self._tell("exam-opened", study, person, opened.name, ())
            if found:
                opened.assessed = found.assessed
            found = self._openings[key] = opened
            self._audit(study, person, address, opened.name)
        found.last = now
        self._openings.move_to_end(key)
        if len(self._openings) > _REMEMBERED:
            self._openings.popitem(last=False)
        return found

    def _tell(self, step: str, study: Study, person: str, occurrence: str, results: Sequence[_Result]) -> None:
        """Report a step, once for each algorithm whose results it is about."""
        if self._reporter is None:
            return
        modality = next((one.modality for one in study.sources if one.modality), "")
        for algorithm, some in _by_algorithm(results) if results else [(None, [])]:
            names = sorted(one.reference.sop_instance_uid for one in some)
            self._reporter.report(
                OperationalEvent(
                    step,
                    self._now(),
                    _thread(study),
                    occurrence=" ".join((occurrence, *names[:1])),
                    algorithm=algorithm,
                    results=tuple(one.reference for one in some),
                    details={"Modality": modality} if modality else {},
                    person=person,
                )
            )

    def _audit(self, study: Study, person: str, address: str, occurrence: str) -> None:
        if self._reporter is not None:
            self._reporter.audit_soon(
                SecurityEvent(
                    "study-displayed",
                    self._now(),
                    caller=person,
                    address=address,
                    occurrence=occurrence,
                    patient_id=_thread(study).patient_id,
                    studies=(study.uid,),
                )
            )


def _thread(study: Study) -> Thread:
    patient, issuer = text(study.header, "PatientID"), text(study.header, "IssuerOfPatientID")
    return Thread(
        patient_id=f"{patient}^^^{issuer}" if patient and issuer else patient,
        accession_number=text(study.header, "AccessionNumber"),
        study_instance_uid=study.uid,
    )


def _results(study: Study) -> Iterator[_Result]:
    for segmentation in study.results.segmentations:
        sop_class = str(segmentation.dataset.get("SOPClassUID", ""))
        yield _Result(ResultReference(sop_class, segmentation.uid), _algorithm(segmentation))
    for report in study.results.reports:
        algorithm = Algorithm(report.algorithm, report.version) if report.algorithm else None
        yield _Result(ResultReference(report.sop_class, report.uid), algorithm)


def _algorithm(segmentation: Segmentation) -> Algorithm | None:
    for segment in segmentation.dataset.get("SegmentSequence", []):
        for said in segment.get("SegmentationAlgorithmIdentificationSequence", None) or []:
            return Algorithm(str(said.get("AlgorithmName", "")), str(said.get("AlgorithmVersion", "")))
    _, model, version = equipment(segmentation.dataset)
    return Algorithm(model, version) if model else None


def _by_algorithm(results: Iterable[_Result]) -> Iterator[tuple[Algorithm | None, list[_Result]]]:
    def name(one: _Result) -> tuple[str, str]:
        return (one.algorithm.name, one.algorithm.version) if one.algorithm else ("", "")

    for _, some in groupby(sorted(results, key=name), key=name):
        found = list(some)
        yield found[0].algorithm, found
