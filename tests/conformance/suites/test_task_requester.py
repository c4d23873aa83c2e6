"""Our own Task Requester before the judge of Task Requesters."""

import pytest

from conformance.harness import Verdict
from connectathon.judging import broken, unlike_verified

from .requesters import judged_requester


@pytest.mark.requirement(
    "AIWI-TR-001",
    "AIWI-TR-002",
    "AIWI-TR-003",
    "AIWI-TR-004",
    "AIWI-TR-005",
    "AIWI-TR-006",
    "AIWI-TR-007",
    "AIWI-TR-008",
    "AIWI-TR-009",
    "AIWI-TR-010",
    "AIWI-TR-011",
    "AIWI-TR-012",
    "AIWI-TR-013",
)
def test_our_task_requester_passes_what_applies_to_it(tmp_path):
    with judged_requester(tmp_path) as judging:
        ended = judging("task_requester")
    assert broken(ended) == []
    assert unlike_verified(ended) == []
    assert [name for name, event in ended.items() if event.verdict is Verdict.OMIT] == []


def test_a_user_may_request_and_cancel_instead_of_orders(tmp_path):
    with judged_requester(tmp_path, by_user=True) as judging:
        ended = judging("task_requester", ("AIWI-TR-001", "AIWI-TR-006", "AIWI-TR-011", "AIWI-TR-013"))
    assert broken(ended) == []
    assert [name for name, event in ended.items() if event.verdict is Verdict.OMIT] == ["AIWI-TR-013"]
