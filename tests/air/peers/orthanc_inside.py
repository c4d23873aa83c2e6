"""What runs inside Orthanc's network namespace; `test_archives.py` starts it. Not collected by itself."""

import os
from pathlib import Path

from connectathon.peers.orthanc import orthanc
from tests.air.peers.archives import came_back_changed


def test_every_object_comes_back_as_it_was_stored(tmp_path):
    paths = sorted(Path(os.environ["CATALOGUE"]).rglob("*.dcm"))
    assert len(paths) > 100
    with orthanc(tmp_path / "orthanc") as peer:
        assert came_back_changed(peer.dicomweb, paths, tmp_path / "back") == []
