"""From assertions to the verdict of a test, and from tests to that of a system."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Severity
from conformance.harness.model import Assertion, Verdict

_WORST_FIRST = (
    Verdict.ERROR,
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.SKIP,
    Verdict.WARN,
    Verdict.PASS,
)
_EXIT = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.FAIL: 1, Verdict.SKIP: 3, Verdict.INCONCLUSIVE: 3, Verdict.ERROR: 4}


def of_assertions(assertions: Iterable[Assertion]) -> Verdict:
    """Fail by a broken assertion of level error, warn by one of level warning; inconclusive when nothing was judged."""
    judged = list(assertions)
    broken = {assertion.level for assertion in judged if not assertion.holds}
    if Severity.ERROR in broken:
        return Verdict.FAIL
    if Severity.WARNING in broken:
        return Verdict.WARN
    return Verdict.PASS if judged else Verdict.INCONCLUSIVE


def of_tests(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of those that apply; inconclusive when none does."""
    seen = set(verdicts)
    return next((verdict for verdict in _WORST_FIRST if verdict in seen), Verdict.INCONCLUSIVE)


def exit_status(verdict: Verdict) -> int:
    """0 conformant, 1 fail, 3 not decided, 4 defect of the harness."""
    return _EXIT[verdict]
