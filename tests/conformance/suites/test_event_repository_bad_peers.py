"""Event Repositories with one defect each get exactly the expected verdicts."""

import pytest

from connectathon.bad_peers import bad_peers
from connectathon.judging import unexpected

from .event_peers import judged_repository

PEERS = bad_peers("event_repository")


@pytest.mark.tier2
@pytest.mark.parametrize("name", sorted(PEERS))
def test_the_judge_sees_exactly_the_defect(name, tmp_path):
    actions = {"find-refusal": lambda _: False}  # the peers that drop messages say nothing of it
    with judged_repository(tmp_path, name, actions) as judge:
        assert unexpected(judge(), PEERS[name]) == []
