"""Which events of the outbox are UPS event reports, and what they say (PS3.4 CC.2.4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from profiles.dicom import JsonDataset, put, tag_of
from profiles.ups import State
from profiles.ups.events import EventType, event_information
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.model import Event, EventKind, Workitem

_TYPES: Mapping[EventKind, EventType] = {
    EventKind.CREATED: EventType.STATE_REPORT,
    EventKind.STARTED: EventType.STATE_REPORT,
    EventKind.CLAIMED: EventType.STATE_REPORT,
    EventKind.CANCELED: EventType.STATE_REPORT,
    EventKind.COMPLETED: EventType.STATE_REPORT,
    EventKind.READINESS: EventType.STATE_REPORT,
    EventKind.SUBSCRIBED: EventType.STATE_REPORT,
    EventKind.PROGRESS: EventType.PROGRESS_REPORT,
    EventKind.ASSIGNED: EventType.ASSIGNED,
    EventKind.CANCEL_REQUESTED: EventType.CANCEL_REQUESTED,
    EventKind.SCP_STATUS: EventType.SCP_STATUS_CHANGE,
}
#: What is kept of a workitem with each event: what event reports and the operational log tell.
_KEPT = tuple(
    tag_of(keyword)
    for keyword in (
        "PatientID",
        "IssuerOfPatientID",
        "StudyInstanceUID",
        "ScheduledWorkitemCodeSequence",
        "ScheduledStationNameCodeSequence",
        "ScheduledHumanPerformersSequence",
        "InputReadinessState",
        "ReferencedRequestSequence",
        "ProcedureStepState",
        "ProcedureStepProgressInformationSequence",
        "ScheduledProcedureStepPriority",
    )
)


def is_reported(kind: EventKind) -> bool:
    """Whether subscribers are told of such an event."""
    return kind in _TYPES


def reports(event: Event) -> Iterator[tuple[EventType, JsonDataset]]:
    """Type and Event Information of the reports that an event of the outbox leads to."""
    kind = _TYPES[event.kind]
    for information in event_information(kind, event.content):
        yield kind, information


def event_of(
    kind: EventKind,
    workitem: Workitem,
    at: datetime,
    details: JsonDataset | None = None,
    receivers: tuple[str, ...] | None = None,
) -> Event:
    """An event of a workitem as it stands, with details of the request that led to it."""
    content = {tag: workitem.content[tag] for tag in _KEPT if tag in workitem.content}
    return Event(kind, workitem.uid, workitem.revision, at, {**content, **(details or {})}, receivers=receivers)


def started_event(workitem: Workitem, at: datetime) -> Event:
    """The State Report IN PROGRESS that comes before CANCELED when the server cancels a SCHEDULED workitem."""
    event = event_of(EventKind.STARTED, workitem, at)
    put(event.content, "ProcedureStepState", str(State.IN_PROGRESS))
    return event


def scp_status_event(status: str, at: datetime, receivers: tuple[str, ...]) -> Event:
    """The SCP Status Change event; both lists are kept, which is a WARM START (PS3.4 Table CC.2.4-1).

    Args:
        status: RESTARTED or GOING DOWN.
        at: when.
        receivers: who is told.
    """
    content: JsonDataset = {}
    put(content, "SCPStatus", status)
    put(content, "SubscriptionListStatus", "WARM START")
    put(content, "UnifiedProcedureStepListStatus", "WARM START")
    return Event(EventKind.SCP_STATUS, GLOBAL_SUBSCRIPTION, 0, at, content, receivers=receivers)
