"""A real Image Manager in a process of its own, and small real studies to send to it."""

import dataclasses
import json
import os
import signal
from pathlib import Path

import httpx
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import SegmentationStorage

from actors.shared.dicomweb import Archive
from connectathon.bad_peers.forking import fork
from connectathon.modality import DemoOrder, load_head, write_series
from connectathon.waiting import eventually, free_port
from profiles.dicom import new_uid


class RunningImageManager:
    """One Image Manager process; can be killed and started again on the same data and ports."""

    def __init__(self, data_dir):
        self.data_dir = Path(data_dir)
        self.port, self.dimse_port = free_port(), free_port()
        self.dicomweb = f"http://127.0.0.1:{self.port}/dicom-web"
        self.kill_points = self.data_dir / "kill"
        self.process = None

    def launch(self):
        """Start the process without waiting for it."""
        ready = self.data_dir / "run" / "image_manager.json"
        ready.unlink(missing_ok=True)
        self.log = self.data_dir.parent / f"{self.data_dir.name}.log"
        settings = json.dumps({"port": self.port, "dimse_port": self.dimse_port})
        environment = {**os.environ, "STEPWELL_KILL_POINTS": str(self.kill_points)}
        self.process = fork(["good", "image_manager", str(self.data_dir), settings], self.log, environment)
        return self

    def start(self):
        """Start the process and wait until it is ready."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.kill_points.mkdir(exist_ok=True)
        self.launch()
        ready = self.data_dir / "run" / "image_manager.json"

        def announced():
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            return ready.exists() and json.loads(ready.read_text())["pid"] == self.process.pid

        eventually(announced, what="the Image Manager to be ready")
        return self

    def arm(self, step):
        """Let it die at a step."""
        (self.kill_points / step).touch()

    def wait_killed(self):
        assert self.process.wait(60) == -signal.SIGKILL

    def kill(self):
        self.process.kill()
        self.wait_killed()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def stored_files(self):
        return sorted(path for path in (self.data_dir / "image_manager" / "studies").rglob("*") if path.is_file())


@pytest.fixture
def new_image_manager():
    """The class, for tests that start one in a way of their own."""
    return RunningImageManager


@pytest.fixture
def image_manager(tmp_path):
    running = RunningImageManager(tmp_path / "data").start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def archive_server(tmp_path_factory):
    """One Image Manager for all tests that only add studies of their own."""
    running = RunningImageManager(tmp_path_factory.mktemp("archive") / "data").start()
    yield running
    running.stop()


@pytest.fixture
def archive(archive_server):
    with Archive(archive_server.dicomweb) as client:
        yield client


@pytest.fixture
def http(archive_server):
    with httpx.Client(base_url=archive_server.dicomweb, timeout=60) as client:
        yield client


@pytest.fixture
def foreign_client(archive_server):
    """dicomweb-client, an independent implementation of the other side."""
    client = DICOMwebClient(archive_server.dicomweb)
    yield client
    client._session.close()


@pytest.fixture(scope="session")
def head():
    return load_head()


@pytest.fixture
def study(head, tmp_path):
    """Six slices of a real head as a study of their own: order and files."""
    return make_study(head, tmp_path / "study")


def make_study(head, folder, slices=6, **changes):
    identity = {"accession_number": new_uid()[-12:], "patient_id": new_uid()[-10:]}
    order = dataclasses.replace(DemoOrder(), study_instance_uid=new_uid(), **{**identity, **changes})
    return order, write_series(head, order, folder, slice_axis=0, slices=slice(80, 80 + slices))


@pytest.fixture
def another_study(head, tmp_path):
    """A function that makes one more study."""
    numbers = iter(range(100))
    return lambda **changes: make_study(head, tmp_path / f"study-{next(numbers)}", **changes)


@pytest.fixture
def result_file(study, tmp_path):
    """A small file of a result class (SEG or SR) in the study, without claim to be a full object."""

    def make(modality="SEG", sop_class=SegmentationStorage, name="result.dcm", order=study[0], path=study[1][0]):
        dataset = pydicom.dcmread(path)
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = new_uid()
        dataset.SeriesInstanceUID = new_uid()
        dataset.Modality = modality
        dataset.save_as(tmp_path / name, enforce_file_format=True)
        return tmp_path / name

    return make
