"""The harness: it stands opposite one system under test, plays every other role, and says what it saw.

How the parts hang together::

    declaration (TOML)             what the system says of itself: addresses, options
    suite (conformance/suites)     the tests of one actor, and the stage: the partners in the other roles
    engine                         runs the cases one after the other and yields typed events; judges nothing itself
    trial                          what a test holds: steps, assertions, evidence, waiting, asking the operator
    evidence                       keeps what went over the wire, secrets replaced by stable tokens
    reports (conformance/reports)  consume the events

A test is a function, found through its suite's package, with an id of ``tables/catalogue.csv``::

    @shows("AIWI-TM-018", "A second claim under another Transaction UID is refused", transports=("rest", "dimse"))
    def second_claim(trial: Trial, worklist: Worklist) -> None:
        item = worklist.created()
        worklist.claim(item, trial.transaction_uid())
        trial.step("claim it again under another Transaction UID")
        answer = worklist.claim(item, trial.transaction_uid())
        trial.must(answer.refused, "the second claim is refused with 400 or 409", answer.words, answer.evidence)

``must`` judges at the level of the test's row of the catalogue (a row whose source was never read cannot fail a system:
it warns), ``should`` warns, ``note`` only tells. ``require`` is a ``must`` without which the rest makes no sense: it
ends the test. A partner that meets a system which hangs, closes, lies or floods raises :class:`SystemFailed`: the
system's failure. Anything else that is raised is the harness's own defect and ends as ``error``.
"""

from conformance.harness.engine import run
from conformance.harness.evidence import Evidence
from conformance.harness.model import Assertion, Case, Suite, Verdict
from conformance.harness.operators import ConsoleOperator, Instruction, NobodyThere, Operator
from conformance.harness.registry import shows
from conformance.harness.trial import SystemFailed, Trial

__all__ = [
    "Assertion",
    "Case",
    "ConsoleOperator",
    "Evidence",
    "Instruction",
    "NobodyThere",
    "Operator",
    "Suite",
    "SystemFailed",
    "Trial",
    "Verdict",
    "run",
    "shows",
]
