"""Task Requesters with one defect each get exactly the expected verdicts, in either role that shows the defect."""

import pytest

from conformance.harness.registry import catalogue, suite
from connectathon.bad_peers import bad_peers
from connectathon.judging import cases_for, unexpected

from .requesters import judged_requester

PEERS = bad_peers("task_requester")


def roles(peer):
    """The actors whose cases show a peer's defect."""
    return sorted({catalogue()[case.split(".")[0]].actor for case in (*peer.fails, *peer.warns)})


@pytest.mark.tier2
@pytest.mark.parametrize(("name", "role"), [(name, role) for name, peer in PEERS.items() for role in roles(peer)])
def test_the_judge_sees_exactly_the_defect(name, role, tmp_path):
    with judged_requester(tmp_path, name) as judging:
        assert unexpected(judging(role, cases_for(suite(role), PEERS[name])), PEERS[name]) == []
