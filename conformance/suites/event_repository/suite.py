"""The suite of the Event Repository."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.event_repository import asking, bulk, securing, taking
from conformance.suites.event_repository.stage import EventRepository, stage

SUITE = Suite(
    "event_repository", "Event Repository", EventRepository, stage, cases_of((taking, asking, bulk, securing))
)
