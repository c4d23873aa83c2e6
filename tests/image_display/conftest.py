"""A real Image Manager and a real Image Display, each in a process of its own, and small studies with results."""

import dataclasses
import json
import os
import signal
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest

from actors.shared.dicomweb import Archive
from connectathon.bad_peers.forking import fork
from connectathon.fiction import DemoOrder
from connectathon.modality import Head, write_series
from connectathon.waiting import eventually, free_port
from profiles.dicom import new_uid


class RunningActor:
    """One actor's process."""

    def __init__(self, actor, data_dir, **settings):
        self.data_dir, self.port = Path(data_dir), settings["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._ready = self.data_dir / "run" / f"{actor}.json"
        self.log = self.data_dir / f"{actor}.log"
        self.process = fork(["good", actor, str(data_dir), json.dumps(settings)], self.log)
        eventually(self._announced, what=f"{actor} to be ready")

    def _announced(self):
        if self.process.poll() is not None:
            pytest.fail(self.log.read_text())
        return self._ready.exists() and json.loads(self._ready.read_text())["pid"] == self.process.pid

    def stop(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture(scope="module")
def launch(tmp_path_factory):
    """Starts an actor in a process of its own: ``launch("image_display", archive_url=…)``; ends all with the module."""
    running = []

    def start(actor, **settings):
        running.append(RunningActor(actor, tmp_path_factory.mktemp(actor), port=free_port(), **settings))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture(scope="module")
def launch_archive(launch):
    return lambda: launch("image_manager", dimse_port=free_port())


@pytest.fixture(scope="module")
def launch_display(launch):
    return lambda **settings: launch("image_display", **settings)


@pytest.fixture(scope="module")
def archive_actor(launch_archive):
    return launch_archive()


@pytest.fixture(scope="module")
def display(launch_display, archive_actor):
    return launch_display(archive_url=f"{archive_actor.url}/dicom-web")


@pytest.fixture(scope="module")
def web(display):
    with httpx.Client(base_url=display.url, timeout=60) as client:
        yield client


@dataclasses.dataclass
class SampleStudy:
    """A ball in a box, its mask, and a report, as files and as arrays."""

    order: DemoOrder
    images: list[Path]
    mask: np.ndarray
    results: list[Path]

    @property
    def uid(self):
        return self.order.study_instance_uid

    @property
    def everything(self):
        return [*self.images, *self.results]


def ball(shape=(24, 20, 16), centre=(14, 9, 8), radius=5):
    """A bright ball in a dim box, off centre in every direction; and where it is."""
    grid = np.indices(shape) - np.array(centre).reshape(3, 1, 1, 1)
    inside = (grid**2).sum(axis=0) <= radius**2
    return np.where(inside, 900, 100).astype(np.int16), inside


@pytest.fixture(scope="session")
def make_study(tmp_path_factory):
    """Makes sample studies: ``make_study(patient_name=…, results=True)``."""

    def make(*, results=True, label="Ball", order=None, **order_values):
        folder = tmp_path_factory.mktemp("study")
        order = order or DemoOrder(study_instance_uid=new_uid(), accession_number="ACC1", **order_values)
        values, inside = ball()
        affine = np.array([[1.0, 0, 0, -10], [0, 1.5, 0, -20], [0, 0, 2.0, -5], [0, 0, 0, 1]])
        images = write_series(Head("ball", "T1w ball", values, affine), order, folder / "mr", slice_axis=2)
        masks = write_series(
            Head("ball", "mask", inside.astype(np.int16), affine), order, folder / "mask", slice_axis=2
        )
        mask = np.stack([pydicom.dcmread(path).pixel_array > 0 for path in masks])
        stored = _results(folder, images, mask, label) if results else []
        return SampleStudy(order, images, mask, stored)

    return make


@pytest.fixture(scope="module")
def stored(archive_actor, make_study):
    """Makes a sample study and stores it in the archive."""

    def store(**values):
        study = make_study(**values)
        with Archive(f"{archive_actor.url}/dicom-web") as archive:
            archive.store(study.everything)
        return study

    return store


def _results(folder, images, mask, label):
    """A SEG and a TID 1500 SR by highdicom, which shares no code with the display."""
    import highdicom as hd
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    sources = [pydicom.dcmread(path) for path in images]
    engine = hd.AlgorithmIdentificationSequence("ball finder", codes.DCM.ArtificialIntelligence, "1.2.3")
    tracking = hd.UID()
    kinds = hd.seg.SegmentAlgorithmTypeValues, hd.seg.SegmentationTypeValues
    description = hd.seg.SegmentDescription(
        1, label, codes.SCT.Organ, codes.SCT.Brain, kinds[0].AUTOMATIC, engine,
        tracking_id="Ball 1", tracking_uid=tracking,
    )  # fmt: skip
    segmentation = hd.seg.Segmentation(
        sources, mask.astype(np.uint8), kinds[1].BINARY, [description], hd.UID(), 100, hd.UID(), 1,
        "Maker", "ball finder", "1.2.3", "1", series_description="Ball mask",
    )  # fmt: skip
    device = hd.sr.DeviceObserverIdentifyingAttributes(hd.UID(), manufacturer_name="Maker", model_name="ball finder")
    group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        hd.sr.TrackingIdentifier(tracking, "Ball 1"),
        referenced_segment=hd.sr.ReferencedSegment(
            segmentation.SOPClassUID,
            segmentation.SOPInstanceUID,
            1,
            source_series=hd.sr.SourceSeriesForSegmentation(sources[0].SeriesInstanceUID),
        ),
        finding_type=codes.SCT.Brain,
        measurements=[hd.sr.Measurement(codes.SCT.Volume, 1.570, Code("mL", "UCUM", "milliliter"))],
        algorithm_id=hd.sr.AlgorithmIdentification("ball finder", "1.2.3"),
    )
    report = hd.sr.MeasurementReport(
        hd.sr.ObservationContext(observer_device_context=hd.sr.ObserverContext(codes.DCM.Device, device)),
        Code("24587-8", "LN", "MR Brain"),
        imaging_measurements=[group],
    )
    structured = hd.sr.Comprehensive3DSR(
        [segmentation, *sources], report, hd.UID(), 101, hd.UID(), 1, "Maker",
        is_complete=True, series_description="Ball volume",
    )  # fmt: skip
    paths = [folder / "seg.dcm", folder / "sr.dcm"]
    for dataset, path in zip((segmentation, structured), paths, strict=True):
        dataset.save_as(path)
    return paths
