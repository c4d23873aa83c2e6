"""The campaign of kills of the Event Repository: at 1/20 of its size, and its judge."""

import secrets
import sys

import pytest

from connectathon.campaigns.repository_kills import FEWEST_KILLS, FULL_SIZE, judge, run


@pytest.mark.tier2
@pytest.mark.requirement("SOLE-047", "SOLE-048", "SOLE-049")
def test_events_stored_equal_events_reported_while_the_repository_and_its_reporters_are_killed(tmp_path):
    seed = secrets.randbelow(2**32)
    sys.stdout.write(f"seed {seed}\n")
    outcome = run(FULL_SIZE // 20, seed, tmp_path)
    assert outcome.findings == ()
    assert outcome.counts["kills of the repository"] >= FEWEST_KILLS
    assert outcome.counts["different events among them"] == outcome.counts["events stored"]


REPORTED = (["a1", "a2", "a2", "a3"], ["b1", "b2"])


def test_the_judge_finds_nothing_where_all_is_stored_in_order_of_each_source():
    assert list(judge(REPORTED, ["b1", "a1", "a2", "b2", "a3"])) == []


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        pytest.param(["a1", "a2", "b1", "b2"], "are not stored", id="an event that is lost"),
        pytest.param(["a1", "a2", "a3", "b1", "b2", "c1"], "nobody reported", id="an event from nowhere"),
        pytest.param(["a1", "a2", "a2", "a3", "b1", "b2"], "more than once", id="an event twice"),
        pytest.param(["a2", "a1", "a3", "b1", "b2"], "source 1 are not in the order", id="another order"),
    ],
)
def test_the_judge_sees(stored, words):
    assert [finding for finding in judge(REPORTED, stored) if words in finding]
