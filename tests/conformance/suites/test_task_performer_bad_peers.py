"""Task Performers with one defect each get exactly the expected verdicts."""

import pytest

from conformance.harness.registry import suite
from connectathon.bad_peers import bad_peers
from connectathon.judging import cases_for, unexpected

from .performers import judged_task_performer

PEERS = bad_peers("task_performer")


@pytest.mark.tier2
@pytest.mark.parametrize("name", sorted(PEERS))
def test_the_judge_sees_exactly_the_defect(name, tmp_path):
    with judged_task_performer(tmp_path, name) as judge:
        ended = judge(cases_for(suite("task_performer"), PEERS[name]))
    assert unexpected(ended, PEERS[name]) == []
