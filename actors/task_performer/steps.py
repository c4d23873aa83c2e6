"""Named steps of the Task Performer: logged when reached, and survived when killed there."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """The way of one workitem; each but ``inference_started`` stands in the journal when it is reached."""

    TRANSACTION_UID_STORED = "task_performer.transaction_uid_stored"
    CLAIMED = "task_performer.claimed"
    RETRIEVED = "task_performer.retrieved"
    INFERENCE_STARTED = "task_performer.inference_started"
    INFERRED = "task_performer.inferred"
    ENCODED = "task_performer.encoded"
    STORED = "task_performer.stored"
    UPDATED = "task_performer.updated"
    COMPLETED = "task_performer.completed"
