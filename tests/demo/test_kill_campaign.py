"""The campaign of kills of any actor at random moments, at 1/20 of its size (docs/testing.md)."""

import secrets
import sys

import pytest

from connectathon.campaigns.demo_kills import FULL_SIZE, run


@pytest.mark.tier2
def test_a_study_ends_completed_once_whoever_is_killed_whenever(tmp_path):
    seed = secrets.randbelow(2**32)
    sys.stdout.write(f"seed {seed}\n")
    outcome = run(FULL_SIZE // 20, seed, tmp_path)
    assert outcome.findings == ()
    assert outcome.counts["kills"] == FULL_SIZE // 20
