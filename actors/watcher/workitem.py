"""One workitem in words: what is to be done, to whom, by whom, from what, and what came of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydicom.uid import UID

from actors.shared.pages import words
from profiles.dicom import (
    Code,
    JsonDataset,
    get,
    get_all,
    get_code,
    item,
    items,
    parse_dicom_datetime,
    tag_of,
    text,
)

FINAL_STATES = ("COMPLETED", "CANCELED")
PROGRESS = "ProcedureStepProgressInformationSequence"
PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
REQUEST = "ReferencedRequestSequence"


@dataclass(frozen=True, slots=True)
class References:
    """Instances of one series that go in or came out.

    Attributes:
        kinds: names of their SOP classes.
        instances: UIDs, with their class.
        retrieval: where they can be had, in words.
    """

    study: str
    series: str
    kinds: tuple[str, ...]
    instances: tuple[tuple[str, str], ...]
    retrieval: tuple[str, ...]

    @property
    def segmentation(self) -> str:
        """The UID of a segmentation among them, to open it at."""
        return next((uid for kind, uid in self.instances if "Segmentation" in kind), "")


@dataclass(frozen=True, slots=True)
class Performed:
    """What a performer says it did."""

    station: str
    station_name: str
    workitem_code: str
    started: datetime | None
    ended: datetime | None
    description: str
    parameters: tuple[tuple[str, str], ...]
    outputs: tuple[References, ...]

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, and why it ended if it ended early."""

    percent: float | None
    description: str
    reason: str
    reason_text: str
    canceled_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkitemView:
    """A workitem for reading. The field names say what they hold; texts are as they stand in the workitem."""

    uid: str
    state: str
    label: str
    worklist_label: str
    code: str
    code_value: str
    priority: str
    readiness: str
    patient_name: str
    patient_id: str
    birth_date: str
    sex: str
    study: str
    accession: str
    placer: str
    filler: str
    procedure: str
    scheduled: datetime | None
    expires: datetime | None
    assigned: tuple[str, ...]
    inputs: tuple[References, ...]
    destinations: tuple[str, ...]
    performed: tuple[Performed, ...]
    progress: Progress

    @classmethod
    def read(cls, workitem: JsonDataset) -> WorkitemView:
        """The view of a workitem, complete or as a search gave it."""
        code = get_code(workitem, "ScheduledWorkitemCodeSequence")
        request = item(workitem, REQUEST)
        return cls(
            uid=text(workitem, "SOPInstanceUID"),
            state=text(workitem, "ProcedureStepState"),
            label=text(workitem, "ProcedureStepLabel"),
            worklist_label=text(workitem, "WorklistLabel"),
            code=_words(code),
            code_value=code.value if code else "",
            priority=text(workitem, "ScheduledProcedureStepPriority"),
            readiness=text(workitem, "InputReadinessState"),
            patient_name=text(workitem, "PatientName"),
            patient_id=text(workitem, "PatientID"),
            birth_date=text(workitem, "PatientBirthDate"),
            sex=text(workitem, "PatientSex"),
            study=text(workitem, "StudyInstanceUID") or text(request, "StudyInstanceUID"),
            accession=text(request, "AccessionNumber") or text(workitem, "AccessionNumber"),
            placer=text(request, "PlacerOrderNumberImagingServiceRequest"),
            filler=text(request, "FillerOrderNumberImagingServiceRequest"),
            procedure=text(request, "RequestedProcedureDescription")
            or _words(get_code(request, "RequestedProcedureCodeSequence")),
            scheduled=_moment(workitem, "ScheduledProcedureStepStartDateTime"),
            expires=_moment(workitem, "ScheduledProcedureStepExpirationDateTime"),
            assigned=tuple(
                text(one, "CodeMeaning") or text(one, "CodeValue")
                for one in items(workitem, "ScheduledStationNameCodeSequence")
            ),
            inputs=tuple(_references(one) for one in items(workitem, "InputInformationSequence")),
            destinations=_destinations(workitem),
            performed=tuple(_performed(one) for one in items(workitem, PERFORMED)),
            progress=_progress(item(workitem, PROGRESS)),
        )

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL_STATES

    @property
    def performer(self) -> str:
        """Who works or worked on it, else who shall."""
        stations = [one.station for one in self.performed if one.station]
        return ", ".join(stations or self.assigned)

    def waits(self, now: datetime) -> float | None:
        """Seconds since it could have been started, while nobody has."""
        if self.state != "SCHEDULED" or self.scheduled is None:
            return None
        return (now - self.scheduled).total_seconds()


def situation(view: WorkitemView, now: datetime, late_seconds: float) -> str:
    """One sentence that says why a workitem is where it is."""
    match view.state:
        case "SCHEDULED":
            return _why_waiting(view, now, late_seconds)
        case "IN PROGRESS":
            doing = f": {view.progress.description}" if view.progress.description else ""
            return f"{view.performer or 'A performer'} works on it{doing}."
        case "COMPLETED":
            seconds = next((one.seconds for one in view.performed if one.seconds is not None), None)
            took = f" in {words.duration(seconds)}" if seconds is not None else ""
            return f"Done by {view.performer or 'a performer'}{took}."
        case "CANCELED":
            reason = "; ".join(part for part in (view.progress.reason, view.progress.reason_text) if part)
            return f"Canceled: {reason}." if reason else "Canceled; no reason was given."
    return "The Task Manager gives no state that the standard knows (PS3.4 section CC.1.1)."


def _why_waiting(view: WorkitemView, now: datetime, late_seconds: float) -> str:
    waits = view.waits(now)
    if view.readiness and view.readiness != "READY":
        return f"Waits for its input, which is {view.readiness}."
    if view.expires is not None and view.expires < now:
        return "It has expired; performers may refuse it."
    if waits is not None and waits < 0:
        return f"It is to start in {words.duration(-waits)}."
    whom = f"{', '.join(view.assigned)}" if view.assigned else "a performer that offers this procedure"
    since = f" for {words.age(waits)}" if waits is not None and waits >= 1 else ""
    late = " That is late: check that a performer runs." if waits is not None and waits > late_seconds else ""
    return f"Waits{since} for {whom} to claim it.{late}"


def without_lock(workitem: JsonDataset) -> JsonDataset:
    """The workitem without a Transaction UID, should a server have disclosed one (PS3.4 section CC.2.7.3)."""
    lock = tag_of("TransactionUID")
    return {tag: element for tag, element in workitem.items() if tag != lock}


def _words(code: Code | None) -> str:
    return (code.meaning or code.value) if code else ""


def _moment(dataset: JsonDataset, keyword: str) -> datetime | None:
    value = text(dataset, keyword)
    try:
        return parse_dicom_datetime(value) if value else None
    except ValueError:
        return None


def _references(one: JsonDataset) -> References:
    instances = tuple(
        (_class_name(text(found, "ReferencedSOPClassUID")), text(found, "ReferencedSOPInstanceUID"))
        for found in items(one, "ReferencedSOPSequence")
    )
    web = [text(found, "RetrieveURL") for found in items(one, "WADORSRetrievalSequence")]
    dimse = [f"AE title {text(found, 'RetrieveAETitle')}" for found in items(one, "DICOMRetrievalSequence")]
    return References(
        study=text(one, "StudyInstanceUID"),
        series=text(one, "SeriesInstanceUID"),
        kinds=tuple(dict.fromkeys(kind for kind, _ in instances)),
        instances=instances,
        retrieval=tuple(found for found in (*web, *dimse) if found),
    )


def _class_name(uid: str) -> str:
    name = UID(uid).name if uid else ""
    return name.removesuffix(" Storage") if name and name != uid else uid


def _destinations(workitem: JsonDataset) -> tuple[str, ...]:
    found = []
    for one in items(workitem, "OutputDestinationSequence"):
        found += [text(web, "StorageURL") for web in items(one, "STOWRSStorageSequence")]
        found += [f"AE title {text(dimse, 'DestinationAE')}" for dimse in items(one, "DICOMStorageSequence")]
    return tuple(one for one in found if one)


def _performed(one: JsonDataset) -> Performed:
    station = item(one, "PerformedStationNameCodeSequence")
    return Performed(
        station=text(station, "CodeValue"),
        station_name=text(station, "CodeMeaning"),
        workitem_code=_words(get_code(one, "PerformedWorkitemCodeSequence")),
        started=_moment(one, "PerformedProcedureStepStartDateTime"),
        ended=_moment(one, "PerformedProcedureStepEndDateTime"),
        description=text(one, "PerformedProcedureStepDescription"),
        parameters=tuple(_parameter(found) for found in items(one, "PerformedProcessingParametersSequence")),
        outputs=tuple(_references(found) for found in items(one, "OutputInformationSequence")),
    )


def _parameter(one: JsonDataset) -> tuple[str, str]:
    """Name and value of a content item (PS3.3 section 10.2)."""
    name = _words(get_code(one, "ConceptNameCodeSequence"))
    for keyword in ("TextValue", "NumericValue", "DateTime", "UID", "PersonName"):
        if get_all(one, keyword):
            unit = _words(get_code(one, "MeasurementUnitsCodeSequence"))
            return name, f"{text(one, keyword)} {unit}".strip()
    return name, _words(get_code(one, "ConceptCodeSequence"))


def _progress(one: JsonDataset) -> Progress:
    percent = get(one, "ProcedureStepProgress")
    try:
        share = None if percent in (None, "") else min(100.0, max(0.0, float(percent)))
    except (TypeError, ValueError):
        share = None
    return Progress(
        percent=share,
        description=text(one, "ProcedureStepProgressDescription"),
        reason=_words(get_code(one, "ProcedureStepDiscontinuationReasonCodeSequence")),
        reason_text=text(one, "ReasonForCancellation"),
        canceled_at=_moment(one, "ProcedureStepCancellationDateTime"),
    )
