"""The Image Display over a real Orthanc, in a network namespace of its own."""

from pathlib import Path

import pytest

from connectathon.peers.namespace import python, run_inside

HERE = Path(__file__).parent


@pytest.mark.tier2
def test_the_image_display_works_over_orthanc(tmp_path):
    command = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "inside"))
    answer = run_inside([*command, str(HERE / "display_over_orthanc.py")])
    assert answer.returncode == 0, answer.stdout + answer.stderr
