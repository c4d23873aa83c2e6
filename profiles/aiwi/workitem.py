"""The workitem that a Task Requester creates for an order and its images (RAD-80; PS3.4 Table CC.2.5-3)."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cache

from profiles.aiwi.values import InputSeries, InputStudy, Request
from profiles.dicom import Code, JsonDataset, dicom_datetime, get_all, put, put_codes, put_items, tag_of, text
from profiles.hl7.values import EntityIdentifier, ImagingOrder
from profiles.tables import read_table
from profiles.ups.parameters import text_parameter, want_version
from profiles.ups.validation import enumerated, with_type_2

_NAMESPACE = uuid.UUID("6c1f5b0e-7d4c-5e0f-9a55-0d5c1f0c8a11")
_SHORT, _LONG = 16, 64
#: HL7 table 0301 has a second name for it.
_SAME_KIND = {"GUID": "UUID"}
_PARTS = ("namespace", "universal_id", "universal_id_type")


def workitem_uid(order_key: str, study_instance_uid: str, rule: str, revision: int = 1) -> str:
    """The UID of the workitem for an order, a study and a rule: the same whenever it is asked for.

    A requester that creates the workitem again after a crash therefore names the same one (AIWI-TR-001, HL7-028).

    Args:
        order_key: `ImagingOrder.key` of the order's first message.
        study_instance_uid: of the images.
        rule: name of the rule that decided.
        revision: counts on when the workitem is to be made anew.
    """
    name = "\n".join((order_key, study_instance_uid, rule, str(revision)))
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


def workitem_for_order(
    order: ImagingOrder,
    study: InputStudy,
    request: Request,
    *,
    archive_url: str,
    destination_url: str,
    now: datetime,
) -> JsonDataset:
    """The dataset for N-CREATE: every attribute of type 1 and 2 is there, nothing is that must not be.

    Args:
        order: what was ordered.
        study: the images, complete and retrievable.
        request: what shall be done with them.
        archive_url: base of the DICOMweb service that has the images.
        destination_url: where results are stored (STOW-RS), e.g. ``http://…/dicom-web/studies``.
        now: start of the step, timezone-aware.
    """
    workitem: JsonDataset = {}
    put(workitem, "SpecificCharacterSet", "ISO_IR 192")
    put(workitem, "ProcedureStepState", "SCHEDULED")
    put(workitem, "ScheduledProcedureStepPriority", priority_of(order.priority, request.routine_priority))
    put(workitem, "ProcedureStepLabel", _cut(request.label, _LONG))
    _put_text(workitem, "WorklistLabel", request.worklist_label, _LONG)
    put(workitem, "ScheduledProcedureStepStartDateTime", dicom_datetime(now))
    put(workitem, "InputReadinessState", "READY")
    put(workitem, "StudyInstanceUID", study.study_instance_uid)
    put_codes(workitem, "ScheduledWorkitemCodeSequence", request.workitem_code)
    put_codes(
        workitem, "ScheduledStationClassCodeSequence", *([request.station_class] if request.station_class else [])
    )
    parameters = [text_parameter(concept, value) for concept, value in request.parameters.items()]
    put_items(workitem, "ScheduledProcessingParametersSequence", *parameters)
    want_version(workitem, request.engine_version)
    put_items(workitem, "InputInformationSequence", *input_items(study, archive_url))
    storage = put(_dataset(), "StorageURL", destination_url)
    put_items(workitem, "OutputDestinationSequence", put_items(_dataset(), "STOWRSStorageSequence", storage))
    _put_patient(workitem, order, study.identity)
    put_items(workitem, "ReferencedRequestSequence", _request(order, study))
    for keyword in _must_be_present():
        workitem.setdefault(tag_of(keyword), put(_dataset(), keyword)[tag_of(keyword)])
    with_type_2(workitem)
    return dict(sorted(workitem.items()))


def with_patient(workitem: JsonDataset, order: ImagingOrder) -> JsonDataset:
    """A workitem for the patient of its order as known now; what nobody told otherwise since stays (HL7-043, HL7-044).

    Args:
        workitem: as it was sent to be created.
        order: for its present patient.
    """
    changed = dict(workitem)
    _put_patient(changed, order, workitem)
    with_type_2(changed)
    return dict(sorted(changed.items()))


def input_items(study: InputStudy, archive_url: str) -> list[JsonDataset]:
    """Items of Input Information Sequence (0040,4021): one for each series of a study."""
    return [_input(study.study_instance_uid, series, archive_url.rstrip("/")) for series in study.series]


def priority_of(ordered: str, routine: str = "MEDIUM") -> str:
    """UPS priority of an order priority; routine and unknown ones give the rule's own (HL7-057)."""
    return _priorities().get(ordered.strip().upper()) or routine


def explain_priority(ordered: str, routine: str = "MEDIUM") -> str:
    """Why a workitem has its priority, in words."""
    said = ordered.strip().upper()
    found = _priorities().get(said)
    if found:
        return f"priority {found}: the order says {said} (HL7 table 0485)"
    reason = f"the order says {said[:20]}, which asks for nothing else" if said else "the order names none"
    return f"priority {routine}: {reason}, so the rule's own priority applies"


@cache
def _priorities() -> dict[str, str]:
    return {row["code"]: row["ups_priority"] for row in read_table("profiles.hl7", "priorities")}


@cache
def _must_be_present() -> tuple[str, ...]:
    rows = read_table("profiles.aiwi", "content")
    return tuple(row["path"] for row in rows if "." not in row["path"] and row["presence"] in {"present", "empty"})


def _dataset() -> JsonDataset:
    return {}


def _input(study_uid: str, series: InputSeries, archive_url: str) -> JsonDataset:
    found = _dataset()
    put(found, "TypeOfInstances", "DICOM")
    put(found, "StudyInstanceUID", study_uid)
    put(found, "SeriesInstanceUID", series.series_instance_uid)
    references = []
    for instance in series.instances:
        reference = put(_dataset(), "ReferencedSOPClassUID", instance.sop_class_uid)
        references.append(put(reference, "ReferencedSOPInstanceUID", instance.sop_instance_uid))
    put_items(found, "ReferencedSOPSequence", *references)
    url = f"{archive_url}/studies/{study_uid}/series/{series.series_instance_uid}"
    put_items(found, "WADORSRetrievalSequence", put(_dataset(), "RetrieveURL", url))
    return dict(sorted(found.items()))


def _put_patient(workitem: JsonDataset, order: ImagingOrder, images: JsonDataset) -> None:
    """Patient attributes as the patient feed told them (HL7-043, HL7-044), else as the images have them (AIWI-TR-005).

    What neither has is as the order has it, else empty.
    """
    patient = order.patient
    ordered = {
        "PatientName": patient.name,
        "PatientID": patient.identifier.value,
        "PatientBirthDate": patient.birth_date,
        "PatientSex": patient.sex,
        "IssuerOfPatientID": patient.identifier.namespace,
    }
    for keyword, value in ordered.items():
        if keyword not in order.registered and get_all(images, keyword):
            workitem[tag_of(keyword)] = images[tag_of(keyword)]
        else:
            _put_text(workitem, keyword, value, _LONG)
    if universal := _universal(patient.identifier):
        put_items(workitem, "IssuerOfPatientIDQualifiersSequence", universal)
    others = [_other_identifier(other) for other in patient.other_identifiers]
    put_items(workitem, "OtherPatientIDsSequence", *others)
    _put_text(workitem, "AdmissionID", order.admission.value, _LONG)
    if order.admission:
        put_items(workitem, "IssuerOfAdmissionIDSequence", *_issuer(order.admission))


def _other_identifier(identifier: EntityIdentifier) -> JsonDataset:
    found = put(_dataset(), "PatientID", _cut(identifier.value, _LONG))
    _put_text(found, "IssuerOfPatientID", identifier.namespace, _LONG)
    return put(found, "TypeOfPatientID", "TEXT")


def _request(order: ImagingOrder, study: InputStudy) -> JsonDataset:
    found = put(_dataset(), "StudyInstanceUID", study.study_instance_uid)
    accession = order.accession.value or text(study.identity, "AccessionNumber")
    put(found, "AccessionNumber", *([_one_line(accession)] if 0 < len(accession) <= _SHORT else []))
    put_items(found, "IssuerOfAccessionNumberSequence", *_issuer(order.accession))
    for number, keyword, assigner in (
        (order.placer, "PlacerOrderNumberImagingServiceRequest", "OrderPlacerIdentifierSequence"),
        (order.filler, "FillerOrderNumberImagingServiceRequest", "OrderFillerIdentifierSequence"),
    ):
        if number:
            put(found, keyword, _cut(number.value, _LONG))
        put_items(found, assigner, *_issuer(number))
    procedure_id = order.requested_procedure_id
    put(found, "RequestedProcedureID", *([_one_line(procedure_id)] if 0 < len(procedure_id) <= _SHORT else []))
    _put_text(found, "RequestedProcedureDescription", order.procedure.meaning if order.procedure else "", _LONG)
    put_codes(found, "RequestedProcedureCodeSequence", *([_short_meaning(order.procedure)] if order.procedure else []))
    _put_optional(found, order)
    return dict(sorted(found.items()))


def _put_optional(found: JsonDataset, order: ImagingOrder) -> None:
    optional = {
        "ReasonForTheRequestedProcedure": order.reason,
        "RequestingPhysician": order.requesting_physician.name,
        "ReferringPhysicianName": order.referring_physician.name,
        "RequestingService": order.requesting_service,
    }
    for keyword, value in optional.items():
        if value:
            _put_text(found, keyword, value, _LONG)
    if order.reason_code:
        put_codes(found, "ReasonForRequestedProcedureCodeSequence", _short_meaning(order.reason_code))


def _issuer(identifier: EntityIdentifier) -> list[JsonDataset]:
    """HL7v2 Hierarchic Designator macro (PS3.3 Table 10-17): namespace, or universal id with its type, or both."""
    found = _universal(identifier)
    if identifier.value and identifier.namespace:
        put(found, "LocalNamespaceEntityID", _cut(identifier.namespace, _LONG))
    return [dict(sorted(found.items()))] if found and identifier.value else []


def _universal(identifier: EntityIdentifier) -> JsonDataset:
    """Nothing where DICOM has no such kind of identifier (PS3.3 Table 10-17; HL7 table 0301 has more)."""
    found, kind = _dataset(), identifier.universal_id_type.upper()
    kind = _SAME_KIND.get(kind, kind)
    if identifier.universal_id and kind in enumerated()["UniversalEntityIDType"]:
        put(found, "UniversalEntityID", identifier.universal_id)
        put(found, "UniversalEntityIDType", kind)
    return found


def _short_meaning(coded: Code) -> Code:
    return Code(_one_line(coded.value), _cut(coded.scheme, _SHORT), _cut(coded.meaning, _LONG))


def _put_text(dataset: JsonDataset, keyword: str, value: str, longest: int) -> None:
    put(dataset, keyword, *([_cut(value, longest)] if value else []))


def _cut(value: str, longest: int) -> str:
    return _one_line(value)[:longest].strip()


def _one_line(value: str) -> str:
    """No line ends and no backslash: neither can stand in SH, LO or PN (PS3.5 section 6.2)."""
    return " ".join(value.replace("\\", "/").split())
