"""The suite of the Evidence Creator."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of, in_order
from conformance.suites.evidence_creator import content, storing, together
from conformance.suites.evidence_creator.stage import EvidenceCreator, stage

SUITE = Suite(
    "evidence_creator",
    "Evidence Creator",
    EvidenceCreator,
    stage,
    in_order((*content.CASES, *cases_of((together, storing)))),
)
