"""The datasets that a performer sends in RAD-84: progress, what was performed, why it was discontinued. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from actors.task_performer.failing import Reason
from actors.task_performer.journal import Output
from profiles.air import AlgorithmIdentification
from profiles.dicom import Code, JsonDataset, code, dicom_datetime, get_code, put, put_codes, put_items

_PROGRESS = "ProcedureStepProgressInformationSequence"
_DESCRIPTION_LENGTH = 1024


def progress(percent: int, words: str) -> JsonDataset:
    """How far the work has come (PS3.3 C.30.1).

    Args:
        percent: 0 to 100.
        words: what is being done.
    """
    found = put(_dataset(), "ProcedureStepProgress", max(0, min(100, percent)))
    put(found, "ProcedureStepProgressDescription", words[:_DESCRIPTION_LENGTH])
    return put_items(_dataset(), _PROGRESS, found)


def discontinued(reason: Reason, percent: int, at: datetime) -> JsonDataset:
    """Why a workitem is about to be canceled (PS3.4 CC.2.5.1.3.2: needed before CANCELED).

    Args:
        reason: with a code of CID 9300.
        percent: how far the work had come.
        at: when it was given up, timezone-aware.
    """
    found = put(_dataset(), "ProcedureStepProgress", max(0, min(100, percent)))
    put(found, "ProcedureStepProgressDescription", reason.meaning)
    put(found, "ProcedureStepCancellationDateTime", dicom_datetime(at))
    put(found, "ReasonForCancellation", reason.text[:_DESCRIPTION_LENGTH])
    put_codes(found, "ProcedureStepDiscontinuationReasonCodeSequence", reason.code)
    return put_items(_dataset(), _PROGRESS, dict(sorted(found.items())))


def performed(
    workitem: JsonDataset,
    outputs: Sequence[Output],
    *,
    station: Code,
    algorithm: AlgorithmIdentification,
    archive: str,
    started_at: datetime,
    ended_at: datetime,
) -> JsonDataset:
    """What was done, all that COMPLETED needs (ups.md 11.4, AIW-I 4.84.4.1.2.1).

    Args:
        workitem: as it was scheduled; its workitem code is also the performed one.
        outputs: every stored instance.
        station: AE title as value, name as meaning.
        algorithm: what ran; goes to Performed Processing Parameters.
        archive: base URL of the DICOMweb service that has the outputs.
        started_at: when the work began.
        ended_at: when the results were stored, not before ``started_at``.
    """
    found = put_codes(_dataset(), "PerformedStationNameCodeSequence", station)
    put_codes(found, "PerformedStationClassCodeSequence")
    put_codes(found, "PerformedStationGeographicLocationCodeSequence")
    put(found, "PerformedProcedureStepStartDateTime", dicom_datetime(started_at))
    put(found, "PerformedProcedureStepEndDateTime", dicom_datetime(max(started_at, ended_at)))
    put(found, "PerformedProcedureStepDescription", f"{algorithm.name} {algorithm.version}"[:64])
    scheduled = get_code(workitem, "ScheduledWorkitemCodeSequence")
    put_codes(found, "PerformedWorkitemCodeSequence", *([scheduled] if scheduled else []))
    put_items(found, "PerformedProcessingParametersSequence", *_parameters(algorithm))
    put_items(found, "OutputInformationSequence", *_outputs(outputs, archive.rstrip("/")))
    changes = put_items(_dataset(), "UnifiedProcedureStepPerformedProcedureSequence", dict(sorted(found.items())))
    return {**progress(100, "results stored"), **changes}


def _parameters(algorithm: AlgorithmIdentification) -> list[JsonDataset]:
    """The algorithm's identity as content items (concepts of TID 4019)."""
    named = (("111001", algorithm.name), ("111003", algorithm.version), ("122405", algorithm.manufacturer))
    parameters = []
    for concept, value in named:
        if value:
            parameter = put(_dataset(), "ValueType", "TEXT")
            put_codes(parameter, "ConceptNameCodeSequence", code("DCM", concept))
            parameters.append(put(parameter, "TextValue", value))
    return parameters


def _outputs(outputs: Sequence[Output], archive: str) -> list[JsonDataset]:
    """One item per series (PS3.3 Table C.30.3-1)."""
    found = []
    for (study, series), members in groupby(outputs, key=lambda one: (one.study_instance_uid, one.series_instance_uid)):
        item = put(_dataset(), "TypeOfInstances", "DICOM")
        put(item, "StudyInstanceUID", study)
        put(item, "SeriesInstanceUID", series)
        references = [
            put(
                put(_dataset(), "ReferencedSOPClassUID", one.sop_class_uid),
                "ReferencedSOPInstanceUID",
                one.sop_instance_uid,
            )
            for one in members
        ]
        put_items(item, "ReferencedSOPSequence", *references)
        url = put(_dataset(), "RetrieveURL", f"{archive}/studies/{study}/series/{series}")
        found.append(dict(sorted(put_items(item, "WADORSRetrievalSequence", url).items())))
    return found


def _dataset() -> JsonDataset:
    return {}
