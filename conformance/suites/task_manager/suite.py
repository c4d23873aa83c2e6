"""The suite of the Task Manager."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.task_manager import (
    cancelling,
    claiming,
    completing,
    creating,
    retrieving,
    searching,
    standing,
    updating,
)
from conformance.suites.task_manager.stage import TaskManager, stage

SUITE = Suite(
    "task_manager",
    "Task Manager",
    TaskManager,
    stage,
    cases_of((creating, retrieving, claiming, updating, completing, cancelling, searching, standing)),
)
