"""The suite of the Event Reporter."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.event_reporter import following, saying, sending
from conformance.suites.event_reporter.stage import EventReporter, stage

SUITE = Suite("event_reporter", "Event Reporter", EventReporter, stage, cases_of((sending, saying, following)))
