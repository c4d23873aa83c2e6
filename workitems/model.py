"""Values of the domain: a workitem, a change to it, an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from profiles.dicom import JsonDataset
from profiles.ups import State


class EventKind(StrEnum):
    """What the outbox tells: the UPS events of PS3.4 CC.2.4 and what the operational log needs besides."""

    CREATED = "workitem-created"
    CLAIMED = "workitem-claimed"
    CLAIM_REFUSED = "claim-refused"
    PROGRESS = "workitem-progress"
    ASSIGNED = "workitem-assigned"
    CANCEL_REQUESTED = "cancel-requested"
    CANCELED = "workitem-canceled"
    COMPLETED = "workitem-completed"
    READINESS = "readiness-changed"


@dataclass(frozen=True, slots=True)
class Workitem:
    """A workitem at one revision. The Transaction UID is kept beside the dataset, never in it."""

    uid: str
    revision: int
    state: State
    content: JsonDataset
    transaction_uid: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a workitem, with its place in the outbox once it is stored."""

    kind: EventKind
    workitem_uid: str
    revision: int
    at: datetime
    content: JsonDataset
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """The next revision of a workitem and the events that go with it; expected revision 0 means it is new."""

    workitem: Workitem
    expected_revision: int
    events: tuple[Event, ...] = ()
