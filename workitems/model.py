"""Values of the domain: a workitem, a change to it, an event, a contract, a subscription, a delivery."""

from __future__ import annotations

from collections.abc import Mapping
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
    STARTED = "started-to-be-canceled"
    SUBSCRIBED = "subscribed"
    SCP_STATUS = "scp-status"


class Channel(StrEnum):
    """Over which protocol a subscriber is told (PS3.4 CC.2.4, PS3.18 8.10.5)."""

    WEBSOCKET = "websocket"
    DIMSE = "dimse"


@dataclass(frozen=True, slots=True)
class Workitem:
    """A workitem at one revision, with what the server knows of it besides its dataset.

    Attributes:
        uid: SOP Instance UID.
        revision: grows by one with each change.
        state: Procedure Step State.
        content: the dataset, never with the Transaction UID.
        transaction_uid: the lock of its claim; empty before.
        performer: AE title that claimed it, as far as it was told.
        lease_until: when its claim runs out; None for no lease (DESIGN D7).
        attempt: 1 for the first workitem of a task, one more for each that replaces it after a lease ran out.
        final_at: when it came to a final state; what retention counts from.
        rejected_by: stations that were assigned and rejected it (AIW-I 50.4.2.4).
    """

    uid: str
    revision: int
    state: State
    content: JsonDataset
    transaction_uid: str = field(default="", repr=False)
    performer: str = ""
    lease_until: datetime | None = None
    attempt: int = 1
    final_at: datetime | None = None
    rejected_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a workitem, with its place in the outbox once it is stored.

    Attributes:
        kind: what happened.
        workitem_uid: to which workitem; the global subscription's UID for what concerns all.
        revision: of the workitem then.
        at: when.
        content: the attributes that event reports and the operational log tell of.
        sequence: place in the outbox.
        receivers: who is told; None for every subscriber of the workitem.
    """

    kind: EventKind
    workitem_uid: str
    revision: int
    at: datetime
    content: JsonDataset
    sequence: int = 0
    receivers: tuple[str, ...] | None = None


class Standing(StrEnum):
    """How far a contract has come."""

    AGREED = "agreed"
    PLACED = "placed"
    COMPLETED = "completed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more comes of it."""
        return self in (Standing.COMPLETED, Standing.CANCELED)


@dataclass(frozen=True, slots=True)
class Contract:
    """That a step of one workitem, the parent, is done as another, the child (AIW-I 50.4.1.6, PS3.17 GGG).

    Attributes:
        parent: UID of the workitem that the service performs by having others do its steps.
        step: name of the step.
        child: UID of the workitem that is the step.
        attempt: 1 for the first child of a step, one more for each that is tried after it.
        place: base URL of the UPS-RS service that has the child; empty for the worklist of the parent.
        station: AE title that the child is meant for; empty for nobody in particular.
        standing: how far it has come.
        recalled: whether the child was asked to end.
        result: of a child in its final state, what was performed and how it ended.
        shared: what is done, as a digest, of a step that several parents may have in common; empty for others.
    """

    parent: str
    step: str
    child: str
    attempt: int = 1
    place: str = ""
    station: str = ""
    standing: Standing = Standing.AGREED
    recalled: bool = False
    result: JsonDataset = field(default_factory=dict)
    shared: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """The next revision of a workitem and the events that go with it.

    Attributes:
        workitem: as it shall be.
        expected_revision: as it is now; 0 means that it is new.
        events: what is told of it.
        before: as it is now, where that is known: only what differs is written then.
        heir_of: UID of the workitem that a new one replaces, whose subscribers it takes over.
        contracts: new ones that are agreed with it.
    """

    workitem: Workitem
    expected_revision: int
    events: tuple[Event, ...] = ()
    before: Workitem | None = None
    heir_of: str = ""
    contracts: tuple[Contract, ...] = ()


@dataclass(frozen=True, slots=True)
class GlobalSubscription:
    """An AE's wish to be subscribed to every workitem, or to those that match (PS3.4 CC.2.3.1).

    Attributes:
        receiver: Receiving AE.
        locked: whether its subscriptions carry a deletion lock.
        keys: matching keys of a filtered subscription; empty for all workitems.
    """

    receiver: str
    locked: bool
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that one subscriber has not confirmed yet."""

    receiver: str
    event: Event
