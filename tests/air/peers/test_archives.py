"""Every object of the catalogue comes back from the archives as it was stored."""

from pathlib import Path

import pytest

from connectathon.peers.namespace import python, run_inside
from tests.air.peers.archives import came_back_changed
from tests.image_manager.conftest import RunningImageManager


def all_paths(written):
    return [path for found in written.values() for path in found.paths]


def test_every_object_comes_back_from_our_image_manager_as_it_was_stored(written, tmp_path):
    running = RunningImageManager(tmp_path / "data").start()
    try:
        assert came_back_changed(running.dicomweb, all_paths(written), tmp_path / "back") == []
    finally:
        running.stop()


@pytest.mark.tier2
def test_every_object_comes_back_from_a_real_orthanc_as_it_was_stored(written, tmp_path):
    """Orthanc 1.10 changes no attribute of them, and adds none of its own."""
    folder = all_paths(written)[0].parents[1]
    inside = str(Path(__file__).with_name("orthanc_inside.py"))
    done = run_inside(
        python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "inside"), inside),
        environment={"CATALOGUE": str(folder)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
