"""How events follow one another, and the world: a workitem's life, clocks, outages, cancellation."""

from __future__ import annotations

import time

from conformance.harness import Trial, shows
from conformance.sole import check_stream
from conformance.suites.event_reporter.stage import Log, Told, have, keep, rules_of

_CLOCK_SECONDS = 1.0
_WHILE_AWAY = 3
_AWAY_SECONDS = 2.5  # longer than what a clock may be wrong by, so that the time of sending shows


@shows("SOLE-REP-008", "The events of a task are tied together by its workitem", option="workflow", limit_seconds=300)
def workitem(trial: Trial, log: Log) -> None:
    """sole.md 4.4 and 8.2."""
    since, last = time.time(), log.declared.events.workflow_end
    have(trial, "run-workitem", "Let the system take part in one workitem, from its creation to its end.")
    end = log.await_one(trial, since, lambda one: one.code == last)
    told = [one for one in log.told(since) if one.code]
    evidence = [keep(trial, one) for one in told[:50]]
    trial.require(end, f"the end of the work is reported ({last})", f"{len(told)} other events came", evidence)
    shared = set.intersection(*(one.message.workitems or {""} for one in told)) - {""}
    trial.must(shared, "every event of the task names the same workitem", f"{len(told)} events share none", evidence)
    found = check_stream([(one.name, one.received.raw) for one in told])
    found += [finding for one in told for finding in one.findings()]
    rules = rules_of(trial.case.requirement.id)
    trial.findings([one for one in found if one.rule in rules], "the events tell one life of a workitem", evidence)


@shows("SOLE-REP-009", "The time of an event is the time at which it happened, with its zone")
def clock(trial: Trial, log: Log) -> None:
    """ITI TF-2 3.1 (Consistent Time): a median error below one second."""
    log.judged(trial, "the time carries its zone and does not lie ahead")
    before = time.time()
    told = log.caused(trial, log.declared.events.codes[0])
    if told is None:
        trial.require(False, "the event is reported", "it did not come")
        return
    at, evidence = told.message.at, keep(trial, told)
    if at is not None:
        late, early = at.timestamp() - told.received.at, before - at.timestamp()
        found = f"{late:.1f} s after it came" if late > early else f"{early:.1f} s before it was caused"
        text = "EventDateTime lies within a second of the moment at which the event was caused"
        trial.must(max(late, early) <= _CLOCK_SECONDS, text, found, evidence)


@shows("SOLE-REP-010", "What happens while the repository is away is reported when it is back", limit_seconds=300)
def outage(trial: Trial, log: Log) -> None:
    """ITI TF-2 3.20.4.1.1.1; sole.md 3.6."""
    code = log.declared.events.codes[0]
    log.baseline(trial)
    ahead = max((_ahead(one) for one in log.told() if one.message.at), default=0.0)
    trial.step("the repository goes away")
    trial.defer(log.receiver.open_again)
    log.receiver.close()
    known, moments = {one.received.raw for one in log.told()}, []
    for _ in range(_WHILE_AWAY):
        before = time.time()
        have(trial, "cause-event", f"Let the system report an event with the code {code}.", code=code)
        moments.append((before, time.time()))
    trial.given_up.wait(_AWAY_SECONDS)
    trial.step("the repository is back")
    log.receiver.open_again()

    def arrived() -> list[Told]:
        """What is new: a reporter may send again what it is not sure of."""
        found = {one.received.raw: one for one in log.told() if one.code == code and one.received.raw not in known}
        return list(found.values())

    trial.wait_for(lambda: len(arrived()) >= _WHILE_AWAY)
    told = arrived()
    evidence = [keep(trial, one) for one in told]
    trial.must(len(told) >= _WHILE_AWAY, "every event arrives", f"{len(told)} of {_WHILE_AWAY} came", evidence)
    times = sorted(one.message.at.timestamp() - ahead for one in told if one.message.at)
    kept = len(times) < _WHILE_AWAY or all(
        before - _CLOCK_SECONDS <= at <= after + _CLOCK_SECONDS
        for at, (before, after) in zip(times, moments, strict=False)
    )
    text = "each event has the time at which it happened, so that their order can be told"
    trial.must(kept, text, "it has another", evidence)


def _ahead(told: Told) -> float:
    """By how many seconds the system's clock is ahead of ours, less the time that the message took."""
    return told.message.at.timestamp() - told.received.at if told.message.at else 0.0


@shows(
    "SOLE-REP-012", "Work canceled by an error and on request are told apart, with the reason", option="cancellation"
)
def cancellation(trial: Trial, log: Log) -> None:
    """sole.md 5.3 and 5.6."""
    code = log.declared.events.canceled
    for action, words, outcomes in (
        ("cancel-because-of-error", "Let work on a workitem be given up because of an error.", {"8", "12"}),
        ("cancel-on-request", "Let a workitem be canceled on somebody's request.", {"0"}),
    ):
        since = time.time()
        have(trial, action, words)
        told = log.await_one(trial, since, lambda one: one.code == code)
        if told is None:
            trial.must(False, f"the end of the work is reported ({code})", "it did not come")
            continue
        evidence = keep(trial, told)
        wanted = " or ".join(sorted(outcomes))
        trial.must(
            told.message.outcome in outcomes,
            f"{action}: EventOutcomeIndicator is {wanted}",
            f"it is {told.message.outcome or 'absent'}",
            evidence,
        )
        rules = rules_of(trial.case.requirement.id)
        trial.findings([one for one in told.findings() if one.rule in rules], "the reason is told", evidence)
