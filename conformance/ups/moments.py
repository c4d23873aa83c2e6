"""The moments of a workitem's life, and which of them a dataset shows by its content."""

from __future__ import annotations

from enum import StrEnum

from conformance.ups.elements import Dataset, has_value, tag_of, text


class Moment(StrEnum):
    """When a dataset is sent or kept.

    Attributes:
        CREATE: request of N-CREATE or Create.
        STORED: answer of N-GET or Retrieve; of a final state also what that state needs.
        UPDATE: request of N-SET or Update.
        COMPLETED: as stored, and fit to be COMPLETED whatever its state says.
        CANCELED: as stored, and fit to be CANCELED whatever its state says.
        FOUND: one result of C-FIND or Search.
        EVENT: an event report with its command elements, as a WebSocket carries it.
        STATE: request of Change State.
        CANCEL: request of Request Cancellation.
    """

    CREATE = "create"
    STORED = "stored"
    UPDATE = "update"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FOUND = "found"
    EVENT = "event"
    STATE = "state"
    CANCEL = "cancel"


CANCEL_REQUEST = (
    "ReasonForCancellation",
    "ProcedureStepDiscontinuationReasonCodeSequence",
    "ContactURI",
    "ContactDisplayName",
)
"""What a request to cancel may say (PS3.4 Table CC.2.2-1)."""

_ANYWHERE = {tag_of("SpecificCharacterSet"), tag_of("TimezoneOffsetFromUTC")}
_STATE = {tag_of("TransactionUID"), tag_of("ProcedureStepState")}
_CANCEL = {tag_of(keyword) for keyword in CANCEL_REQUEST}
_OF_CREATION = (
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "ScheduledProcedureStepStartDateTime",
    "InputReadinessState",
)
_ENOUGH = 3


def moment_of(dataset: Dataset) -> Moment:
    """The moment that a dataset shows by its attributes."""
    tags = set(dataset) - _ANYWHERE
    if any(tag.startswith("0000") for tag in tags):
        return Moment.EVENT
    if tags and tags <= _STATE:
        return Moment.STATE
    if tags and tags <= _CANCEL:
        return Moment.CANCEL
    if _is_kept(dataset):
        return Moment.STORED
    if _is_result(dataset):
        return Moment.FOUND
    return Moment.CREATE if _is_creation(dataset) else Moment.UPDATE


def _is_kept(dataset: Dataset) -> bool:
    """Only what is kept has been modified, or has come further than SCHEDULED."""
    of_server = has_value(dataset, "ScheduledProcedureStepModificationDateTime")
    named = has_value(dataset, "ProcedureStepState") or has_value(dataset, "SOPInstanceUID")
    return (of_server and named) or text(dataset, "ProcedureStepState") not in {"", "SCHEDULED"}


def _is_result(dataset: Dataset) -> bool:
    """A search returns performers always and the modification at will; a creation has Transaction UID, empty."""
    returned = tag_of("ScheduledHumanPerformersSequence") in dataset and has_value(dataset, "SOPInstanceUID")
    return returned and tag_of("TransactionUID") not in dataset


def _is_creation(dataset: Dataset) -> bool:
    """A creation has Transaction UID without a value, or is known by what it must say."""
    if tag_of("TransactionUID") in dataset and not has_value(dataset, "ProcedureStepState"):
        return not has_value(dataset, "TransactionUID")
    known = sum(tag_of(keyword) in dataset for keyword in _OF_CREATION)
    return known >= _ENOUGH or text(dataset, "ProcedureStepState") == "SCHEDULED"
