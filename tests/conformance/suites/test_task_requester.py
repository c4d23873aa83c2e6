"""Our own Task Requester before the judge of Task Requesters."""

import pytest

from conformance.harness import Verdict
from connectathon.judging import broken, unlike_verified

from .requesters import judged_requester


@pytest.mark.requirement(*(f"AIWI-TR-{number:03}" for number in range(1, 14)))
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
