"""The suite of systems that receive HL7 orders."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.hl7_receiver import announcing, changing, mapping, sending, taking
from conformance.suites.hl7_receiver.stage import HL7Receiver, stage

SUITE = Suite(
    "hl7_receiver",
    "HL7 receiver",
    HL7Receiver,
    stage,
    cases_of((taking, mapping, changing, announcing, sending)),
)
