"""What has changed between two runs against a system."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.harness.model import Verdict
from conformance.reports.results import RunResult

_WORSE = (Verdict.PASS, Verdict.WARN, Verdict.OMIT, Verdict.SKIP, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)


@dataclass(frozen=True, slots=True)
class Change:
    """One test that ended differently; None where the run did not have it."""

    id: str
    before: Verdict | None
    after: Verdict | None

    @property
    def worse(self) -> bool:
        """Whether the later run ended worse."""
        if self.before is None or self.after is None:
            return False
        return _WORSE.index(self.after) > _WORSE.index(self.before)


def changes(before: RunResult, after: RunResult) -> list[Change]:
    """The tests that ended differently, what became worse first."""
    earlier = {test.id: test.verdict for test in before.tests}
    later = {test.id: test.verdict for test in after.tests}
    found = [
        Change(name, earlier.get(name), later.get(name))
        for name in sorted({*earlier, *later})
        if earlier.get(name) is not later.get(name)
    ]
    return sorted(found, key=lambda change: not change.worse)
