"""Run cases one after the other and say what happens; nothing is judged here."""

from __future__ import annotations

import traceback
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread

from conformance.harness import verdicts
from conformance.harness.declaration import Declaration
from conformance.harness.events import Event, RunEnded, RunStarted, TestEnded, TestStarted
from conformance.harness.evidence import Evidence
from conformance.harness.model import Case, Stage, Suite, Verdict
from conformance.harness.operators import Operator
from conformance.harness.trial import Ended, SystemFailed, Trial

_GRACE_SECONDS = 10.0


def run(
    suite: Suite,
    declared: Declaration,
    operator: Operator,
    evidence: Evidence,
    cases: Sequence[Case] | None = None,
) -> Iterator[Event]:
    """Run a suite against a system.

    Args:
        suite: whose tests and partners.
        declared: what the system says of itself, of the suite's kind.
        operator: who acts at the system when a test needs it.
        evidence: where evidence is kept; closed at the end.
        cases: which of the suite's cases; all of them unless given.

    Yields:
        What happens, while it happens; a :class:`~conformance.harness.events.RunEnded` last.
    """
    chosen = tuple(suite.cases if cases is None else cases)
    yield RunStarted(declared.system.name, suite.actor, datetime.now(UTC), chosen)
    ended: list[Verdict] = []
    try:
        with suite.stage(declared) as stage:
            for case in chosen:
                for event in _one(case, declared, operator, evidence, stage):
                    if isinstance(event, TestEnded):
                        ended.append(event.verdict)
                    yield event
    finally:
        evidence.close()
    yield RunEnded(verdicts.of_tests(ended), datetime.now(UTC))


@dataclass(slots=True)
class _Ending:
    """How the body of a test came back."""

    verdict: Verdict | None = None
    reason: str = ""
    trouble: list[str] = field(default_factory=list)


def _one(case: Case, declared: Declaration, operator: Operator, evidence: Evidence, stage: Stage) -> Iterator[Event]:
    yield TestStarted(case, datetime.now(UTC))
    reason = not_applicable(case, declared)
    if reason:
        yield TestEnded(case, Verdict.OMIT, reason, (), datetime.now(UTC))
        return
    happened: SimpleQueue[Event | None] = SimpleQueue()
    trial = Trial(case, declared, operator, evidence, happened.put)
    ending = _Ending()
    thread = Thread(target=_play, args=(trial, stage, ending, happened), name=case.id, daemon=True)
    thread.start()
    decided = False
    for wait in (case.limit_seconds, _GRACE_SECONDS):
        end = yield from _until_end(happened, wait)
        if end:
            decided = True
            break
        trial.given_up.set()
    if not decided:
        ending = _Ending(
            Verdict.ERROR, f"the test did not end, {case.limit_seconds:g} s after it began and when told to"
        )
    elif trial.given_up.is_set():
        ending.verdict = ending.verdict or Verdict.INCONCLUSIVE
        ending.reason = ending.reason or f"not decided within {case.limit_seconds:g} s"
    assertions = tuple(trial.assertions)
    verdict = ending.verdict or verdicts.of_assertions(assertions)
    why = "; ".join([*([ending.reason] if ending.reason else []), *ending.trouble])
    yield TestEnded(case, verdict, evidence.tokens.words(why), assertions, datetime.now(UTC))


def not_applicable(case: Case, declared: Declaration) -> str:
    """Why a case does not apply to a system, by its declaration; empty when it does."""
    if case.option and case.option not in declared.options:
        return f"the system does not declare the option {case.option}"
    if case.transport and case.transport not in declared.transports:
        return f"the system does not declare the transport {case.transport}"
    return ""


def _until_end(happened: SimpleQueue[Event | None], seconds: float) -> Generator[Event, None, bool]:
    """Pass on what happens; the generator's value is whether the end came within the limit."""
    limit = datetime.now(UTC).timestamp() + seconds
    while True:
        try:
            event = happened.get(timeout=max(0.0, limit - datetime.now(UTC).timestamp()))
        except Empty:
            return False
        if event is None:
            return True
        yield event


def _play(trial: Trial, stage: Stage, ending: _Ending, happened: SimpleQueue[Event | None]) -> None:
    try:
        stage.begin(trial)
        try:
            trial.case.body(trial, stage)
        finally:
            ending.trouble = trial.clean_up()
            stage.end()
    except Ended as ended:
        ending.verdict, ending.reason = _of_ended(trial, ended), ended.reason
    except SystemFailed as failed:
        trial.must(
            False, "the system answers, in bounded time and size, by the protocol", failed.words, failed.evidence
        )
    except Exception as error:  # a defect of ours is never blamed on the system
        ending.verdict = Verdict.ERROR
        ending.reason = f"defect of the harness: {type(error).__name__}: {error}"
        trial.keep("text", "traceback of the harness's own defect", traceback.format_exc(), "txt")
    finally:
        happened.put(None)


def _of_ended(trial: Trial, ended: Ended) -> Verdict | None:
    """A test that gives up after an assertion has already failed has failed."""
    if ended.verdict in {Verdict.SKIP, Verdict.INCONCLUSIVE}:
        so_far = verdicts.of_assertions(trial.assertions)
        return Verdict.FAIL if so_far is Verdict.FAIL else ended.verdict
    return ended.verdict
