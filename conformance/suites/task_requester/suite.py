"""The suite of the Task Requester."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.task_requester import cancelling, failing, requesting
from conformance.suites.task_requester.stage import TaskRequester, stage

SUITE = Suite("task_requester", "Task Requester", TaskRequester, stage, cases_of((requesting, failing, cancelling)))
