"""The Archive client and the modality against a real Orthanc, in a network namespace of its own."""

from pathlib import Path

import pytest

from connectathon.peers.namespace import python, run_inside
from connectathon.peers.orthanc import orthanc
from profiles.errors import Unavailable

HERE = Path(__file__).parent


@pytest.mark.tier2
def test_the_archive_client_works_with_orthanc(tmp_path):
    command = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "inside"))
    answer = run_inside([*command, str(HERE / "orthanc_inside.py")])
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.tier2
def test_orthanc_is_not_started_where_others_could_reach_it(tmp_path):
    with pytest.raises(Unavailable, match="all addresses"), orthanc(tmp_path):
        pass
