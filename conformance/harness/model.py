"""The words of the harness: verdicts, assertions, cases, suites."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from conformance.finding import Severity

if TYPE_CHECKING:
    from conformance.harness.declaration import Declaration
    from conformance.harness.trial import Trial


class Verdict(StrEnum):
    """How a test ended, worst last; ``omit`` is beside the order, because it says nothing about the system."""

    OMIT = "omit"
    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    SKIP = "skip"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of the catalogue.

    Attributes:
        id: the row's id, such as ``AIWI-TM-018``; also the id of its test.
        family: whose coverage it counts for: UPS, AIW-I, AIR, SOLE, HL7 or SEC.
        actor: the actor under test, named as its folder.
        transaction: the IHE transaction, or empty.
        source: section and table of the standard.
        verified: how far the source was verified: ``read``, ``quoted`` or ``project`` (our own proposal).
        severity: what a broken assertion means.
        optional: only for systems that declare the capability.
        kind: ``object``, ``wire`` or ``internal``.
    """

    id: str
    family: str
    actor: str
    transaction: str
    source: str
    verified: str
    severity: Severity
    optional: bool
    kind: str

    @property
    def level(self) -> Severity:
        """The severity at which a broken assertion counts: nobody fails by a rule whose source was never read."""
        return Severity.WARNING if self.verified == "project" and self.severity is Severity.ERROR else self.severity


@dataclass(frozen=True, slots=True)
class Assertion:
    """One thing that was judged.

    Attributes:
        text: what should hold, as a sentence.
        level: what it means when it does not.
        holds: whether it did.
        found: what was seen instead, without patient data and secrets.
        evidence: ids of the evidence that decides it.
        rule: the id of the object rule behind it, or of the test's row.
        fix: what to do about it.
    """

    text: str
    level: Severity
    holds: bool
    found: str = ""
    evidence: tuple[str, ...] = ()
    rule: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One test over one transport.

    Attributes:
        requirement: its row of the catalogue.
        title: what it shows, as a sentence.
        body: the function, called with the trial and the stage.
        transport: ``rest``, ``dimse`` … or empty where there is only one.
        option: what the system must declare for the test to apply; empty when it always does.
        leaves: what stays behind on the system under test, in words.
        limit_seconds: when the harness gives up waiting for the test.
    """

    requirement: Requirement
    title: str
    body: Callable[[Trial, Any], None]
    transport: str = ""
    option: str = ""
    leaves: str = ""
    limit_seconds: float = 120.0

    @property
    def id(self) -> str:
        """The row's id, with the transport where there is more than one."""
        return f"{self.requirement.id}.{self.transport}" if self.transport else self.requirement.id


class Stage(Protocol):
    """The partners that play the other roles for the length of a run."""

    def begin(self, trial: Trial) -> None:
        """A test begins: what is seen from now on is its evidence."""

    def end(self) -> None:
        """The test has ended: forget what it set up."""


@dataclass(frozen=True, slots=True)
class Suite:
    """All tests of one actor.

    Attributes:
        actor: named as its folder and its rows in the catalogue.
        title: the IHE name.
        declaration: what a system says of itself.
        stage: opens the partners for a run; the value is given to every test.
        cases: in the order in which they run.
    """

    actor: str
    title: str
    declaration: type[Declaration]
    stage: Callable[[Any], AbstractContextManager[Stage]]
    cases: tuple[Case, ...]
