"""The named steps of the Task Requester: a kill at any of them must be survived."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """From an order message to the workitem."""

    MESSAGE_RECEIVED = "task_requester.message-received"
    MESSAGE_STORED = "task_requester.message-stored"
    ORDER_REPORTED = "task_requester.order-reported"
    STUDY_COMPLETE = "task_requester.study-complete"
    WORKITEM_PLANNED = "task_requester.workitem-planned"
    IMAGES_REPORTED = "task_requester.images-reported"
    WORKITEM_CREATED = "task_requester.workitem-created"
    WORKITEM_RECORDED = "task_requester.workitem-recorded"
