"""Workitems of fictional patients, as tests and benchmarks need them by the thousand."""

from __future__ import annotations

from datetime import datetime

from connectathon.fiction import DemoOrder, new_order
from profiles.dicom import Code, JsonDataset, dicom_datetime, put, put_codes, put_items, tag_of
from profiles.ups.attributes import attribute_rules

ANALYSIS = Code("BRAINSEG", "99STEPWELL", "Brain segmentation")
STATION = Code("AI_ONE", "L", "AI one")


def new_workitem(order: DemoOrder | None = None, *, now: datetime, label: str = "BRAIN") -> JsonDataset:
    """A workitem that meets every N-CREATE requirement.

    Args:
        order: what was ordered; a new one when not given.
        now: when the step is to start, timezone-aware.
        label: Worklist Label.
    """
    order = order or new_order()
    workitem: JsonDataset = {}
    put(workitem, "ProcedureStepState", "SCHEDULED")
    put(workitem, "ScheduledProcedureStepPriority", "MEDIUM")
    put(workitem, "ProcedureStepLabel", "Brain segmentation")
    put(workitem, "WorklistLabel", label)
    put(workitem, "ScheduledProcedureStepStartDateTime", dicom_datetime(now))
    put(workitem, "InputReadinessState", "READY")
    put(workitem, "StudyInstanceUID", order.study_instance_uid)
    put(workitem, "PatientName", {"Alphabetic": order.patient_name})
    put(workitem, "PatientID", order.patient_id)
    put(workitem, "IssuerOfPatientID", order.issuer)
    put(workitem, "PatientBirthDate", order.patient_birth_date)
    put(workitem, "PatientSex", order.patient_sex)
    put_codes(workitem, "ScheduledWorkitemCodeSequence", ANALYSIS)
    put_items(workitem, "ReferencedRequestSequence", _request(order))
    for rule in attribute_rules():
        if len(rule.path) == 1 and rule.ncreate.startswith("2/"):
            empty: JsonDataset = {}
            workitem.setdefault(tag_of(rule.path[0]), put(empty, rule.path[0])[tag_of(rule.path[0])])
    return dict(sorted(workitem.items()))


def performed(now: datetime) -> JsonDataset:
    """An update that gives a workitem everything that COMPLETED asks of it."""
    done: JsonDataset = {}
    put_codes(done, "PerformedStationNameCodeSequence", STATION)
    put_codes(done, "PerformedWorkitemCodeSequence", ANALYSIS)
    put(done, "PerformedProcedureStepStartDateTime", dicom_datetime(now))
    put(done, "PerformedProcedureStepEndDateTime", dicom_datetime(now))
    put_items(done, "OutputInformationSequence")
    update: JsonDataset = {}
    return put_items(update, "UnifiedProcedureStepPerformedProcedureSequence", done)


def _request(order: DemoOrder) -> JsonDataset:
    request: JsonDataset = {}
    put(request, "StudyInstanceUID", order.study_instance_uid)
    put(request, "AccessionNumber", order.accession_number)
    put_items(request, "IssuerOfAccessionNumberSequence")
    put_items(request, "OrderPlacerIdentifierSequence")
    put_items(request, "OrderFillerIdentifierSequence")
    put(request, "RequestedProcedureID", order.requested_procedure_id)
    put(request, "RequestedProcedureDescription", order.procedure_description)
    put_items(request, "RequestedProcedureCodeSequence")
    put(request, "PlacerOrderNumberImagingServiceRequest", order.placer_order_number)
    put(request, "FillerOrderNumberImagingServiceRequest", order.filler_order_number)
    return request
