"""Workitems as FHIR Tasks: status follows the UPS state (orders.md 11.3; HL7-071)."""

from __future__ import annotations

from profiles.dicom import JsonDataset, get_code, item, items, text
from profiles.fhir.datatypes import Json, concept, logical, numbered, uid_identifier
from profiles.fhir.elements import Version, resource
from profiles.tables import read_table

_PRIORITIES = {"HIGH": "urgent", "MEDIUM": "routine", "LOW": "routine"}


def task_status(state: str, readiness: str, *, begun: bool) -> str:
    """Task.status of a workitem.

    Args:
        state: Procedure Step State (0074,1000).
        readiness: Input Readiness State (0040,4041).
        begun: a performer claimed it.
    """
    for row in read_table("profiles.fhir", "task_status"):
        fits = row["readiness"] in {readiness, "*"} and row["begun"] in {"", "yes" if begun else "no"}
        if row["state"] == state and fits:
            return row["status"]
    return "requested"


def task_of(uid: str, workitem: JsonDataset, version: Version) -> Json:
    """A workitem as a Task.

    Args:
        uid: of the workitem.
        workitem: as the Task Manager has it.
        version: of FHIR.
    """
    begun = bool(items(workitem, "UnifiedProcedureStepPerformedProcedureSequence"))
    code = get_code(workitem, "ScheduledWorkitemCodeSequence")
    study = text(workitem, "StudyInstanceUID") or _input_study(workitem)
    accession = text(item(workitem, "ReferencedRequestSequence") or {}, "AccessionNumber")
    patient = {"value": text(workitem, "PatientID")}
    return resource(
        "Task",
        version,
        {
            "id": uid,
            "identifiers": uid_identifier(uid),
            "status": task_status(
                text(workitem, "ProcedureStepState"), text(workitem, "InputReadinessState"), begun=begun
            ),
            "intent": "order",
            "priority": _PRIORITIES.get(text(workitem, "ScheduledProcedureStepPriority"), ""),
            "code": concept(code) if code else None,
            "focus": logical("ImagingStudy", uid_identifier(study)) if study else None,
            "patient": logical("Patient", patient) if patient["value"] else None,
            "orders": logical("ServiceRequest", numbered("ACSN", accession)) if accession else None,
        },
    )


def _input_study(workitem: JsonDataset) -> str:
    return next((text(one, "StudyInstanceUID") for one in items(workitem, "InputInformationSequence")), "")
