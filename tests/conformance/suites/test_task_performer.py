"""Our own Task Performer before the judge."""

import pytest

from conformance.harness import Verdict
from connectathon.judging import broken

from .performers import judged_task_performer


def omitted(ended):
    return [name for name, event in ended.items() if event.verdict is Verdict.OMIT]


def test_our_task_performer_passes_what_applies_to_it(tmp_path):
    with judged_task_performer(tmp_path) as judging:
        ended = judging()
    assert broken(ended) == []
    assert omitted(ended) == ["AIWI-TP-022"]


@pytest.mark.tier2
def test_our_task_performer_passes_when_it_only_polls(tmp_path):
    with judged_task_performer(tmp_path, options=()) as judging:
        ended = judging()
    assert broken(ended) == []
    assert omitted(ended) == ["AIWI-TP-015", "AIWI-TP-016", "AIWI-TP-022", "AIWI-TP-024"]
