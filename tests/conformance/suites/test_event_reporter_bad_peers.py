"""Event Reporters with one defect each get exactly the expected verdicts."""

import pytest

from conformance.harness.registry import suite
from connectathon.bad_peers import bad_peers
from connectathon.judging import cases_for, unexpected

from .event_peers import judged_reporter

PEERS = bad_peers("event_reporter")


@pytest.mark.tier2
@pytest.mark.parametrize("name", sorted(PEERS))
def test_the_judge_sees_exactly_the_defect(name, tmp_path):
    with judged_reporter(tmp_path, name) as judge:
        assert unexpected(judge(cases_for(suite("event_reporter"), PEERS[name])), PEERS[name]) == []
