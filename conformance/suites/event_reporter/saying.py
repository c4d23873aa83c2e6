"""What events say: structure, codes, participants, objects, and texts of all kinds."""

from __future__ import annotations

import time

from conformance.harness import Trial, shows
from conformance.suites.event_reporter.stage import Log, have, keep

TEXT = 'R&D <ü> "é"'
"""What an XML writer has to escape and to encode; short enough for an accession number."""


@shows("SOLE-REP-004", "Every message is an audit message as the schema has it")
def structure(trial: Trial, log: Log) -> None:
    """PS3.15 section A.5.1.1; sole.md 4.1."""
    log.judged(trial, "the audit message is built by the schema")


@shows("SOLE-REP-005", "Each declared event is reported by its own code")
def codes(trial: Trial, log: Log) -> None:
    """RAD TF-3 Table 6.3.2-1; sole.md 4.2 and 5."""
    for code, told in log.baseline(trial).items():
        evidence = keep(trial, told) if told else ()
        trial.must(told, f"the event {code} is reported", "no SOLE event with that code came", evidence)
    log.judged(trial, "EventID, action and EventTypeCode are those of a SOLE event")


@shows("SOLE-REP-006", "Who took part is told: persons with their role, machines with their address")
def participants(trial: Trial, log: Log) -> None:
    """sole.md 4.3."""
    log.judged(trial, "the participants are told as they should be")


@shows("SOLE-REP-007", "What the event is about is told: patient, order, study")
def objects(trial: Trial, log: Log) -> None:
    """sole.md 4.3 and 4.4."""
    log.judged(trial, "the participant objects are told as they should be")


@shows("SOLE-REP-011", "Text with markup and letters beyond ASCII arrives unchanged")
def texts(trial: Trial, log: Log) -> None:
    """RFC 5424 section 6.4; ITI TF-2 3.20.4.1.2."""
    log.judged(trial, "the text is UTF-8 without a byte order mark")
    since = time.time()
    have(
        trial,
        "cause-event-with-text",
        f"Let the system report an event of an order with the number {TEXT}",
        number=TEXT,
    )
    came = log.await_one(trial, since, lambda one: bool(one.code))
    if came is None:
        trial.require(False, "an event about that order is reported", "no SOLE event came")
        return
    found = trial.wait_for(
        lambda: next((one for one in log.told(since) if TEXT in one.texts), None), log.declared.limits.quiet_seconds * 5
    )
    evidence = [keep(trial, one) for one in ([found] if found else log.told(since)[:5])]
    trial.must(found, "the number arrives as it is", "no text of the event is that number", evidence)
