"""Judge a report again from its folder alone: without the system, and without trusting what the report says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.families import check
from conformance.finding import Finding
from conformance.harness import verdicts
from conformance.harness.model import Verdict
from conformance.reports.results import RunResult, TestResult, read_result
from profiles.errors import BadInput

_DECIDED = {Verdict.PASS, Verdict.WARN, Verdict.FAIL}
_FAMILIES = {"dicom": "air", "hl7": "hl7", "syslog": "sole"}


@dataclass(frozen=True, slots=True)
class Again:
    """What judging again has found.

    Attributes:
        result: the report as it was read.
        problems: where folder and report contradict each other; empty when the report stands.
        findings: what the object checks of today say about the objects and messages of the evidence.
    """

    result: RunResult
    problems: tuple[str, ...]
    findings: tuple[Finding, ...]


def judge_again(folder: Path) -> Again:
    """Judge the report in a folder again.

    Raises:
        BadInput: when the folder holds no report.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder of a report.")
    result = read_result(folder)
    problems = [*_of_hashes(result, folder / "evidence"), *_of_verdicts(result)]
    return Again(result, tuple(problems), tuple(_findings(result, folder / "evidence")))


def _of_hashes(result: RunResult, evidence: Path) -> Iterator[str]:
    for item in result.evidence:
        path = evidence / item.file
        if not path.is_file():
            yield f"evidence {item.id} is gone ({item.file})"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != item.sha256:
            yield f"evidence {item.id} was changed after the run ({item.file})"


def _of_verdicts(result: RunResult) -> Iterator[str]:
    known = {item.id for item in result.evidence}
    for test in result.tests:
        derived = _derived(test)
        if test.verdict is not derived:
            yield f"{test.id} is reported as {test.verdict}; its assertions say {derived}"
        lacking = {name for one in test.assertions for name in one.evidence} - known
        if lacking:
            yield f"{test.id} rests on evidence that is not there: {', '.join(sorted(lacking))}"
    overall = verdicts.of_tests(test.verdict for test in result.tests)
    if result.verdict is not overall:
        yield f"the run is reported as {result.verdict}; its tests say {overall}"


def _derived(test: TestResult) -> Verdict:
    """The verdict by the assertions; how a test ended undecided cannot be seen from them."""
    return verdicts.of_assertions(test.assertions) if test.verdict in _DECIDED else test.verdict


def _findings(result: RunResult, evidence: Path) -> Iterator[Finding]:
    for kind, family in _FAMILIES.items():
        paths = [evidence / item.file for item in result.evidence if item.kind == kind and not item.cut]
        there = [path for path in paths if path.is_file()]
        if there:
            yield from check(family, there)
