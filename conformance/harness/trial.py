"""What a test holds in its hands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from threading import Event as Flag
from typing import Any, NoReturn, TypeVar

from pydicom.uid import generate_uid

from conformance.finding import Finding, Severity
from conformance.harness.declaration import Declaration
from conformance.harness.events import Asserted, Event, OperatorAsked, StepTaken
from conformance.harness.evidence import Evidence
from conformance.harness.model import Assertion, Case, Verdict
from conformance.harness.operators import Instruction, Operator

T = TypeVar("T")
Proof = str | Iterable[str]


class SystemFailed(Exception):
    """The system under test hung, closed, lied or flooded: its failure, whichever test met it.

    Args:
        words: what it did, without patient data and secrets.
        evidence: ids of what shows it.
    """

    def __init__(self, words: str, evidence: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.words = words
        self.evidence = tuple(evidence)


class Ended(Exception):
    """The test ends here, with a verdict (None: by its assertions) and a reason."""

    def __init__(self, verdict: Verdict | None, reason: str = "") -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


class Trial:
    """One run of one test: steps, assertions, evidence, waiting, asking, and cleaning up."""

    def __init__(
        self, case: Case, declared: Declaration, operator: Operator, evidence: Evidence, tell: Callable[[Event], None]
    ) -> None:
        self.case = case
        self.declared = declared
        self.evidence = evidence
        self.assertions: list[Assertion] = []
        self.given_up = Flag()
        self._operator = operator
        self._tell = tell
        self._cleanups: list[Callable[[], object]] = []

    @property
    def transport(self) -> str:
        """The transport of this case; empty where there is only one."""
        return self.case.transport

    # -- saying and judging ------------------------------------------------------------------------------------------

    def step(self, text: str) -> None:
        """Say what is done next."""
        self._go_on()
        self._tell(StepTaken(self.case, self.evidence.tokens.words(text), datetime.now(UTC)))

    def must(self, holds: object, text: str, found: str = "", evidence: Proof = ()) -> bool:
        """Judge at the level of the test's row; the test goes on either way.

        Args:
            holds: whether it holds.
            text: what should hold, as a sentence.
            found: what was seen instead.
            evidence: ids of what shows it.
        """
        return self._judge(bool(holds), text, self.case.requirement.level, found, evidence)

    def should(self, holds: object, text: str, found: str = "", evidence: Proof = ()) -> bool:
        """Judge at the level of a warning."""
        level = min(Severity.WARNING, self.case.requirement.level, key=_WEAKEST.index)
        return self._judge(bool(holds), text, level, found, evidence)

    def note(self, text: str, evidence: Proof = ()) -> None:
        """Tell something that is worth knowing, such as the dialect seen."""
        self._judge(False, text, Severity.INFO, "", evidence)

    def require(self, holds: object, text: str, found: str = "", evidence: Proof = ()) -> None:
        """Like ``must``; when it does not hold, the test ends here."""
        if not self.must(holds, text, found, evidence):
            raise Ended(None)

    def findings(self, found: Iterable[Finding], text: str, evidence: Proof = ()) -> bool:
        """Judge by what an object check found: each finding at its own level; none is one assertion that holds."""
        broken = [one for one in found if one.severity is not Severity.INFO]
        for one in broken:
            level = min(one.severity, self.case.requirement.level, key=_WEAKEST.index)
            words = f"{one.path}: {one.message}" if one.path else one.message
            self._tell_of(Assertion(text, level, False, self._safe(words), _ids(evidence), one.rule, one.fix))
        return bool(broken) or self.must(True, text, evidence=evidence)

    def skip(self, reason: str) -> NoReturn:
        """End undecided: a precondition could not be met."""
        raise Ended(Verdict.SKIP, reason)

    def inconclusive(self, reason: str) -> NoReturn:
        """End undecided: what was seen does not decide."""
        raise Ended(Verdict.INCONCLUSIVE, reason)

    def omit(self, reason: str) -> NoReturn:
        """End: the test does not apply to this system."""
        raise Ended(Verdict.OMIT, reason)

    # -- evidence, identifiers ---------------------------------------------------------------------------------------

    def keep(self, kind: str, summary: str, content: bytes | str | dict[str, Any], suffix: str) -> str:
        """Keep a piece of evidence and get its id; see :meth:`conformance.harness.evidence.Evidence.keep`."""
        return self.evidence.keep(self.case.id, kind, summary, content, suffix)

    def secret(self, value: str) -> str:
        """This Transaction UID is written as a token from now on; the token."""
        return self.evidence.tokens.secret(value)

    def uid(self) -> str:
        """A new UID."""
        return str(generate_uid(prefix=None))

    def transaction_uid(self) -> str:
        """A new Transaction UID, known as a secret from the start."""
        uid = self.uid()
        self.secret(uid)
        return uid

    # -- waiting and asking ------------------------------------------------------------------------------------------

    def wait_for(self, condition: Callable[[], T | None], seconds: float | None = None) -> T | None:
        """Ask again until the condition answers something true; None when it never did.

        Args:
            condition: called without arguments.
            seconds: how long; the declared ``reaction_seconds`` unless given.
        """
        end = time.monotonic() + (self.declared.limits.reaction_seconds if seconds is None else seconds)
        pause = 0.005
        while True:
            self._go_on()
            answer = condition()
            if answer:
                return answer
            if time.monotonic() > end:
                return None
            self.given_up.wait(pause)
            pause = min(pause * 1.5, 0.2)

    def quiet(self) -> None:
        """Wait as long as nothing must come before the harness believes that nothing comes (declared limit)."""
        self.given_up.wait(self.declared.limits.quiet_seconds)
        self._go_on()

    def ask(self, action: str, text: str, question: str = "", **values: str) -> bool:
        """Have something done at the system under test, or a question answered; undecided when nobody can.

        Args:
            action: stable name that a program can act on.
            text: the same for a person.
            question: what to judge with yes or no.
            values: identifiers and addresses that the action needs.

        Returns:
            Whether it was done (or the answer was yes).
        """
        self._go_on()
        instruction = Instruction(action, text, values, question)
        self._tell(OperatorAsked(self.case, instruction))
        answer = self._operator.act(instruction)
        if answer is None:
            self.inconclusive(f"nobody was there to act: {text}")
        self.keep("operator", f"{text} — {'yes' if answer else 'no'}", f"{text}\n{question}\n{answer}\n", "txt")
        return answer

    # -- cleaning up -------------------------------------------------------------------------------------------------

    def defer(self, cleanup: Callable[[], object]) -> None:
        """Do this when the test has ended, however it ended; last deferred, first done."""
        self._cleanups.append(cleanup)

    def clean_up(self) -> list[str]:
        """Do what was deferred; what could not be done, in words."""
        trouble: list[str] = []
        while self._cleanups:
            try:
                self._cleanups.pop()()
            except Exception as error:  # what is left behind is told, the next one is still tried
                trouble.append(f"could not clean up: {self._safe(str(error))}")
        return trouble

    def _go_on(self) -> None:
        if self.given_up.is_set():
            raise Ended(Verdict.INCONCLUSIVE, "the harness gave up waiting for the test")

    def _safe(self, words: str) -> str:
        return self.evidence.tokens.words(words)

    def _judge(self, holds: bool, text: str, level: Severity, found: str, evidence: Proof) -> bool:
        assertion = Assertion(
            text,
            level,
            holds,
            "" if holds else self._safe(found),
            _ids(evidence),
            self.case.requirement.id,
        )
        self._tell_of(assertion)
        return holds

    def _tell_of(self, assertion: Assertion) -> None:
        self.assertions.append(assertion)
        self._tell(Asserted(self.case, assertion))


_WEAKEST = (Severity.INFO, Severity.WARNING, Severity.ERROR)


def _ids(evidence: Proof) -> tuple[str, ...]:
    return (evidence,) if isinstance(evidence, str) else tuple(evidence)
