"""The demo with a foreign PACS: Orthanc as Image Manager (tier 2)."""

from pathlib import Path

import pytest

from connectathon.peers.namespace import python, run_inside

pytestmark = pytest.mark.tier2


def test_the_demo_works_with_a_real_orthanc_as_image_manager():
    inside = Path(__file__).with_name("orthanc_demo_inside.py")
    done = run_inside(python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(inside)))
    assert done.returncode == 0, done.stdout
