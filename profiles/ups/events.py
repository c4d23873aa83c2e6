"""UPS event reports (PS3.4 CC.2.4, PS3.18 8.10.5): their attributes by type, and their form on a WebSocket."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from functools import cache

from profiles.dicom import JsonDataset, item, items, tag_of
from profiles.tables import read_table

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
_MESSAGE_IDS = 2**16
_PROGRESS = ("ProcedureStepProgress", "ProcedureStepProgressDescription", "ProcedureStepProgressParametersSequence")
_PROGRESS_TAGS = tuple(tag_of(keyword) for keyword in (*_PROGRESS, "ProcedureStepCommunicationsURISequence"))


class EventType(IntEnum):
    """Event Type ID (0000,1002), PS3.4 Table CC.2.4-1."""

    STATE_REPORT = 1
    CANCEL_REQUESTED = 2
    PROGRESS_REPORT = 3
    SCP_STATUS_CHANGE = 4
    ASSIGNED = 5


@cache
def event_attributes() -> dict[int, tuple[str, ...]]:
    """Tags of the attributes that each type of event may carry."""
    return {
        int(row["id"]): tuple(tag_of(keyword) for keyword in row["attributes"].split())
        for row in read_table("profiles.ups", "event_types")
    }


def event_information(kind: EventType, content: JsonDataset) -> Iterator[JsonDataset]:
    """Event Information of the reports that one event leads to; one for each human performer (PS3.4 CC.2.4.3).

    Args:
        kind: of event.
        content: attributes of the workitem at that moment, and of the request that led to the event.
    """
    source = content
    if kind is EventType.STATE_REPORT:
        source = {**item(content, "ProcedureStepProgressInformationSequence"), **content}
    if kind is EventType.PROGRESS_REPORT:
        yield {tag_of("ProcedureStepProgressInformationSequence"): _progress(content)}
        return
    performers = items(content, "ScheduledHumanPerformersSequence") if kind is EventType.ASSIGNED else []
    for performer in performers or [{}]:
        found = {**source, **performer}
        yield {tag: found[tag] for tag in event_attributes()[kind] if _is_told(found.get(tag))}


def progress_of(content: JsonDataset) -> JsonDataset:
    """What is progress in the Progress Information Sequence, which also says why a workitem was canceled."""
    found = item(content, "ProcedureStepProgressInformationSequence")
    return {tag: element for tag, element in found.items() if tag in _PROGRESS_TAGS}


def _is_told(element: object) -> bool:
    return isinstance(element, dict) and bool(element.get("Value"))


def _progress(content: JsonDataset) -> JsonDataset:
    return {"vr": "SQ", "Value": [progress_of(content)]}


def event_frame(kind: EventType, workitem_uid: str, message_id: int, information: JsonDataset) -> JsonDataset:
    """The dataset of one event report as it goes over a WebSocket (PS3.18 8.10.5, 11.13).

    Args:
        kind: of event.
        workitem_uid: Affected SOP Instance UID.
        message_id: grows from event to event; cut to 16 bits.
        information: from `event_information`.
    """
    return {
        "00000002": {"vr": "UI", "Value": [UPS_PUSH]},
        "00000110": {"vr": "US", "Value": [message_id % _MESSAGE_IDS]},
        "00001000": {"vr": "UI", "Value": [workitem_uid]},
        "00001002": {"vr": "US", "Value": [int(kind)]},
        **dict(sorted(information.items())),
    }
