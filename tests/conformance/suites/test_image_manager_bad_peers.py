"""Image Managers with one defect each get exactly the expected verdicts."""

import pytest

from conformance.harness.registry import suite
from connectathon.bad_peers import bad_peers
from connectathon.judging import cases_for, unexpected

from .conftest import judged_image_manager

PEERS = bad_peers("image_manager")
#: A thousand instances take a while, so this one is judged only where it must see something.
LARGE = "AIR-IM-016"


@pytest.mark.tier2
@pytest.mark.parametrize("name", sorted(PEERS))
def test_the_judge_sees_exactly_the_defect(name, tmp_path):
    with judged_image_manager(tmp_path, name) as judge:
        peer = PEERS[name]
        assert unexpected(judge(cases_for(suite("image_manager"), peer, slow=[LARGE])), peer) == []
