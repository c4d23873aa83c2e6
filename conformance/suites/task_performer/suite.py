"""The suite of the Task Performer."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.task_performer import claiming, dimse, failing, hearing, pushed, reporting
from conformance.suites.task_performer.declared import TaskPerformer
from conformance.suites.task_performer.stage import stage

SUITE = Suite(
    "task_performer",
    "Task Performer",
    TaskPerformer,
    stage,
    cases_of((claiming, reporting, failing, hearing, pushed, dimse)),
)
