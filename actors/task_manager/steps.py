"""Named steps of the Task Manager: logged when reached, and survived when killed there."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """What happens between a request and its event."""

    REQUEST_TAKEN = "task_manager.request_taken"
    CHANGE_COMMITTED = "task_manager.change_committed"
    EVENT_REPORTED = "task_manager.event_reported"


class ContractStep(StrEnum):
    """What is durable of a workitem that is done by contract; the moments of ``workitems.contracts``."""

    AGREED = "task_manager.contract_agreed"
    CREATED = "task_manager.contract_created"
    ENDED = "task_manager.contract_ended"
    TAKEN_OVER = "task_manager.contract_taken_over"
