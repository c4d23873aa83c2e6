"""One workitem at the simulated worklist manager: its states, kept simple (PS3.4 Table CC.1.1-2), and its events."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from conformance.partners.attributes import Attributes, put, tag_of, text, values
from conformance.partners.reports import EVENT_TYPE, MESSAGE_ID, PUSH, SOP_CLASS, SOP_INSTANCE, Kind
from conformance.partners.simulating import Reply

SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
FINAL = (COMPLETED, CANCELED)
_NOT_SETTABLE = {tag_of(keyword) for keyword in ("ProcedureStepState", "TransactionUID", "SOPInstanceUID")}
_ASSIGNED = ("ScheduledStationNameCodeSequence", "ScheduledHumanPerformersSequence")
_INCORRECT = "The Transaction UID is incorrect."
_MISSING = "The Transaction UID is missing."
_INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."
_REFUSED_UPDATE = "The submitted request is inconsistent with the current state of the Workitem."


@dataclass(slots=True)
class Item:
    """One workitem.

    Attributes:
        uid: SOP Instance UID.
        content: as Retrieve answers it, without Transaction UID.
        owner: Transaction UID of the claim; empty before.
    """

    uid: str
    content: Attributes
    owner: str = ""

    @property
    def state(self) -> str:
        """Procedure Step State."""
        return text(self.content, "ProcedureStepState")

    def enter(self, state: str) -> None:
        """Be in a state."""
        put(self.content, "ProcedureStepState", state)

    def change_state(self, wanted: str, transaction_uid: str) -> Reply:
        """What a request to change the state is answered, and the change; 409 for the state, 400 for the owner."""
        if wanted not in {IN_PROGRESS, *FINAL}:
            return Reply.warning(400, _INCONSISTENT)
        if not transaction_uid:
            return Reply.warning(400, _MISSING)
        if self.owner and transaction_uid != self.owner:
            return Reply.warning(400, _INCORRECT)
        if self.state == wanted and wanted in FINAL:
            return Reply.warning(200, f"The UPS is already in the requested state of {wanted}.")
        if self.state != (SCHEDULED if wanted == IN_PROGRESS else IN_PROGRESS):
            return Reply.warning(409, _INCONSISTENT)
        self.owner = transaction_uid
        self.enter(wanted)
        return Reply(200)

    def update(self, changes: Attributes, transaction_uid: str) -> Reply:
        """What an update is answered, and the update."""
        if self.state in FINAL:
            return Reply.warning(400, _REFUSED_UPDATE)
        if self.state == SCHEDULED and transaction_uid:
            return Reply.warning(409, _REFUSED_UPDATE)
        if self.state == IN_PROGRESS and transaction_uid != self.owner:
            return Reply.warning(400, _REFUSED_UPDATE)
        self.content.update({tag: value for tag, value in changes.items() if tag.upper() not in _NOT_SETTABLE})
        return Reply(200)


def created(uid: str, dataset: Attributes) -> Item:
    """A new workitem of a dataset for N-CREATE."""
    content = copy.deepcopy(dataset)
    content.pop(tag_of("TransactionUID"), None)
    put(content, "SOPClassUID", PUSH)
    put(content, "SOPInstanceUID", uid)
    return Item(uid, dict(sorted(content.items())))


def events(before: Attributes, after: Attributes) -> list[tuple[Kind, Attributes]]:
    """The events that a change gives rise to (PS3.4 CC.2.4.3); all that a creation gives, when nothing was before."""
    found: list[tuple[Kind, Attributes]] = []
    if _differ(before, after, "ProcedureStepState", "InputReadinessState"):
        found.append((Kind.STATE, state_report(after)))
    if _differ(before, after, *_ASSIGNED) and any(values(after, keyword) for keyword in _ASSIGNED):
        found.append((Kind.ASSIGNED, _assignment(after)))
    if before and _differ(before, after, "ProcedureStepProgressInformationSequence"):
        found.append((Kind.PROGRESS, _part(after, "ProcedureStepProgressInformationSequence")))
    return found


def state_report(content: Attributes) -> Attributes:
    """What a State Report tells."""
    return _part(content, "ProcedureStepState", "InputReadinessState")


def frame(kind: int, uid: str, information: Attributes, message_id: int) -> Attributes:
    """An event report as a WebSocket carries it (PS3.18 section 8.10.5)."""
    return {
        SOP_CLASS: {"vr": "UI", "Value": [PUSH]},
        MESSAGE_ID: {"vr": "US", "Value": [message_id]},
        SOP_INSTANCE: {"vr": "UI", "Value": [uid]},
        EVENT_TYPE: {"vr": "US", "Value": [int(kind)]},
        **dict(sorted(information.items())),
    }


def _assignment(content: Attributes) -> Attributes:
    human: Any = next(iter(values(content, "ScheduledHumanPerformersSequence")), {})
    return {
        **_part(content, "ScheduledStationNameCodeSequence"),
        **_part(human, "HumanPerformerCodeSequence", "HumanPerformerOrganization"),
    }


def _part(content: Attributes, *keywords: str) -> Attributes:
    return {tag: copy.deepcopy(content[tag]) for tag in map(tag_of, keywords) if content.get(tag, {}).get("Value")}


def _differ(before: Attributes, after: Attributes, *keywords: str) -> bool:
    return any(values(before, keyword) != values(after, keyword) for keyword in keywords)
