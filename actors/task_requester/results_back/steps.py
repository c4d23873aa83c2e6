"""The named steps of telling results: a kill at any of them must be survived."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """From the completed workitem to the receiver's answer."""

    RESULT_READ = "task_requester.result_read"
    RESULT_QUEUED = "task_requester.result_queued"
    MESSAGE_ANSWERED = "task_requester.message_answered"
    MESSAGE_RECORDED = "task_requester.message_recorded"
