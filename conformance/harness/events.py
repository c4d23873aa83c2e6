"""What the engine says while it runs; recorder and reports listen to nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from conformance.harness.model import Assertion, Case, Verdict
from conformance.harness.operators import Instruction


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins."""

    system: str
    actor: str
    at: datetime
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class TestStarted:
    """A test begins."""

    __test__ = False

    case: Case
    at: datetime


@dataclass(frozen=True, slots=True)
class StepTaken:
    """The test does the next thing."""

    case: Case
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Asserted:
    """Something was judged."""

    case: Case
    assertion: Assertion


@dataclass(frozen=True, slots=True)
class OperatorAsked:
    """Somebody at the system under test is asked to act."""

    case: Case
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class TestEnded:
    """A test has ended.

    Attributes:
        reason: why it was not decided, or which defect of the harness ended it; empty otherwise.
    """

    __test__ = False

    case: Case
    verdict: Verdict
    reason: str
    assertions: tuple[Assertion, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class RunEnded:
    """All tests have ended."""

    verdict: Verdict
    at: datetime


Event = RunStarted | TestStarted | StepTaken | Asserted | OperatorAsked | TestEnded | RunEnded
