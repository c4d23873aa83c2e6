"""Event Repositories with one defect each get exactly the expected verdicts."""

import pytest

from conformance.harness.registry import suite
from connectathon.bad_peers import bad_peers
from connectathon.judging import cases_for, unexpected

from .event_peers import judged_repository, judged_small_repository

PEERS = bad_peers("event_repository")
SMALL = bad_peers("small_repository")


@pytest.mark.tier2
@pytest.mark.parametrize("name", sorted(PEERS))
def test_the_judge_sees_exactly_the_defect(name, tmp_path):
    actions = {"find-refusal": lambda _: False}  # the peers that drop messages say nothing of it
    with judged_repository(tmp_path, name, actions) as judge:
        assert unexpected(judge(cases_for(suite("event_repository"), PEERS[name])), PEERS[name]) == []


@pytest.mark.tier2
@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_judge_sees_exactly_the_defect_of_a_small_repository(name, tmp_path):
    with judged_small_repository(tmp_path, name) as judge:
        assert unexpected(judge(cases_for(suite("event_repository"), SMALL[name])), SMALL[name]) == []
