"""Task Managers with one defect in what they create, claim, change, end or find get exactly their verdicts."""

import pytest

from connectathon.bad_peers import bad_peers, task_manager_dimse, task_manager_events, task_manager_subscriptions
from connectathon.judging import unexpected

from .managers import cases_against, judged_task_manager

_ELSEWHERE = {one.__name__ for one in (task_manager_dimse, task_manager_events, task_manager_subscriptions)}
PEERS = {name: peer for name, peer in bad_peers("task_manager").items() if peer.spoil.__module__ not in _ELSEWHERE}


@pytest.mark.tier2
@pytest.mark.parametrize("name", sorted(PEERS))
def test_the_judge_sees_exactly_the_defect(name, tmp_path):
    with judged_task_manager(tmp_path, name) as judge:
        assert unexpected(judge(cases_against(PEERS[name])), PEERS[name]) == []
