"""Watchers with one defect each get exactly the expected verdicts."""

import pytest

from conformance.harness.registry import suite
from connectathon.bad_peers import bad_peers
from connectathon.judging import cases_for, judge, unexpected
from connectathon.own_watcher import own_watcher
from connectathon.waiting import free_port

PEERS = bad_peers("watcher")


@pytest.mark.tier2
@pytest.mark.parametrize("name", sorted(PEERS))
def test_the_judge_sees_exactly_the_defect(name, tmp_path):
    with own_watcher(tmp_path, free_port(), name) as (user, declaration):
        cases = cases_for(suite("watcher"), PEERS[name])
        ended = judge(suite("watcher"), declaration, tmp_path / "evidence", user.actions, cases)
    assert unexpected(ended, PEERS[name]) == []
