"""The columns that a search starts from: which attribute each holds, and how."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from profiles.dicom import JsonDataset, tag_of, vr_of
from workitems.matching import RANGE_VRS, significant, values_at, zone_of
from workitems.moments import span
from workitems.names import GROUPS, groups_of

#: Attribute by column.
SEARCHED = {
    "label": "WorklistLabel",
    "priority": "ScheduledProcedureStepPriority",
    "readiness": "InputReadinessState",
    "workitem_code": "ScheduledWorkitemCodeSequence.CodeValue",
    "station": "ScheduledStationNameCodeSequence.CodeValue",
    "station_class": "ScheduledStationClassCodeSequence.CodeValue",
    "study": "StudyInstanceUID",
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "accession": "ReferencedRequestSequence.AccessionNumber",
    "requested_procedure": "ReferencedRequestSequence.RequestedProcedureID",
    "replaced": "ReplacedProcedureStepSequence.ReferencedSOPInstanceUID",
    "start": "ScheduledProcedureStepStartDateTime",
    "expected_completion": "ExpectedCompletionDateTime",
}
#: Tags of the top-level attributes that the columns come from, and of what tells how to read dates.
SEARCHED_TAGS = frozenset(tag_of(path.partition(".")[0]) for path in SEARCHED.values()) | {
    tag_of("TimezoneOffsetFromUTC")
}
#: In a column: there are several values, which differ; the search then looks at the dataset itself.
SEVERAL = "*"
#: Columns that are empty in most rows, which their indexes leave out.
SPARSE = frozenset({"station_class", "expected_completion", "replaced"})
#: Columns that may say so. The others are of attributes that have one value (PS3.6, VM 1; creation refuses more).
MAY_BE_SEVERAL = frozenset(column for column, path in SEARCHED.items() if "." in path or vr_of(path) == "PN")


def search_columns(content: JsonDataset) -> dict[str, str]:
    """The columns of a workitem's dataset."""
    zone = zone_of(content)
    return {column: _column(content, column, path, zone) for column, path in SEARCHED.items()}


def _column(content: JsonDataset, column: str, path: str, zone: timedelta) -> str:
    vr = vr_of(path.rpartition(".")[2])
    texts = list(dict.fromkeys(_text(vr, value, zone) for value in values_at(content, path)))
    return SEVERAL if len(texts) > 1 and column in MAY_BE_SEVERAL else next(iter(texts), "")


def _text(vr: str, value: Any, zone: timedelta) -> str:
    if value is None:
        return ""
    if vr == "PN":
        groups = groups_of(value)
        return SEVERAL if set(groups) - {GROUPS[0]} else groups.get(GROUPS[0], "")
    if vr in RANGE_VRS:
        found = span(vr, significant(vr, value), zone)
        return instant(found.first) if found else ""
    return significant(vr, value)


def instant(moment: datetime) -> str:
    """A moment as text that sorts by time; later than every mark."""
    return moment.isoformat(timespec="microseconds")
