"""The suite of the Event Consumer."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.event_consumer import asking
from conformance.suites.event_consumer.stage import EventConsumer, stage

SUITE = Suite("event_consumer", "Event Consumer", EventConsumer, stage, cases_of((asking,)))
