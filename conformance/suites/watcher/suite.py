"""The suite of the Watcher."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.watcher import asking, listening, losing, subscribing
from conformance.suites.watcher.stage import Watcher, stage

SUITE = Suite("watcher", "Watcher", Watcher, stage, cases_of((subscribing, listening, losing, asking)))
