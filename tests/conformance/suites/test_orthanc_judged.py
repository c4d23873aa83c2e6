"""A foreign system before the judge: Orthanc with its DICOMweb plugin as Image Manager (docs/conformance.md)."""

from pathlib import Path

import pytest

from connectathon.peers.namespace import python, run_inside

HERE = Path(__file__).parent


@pytest.mark.tier2
def test_orthanc_gets_the_expected_report(tmp_path):
    command = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "inside"))
    answer = run_inside([*command, str(HERE / "orthanc_inside.py")])
    assert answer.returncode == 0, answer.stdout + answer.stderr
