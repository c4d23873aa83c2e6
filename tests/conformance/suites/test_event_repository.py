"""Our own Event Repository before the judge."""

from conformance.harness import Verdict
from connectathon.judging import broken

from .event_peers import judged_repository


def test_our_repository_passes_everything_that_applies(tmp_path):
    with judged_repository(tmp_path) as judge:
        ended = judge()
    assert broken(ended) == []
    omitted = [name for name, event in ended.items() if event.verdict is Verdict.OMIT]
    assert omitted == ["SOLE-ER-008", "SOLE-ER-009"]
