"""The named steps of the Task Requester: a kill at any of them must be survived."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """From an order message to the workitem."""

    MESSAGE_RECEIVED = "task_requester.message_received"
    MESSAGE_STORED = "task_requester.message_stored"
    MESSAGE_WORKED_OUT = "task_requester.message_worked_out"
    ORDER_REPORTED = "task_requester.order_reported"
    STUDY_COMPLETE = "task_requester.study_complete"
    WORKITEM_PLANNED = "task_requester.workitem_planned"
    IMAGES_REPORTED = "task_requester.images_reported"
    WORKITEM_CREATED = "task_requester.workitem_created"
    WORKITEM_RECORDED = "task_requester.workitem_recorded"
