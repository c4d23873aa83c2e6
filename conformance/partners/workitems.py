"""Workitems of the harness's own, as DICOM JSON: what a requester creates, and what a performer says at the end."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydicom.uid import generate_uid

from conformance.partners.attributes import Attributes, code, put, tag_of
from profiles.tables import read_table

WORK = ("HARNESS", "99HARNESS", "Harness analysis")
FAILURE = ("110501", "DCM", "Equipment failure")
STATION = ("HARNESS_AI", "99HARNESS", "Harness AI station")
_EMPTY = (
    "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence",
    "TransactionUID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "CommentsOnTheScheduledProcedureStep",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "ProcedureStepProgressInformationSequence",
    "ScheduledProcessingParametersSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
)


def new_uid() -> str:
    """A UID that nobody has used."""
    return str(generate_uid(prefix=None))


def moment(when: datetime | None = None) -> str:
    """A DT value to the second, in UTC."""
    return (when or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def workitem(label: str = "HARNESS", *, name: str = "Fictional^Harness", inputs: int = 1) -> Attributes:
    """A dataset that meets every N-CREATE requirement (PS3.4 Table CC.2.5-3), for a patient who does not exist.

    Args:
        label: Worklist Label, by which the items of one test are found again.
        name: Patient's Name.
        inputs: how many instances the Input Information refers to.
    """
    study, patient = new_uid(), f"HARNESS-{new_uid()[-8:]}"
    content: Attributes = {}
    for keyword in _EMPTY:
        put(content, keyword)
    for keyword, value in (
        ("SpecificCharacterSet", "ISO_IR 192"),
        ("PatientName", name),
        ("PatientID", patient),
        ("PatientBirthDate", "19700101"),
        ("PatientSex", "O"),
        ("StudyInstanceUID", study),
        ("ScheduledProcedureStepStartDateTime", moment()),
        ("InputReadinessState", "READY"),
        ("ProcedureStepState", "SCHEDULED"),
        ("ScheduledProcedureStepPriority", "MEDIUM"),
        ("WorklistLabel", label),
        ("ProcedureStepLabel", "Harness analysis"),
    ):
        put(content, keyword, value)
    put(content, "ScheduledWorkitemCodeSequence", code(*WORK))
    put(content, "ScheduledStationNameCodeSequence", code(*STATION))
    put(content, "InputInformationSequence", _input(study, inputs))
    put(content, "ReferencedRequestSequence", _request(study))
    return dict(sorted(content.items()))


def performed(*left_out: str) -> Attributes:
    """An update with everything that COMPLETED asks of a workitem (PS3.4 Table CC.2.5-3), but what is left out.

    Args:
        left_out: keywords of the item of Unified Procedure Step Performed Procedure Sequence.
    """
    done: Attributes = {}
    put(done, "PerformedStationNameCodeSequence", code(*STATION))
    put(done, "PerformedWorkitemCodeSequence", code(*WORK))
    put(done, "PerformedProcedureStepStartDateTime", moment())
    put(done, "PerformedProcedureStepEndDateTime", moment())
    put(done, "OutputInformationSequence", _input(new_uid(), 1))
    for keyword in left_out:
        done.pop(tag_of(keyword), None)
    return put({}, "UnifiedProcedureStepPerformedProcedureSequence", dict(sorted(done.items())))


def discontinued(text: str = "Harness ended the step") -> Attributes:
    """An update with the reason why a step is discontinued."""
    progress: Attributes = {}
    put(progress, "ReasonForCancellation", text)
    put(progress, "ProcedureStepDiscontinuationReasonCodeSequence", code(*FAILURE))
    return put({}, "ProcedureStepProgressInformationSequence", dict(sorted(progress.items())))


def progress(percent: int, words: str) -> Attributes:
    """An update with how far a step has come."""
    item = put(put({}, "ProcedureStepProgress", percent), "ProcedureStepProgressDescription", words)
    return put({}, "ProcedureStepProgressInformationSequence", item)


def cancel_request(reason: str = "Harness asks to cancel", contact: str = "Harness") -> Attributes:
    """The information of a request to cancel (PS3.4 Table CC.2.2-1)."""
    asked: Attributes = {}
    put(asked, "ReasonForCancellation", reason)
    put(asked, "ContactDisplayName", contact)
    put(asked, "ContactURI", "mailto:harness@example.invalid")
    why = code("110513", "DCM", "Discontinued for unspecified reason")
    return dict(sorted(put(asked, "ProcedureStepDiscontinuationReasonCodeSequence", why).items()))


@cache
def creation_types() -> dict[str, str]:
    """Type of each attribute of the first level at creation (``1/1``, ``2/2`` …), by keyword."""
    rows = read_table("profiles.ups", "ups_attributes")
    return {row["path"]: row["ncreate"] for row in rows if row["path"] == row["keyword"]}


def without(content: Attributes, keyword: str) -> Attributes:
    """The dataset without an attribute."""
    return {tag: value for tag, value in content.items() if tag != tag_of(keyword)}


def _input(study: str, count: int) -> Attributes:
    series = new_uid()
    references = []
    for _ in range(count):
        reference = put({}, "ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.4")
        references.append(put(reference, "ReferencedSOPInstanceUID", new_uid()))
    item: Attributes = {}
    put(item, "ReferencedSOPSequence", *references)
    put(item, "StudyInstanceUID", study)
    put(item, "SeriesInstanceUID", series)
    put(item, "TypeOfInstances", "DICOM")
    url = f"http://127.0.0.1/dicom-web/studies/{study}/series/{series}"
    put(item, "WADORSRetrievalSequence", put({}, "RetrieveURL", url))
    return dict(sorted(item.items()))


def _request(study: str) -> Attributes:
    request: Attributes = {}
    for keyword in (
        "IssuerOfAccessionNumberSequence",
        "OrderPlacerIdentifierSequence",
        "OrderFillerIdentifierSequence",
        "RequestedProcedureDescription",
        "RequestedProcedureCodeSequence",
    ):
        put(request, keyword)
    accession: Any = f"A{new_uid()[-10:]}"
    put(request, "AccessionNumber", accession)
    put(request, "StudyInstanceUID", study)
    put(request, "RequestedProcedureID", "RP1")
    return dict(sorted(request.items()))
