"""The suite of the Task Manager."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.task_manager import (
    associating,
    cancelling,
    claiming,
    completing,
    creating,
    matrix,
    notifying,
    pushing,
    retrieving,
    searching,
    standing,
    subscribing,
    updating,
)
from conformance.suites.task_manager.stage import TaskManager, stage

_OPERATIONS = (creating, retrieving, claiming, updating, completing, cancelling, searching, standing)
_EVENTS_AND_DIMSE = (subscribing, notifying, associating, matrix, pushing)
SUITE = Suite("task_manager", "Task Manager", TaskManager, stage, cases_of((*_OPERATIONS, *_EVENTS_AND_DIMSE)))
