"""A run as values: gathered from the engine's events, written as JSON, read back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from conformance.finding import Severity
from conformance.harness.events import Event, RunEnded, RunStarted, StepTaken, TestEnded, TestStarted
from conformance.harness.evidence import Item
from conformance.harness.model import Assertion, Case, Verdict
from profiles.errors import BadInput

_WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(slots=True)
class TestResult:
    """One test and how it ended; times are ISO 8601 with zone."""

    __test__ = False

    id: str
    title: str
    requirement: str
    source: str
    verified: str
    transaction: str
    family: str
    severity: Severity
    optional: bool
    leaves: str
    started: str = ""
    ended: str = ""
    verdict: Verdict = Verdict.INCONCLUSIVE
    reason: str = ""
    steps: list[str] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)

    @property
    def broken(self) -> list[Assertion]:
        """What did not hold, the worst first; what was only told is not among them."""
        found = [one for one in self.assertions if not one.holds and one.level is not Severity.INFO]
        return sorted(found, key=lambda one: _WORST_FIRST.index(one.level))

    @property
    def notes(self) -> list[Assertion]:
        """What was only told, such as the dialect seen."""
        return [one for one in self.assertions if one.level is Severity.INFO]


@dataclass(slots=True)
class RunResult:
    """One run; times are ISO 8601 with zone."""

    system: str
    actor: str
    vendor: str = ""
    version: str = ""
    harness: str = ""
    started: str = ""
    ended: str = ""
    verdict: Verdict = Verdict.INCONCLUSIVE
    tests: list[TestResult] = field(default_factory=list)
    evidence: list[Item] = field(default_factory=list)

    def count(self, verdict: Verdict) -> int:
        """How many tests ended so."""
        return sum(test.verdict is verdict for test in self.tests)

    def as_json(self) -> dict[str, Any]:
        """The canonical form; ``findings`` repeats what did not hold, for programs that read nothing else."""
        told = asdict(self)
        for test, written in zip(self.tests, told["tests"], strict=True):
            written["findings"] = [
                {"rule": one.rule, "message": _sentence(one), "evidence": list(one.evidence)} for one in test.broken
            ]
        return told


class Gathering:
    """Listens to a run and keeps its result."""

    def __init__(self, vendor: str = "", version: str = "", harness: str = "") -> None:
        self.result = RunResult("", "", vendor, version, harness)
        self._now: TestResult | None = None

    def take(self, event: Event) -> None:
        """Listen to one event."""
        if isinstance(event, RunStarted):
            self.result.system, self.result.actor = event.system, event.actor
            self.result.started = event.at.isoformat()
        elif isinstance(event, TestStarted):
            self._now = _started(event)
            self.result.tests.append(self._now)
        elif isinstance(event, StepTaken) and self._now:
            self._now.steps.append(event.text)
        elif isinstance(event, TestEnded) and self._now:
            self._now.verdict, self._now.reason = event.verdict, event.reason
            self._now.assertions = list(event.assertions)
            self._now.ended = event.at.isoformat()
        elif isinstance(event, RunEnded):
            self.result.verdict, self.result.ended = event.verdict, event.at.isoformat()


def gathered(events: Iterable[Event], gathering: Gathering) -> RunResult:
    """The result of a run whose events are all taken."""
    for event in events:
        gathering.take(event)
    return gathering.result


def read_result(report: Path) -> RunResult:
    """The result in a report's folder, or in its ``report.json``.

    Raises:
        BadInput: when there is none, or it is no report of ours.
    """
    path = report / "report.json" if report.is_dir() else report
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return RunResult(
            **{key: told[key] for key in ("system", "actor", "vendor", "version", "harness", "started", "ended")},
            verdict=Verdict(told["verdict"]),
            tests=[_read_test(test) for test in told["tests"]],
            evidence=[Item(**item) for item in told["evidence"]],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is no report of a run ({type(error).__name__}: {error}).") from error


def _started(event: TestStarted) -> TestResult:
    case: Case = event.case
    row = case.requirement
    return TestResult(
        case.id,
        case.title,
        row.id,
        row.source,
        row.verified,
        row.transaction,
        row.family,
        row.level,
        row.optional,
        case.leaves,
        event.at.isoformat(),
    )


def _read_test(told: dict[str, Any]) -> TestResult:
    values = {key: value for key, value in told.items() if key != "findings"}
    values["severity"], values["verdict"] = Severity(told["severity"]), Verdict(told["verdict"])
    values["assertions"] = [
        Assertion(**{**one, "level": Severity(one["level"]), "evidence": tuple(one["evidence"])})
        for one in told["assertions"]
    ]
    return TestResult(**values)


def _sentence(one: Assertion) -> str:
    return f"{one.text}; found: {one.found}" if one.found else f"{one.text}; it did not"
