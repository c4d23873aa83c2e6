"""Our own actors, good and bad, as systems under test."""

from contextlib import contextmanager

import pytest

from conformance.harness.registry import suite
from connectathon.bad_peers.running import running
from connectathon.judging import judge
from connectathon.waiting import free_port


@contextmanager
def judged_image_manager(folder, peer="good"):
    """A running Image Manager, and a function that judges it."""
    port, dimse = free_port(), free_port()
    with running("image_manager", folder / "data", peer, port=port, dimse_port=dimse):
        yield lambda begins=(): judge(
            suite("image_manager"),
            {
                "dicomweb": {"base_url": f"http://127.0.0.1:{port}/dicom-web"},
                "dimse": {"port": dimse, "ae_title": "STEPWELL"},
                "options": ["store-dimse"],
            },
            folder / "evidence",
            begins=begins,
        )


@pytest.fixture
def image_manager(tmp_path):
    with judged_image_manager(tmp_path) as judging:
        yield judging
