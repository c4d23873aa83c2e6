"""OHIF under our Image Display, our Image Manager behind it, and a study with results of ours."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from actors.shared.dicomweb import Archive
from connectathon.fiction import DemoOrder
from connectathon.modality import Head, load_head, write_series
from connectathon.waiting import eventually, free_port
from profiles.air import (
    AlgorithmIdentification,
    Finding,
    ImageReference,
    Location,
    Mark,
    Measurement,
    Outline,
    Region,
    Results,
    Segment,
    Segmentation,
    Tracking,
    context_from_workitem,
    encode,
)
from profiles.dicom import Code, code, put

ROOT = Path(__file__).parents[2]
FETCH = [sys.executable, str(ROOT / "scripts" / "ohif.py")]
BRAIN, LESION, BLEEDING = (code("SCT", value) for value in ("12738006", "301766008", "50960005"))
AREA, VOLUME, LENGTH = code("SCT", "42798000"), code("SCT", "118565006"), code("SCT", "410668003")
SHOWN = 10


@dataclass
class Department:
    """Where the viewer is served, and what is stored behind it."""

    url: str
    archive_url: str
    images: list
    masks: np.ndarray

    def store(self, results, name):
        """Encode results of ours and store them; the datasets."""
        context = context_from_workitem(
            put({}, "StudyInstanceUID", self.study), self.images, station=Code("STEPWELL", "L", "AI room"),
            now=datetime.now(UTC),
        )  # fmt: skip
        made = encode(results, context, AlgorithmIdentification(name, "1.0.2", "Stepwell"))
        self._send(made)
        return made

    @property
    def drawn_on(self):
        """The place of the slice on which everything of the report is drawn, from 0."""
        return SHOWN

    @property
    def shapes(self):
        return shapes(self.images[SHOWN])

    @property
    def study(self):
        return str(self.images[0].StudyInstanceUID)

    def _send(self, datasets):
        import tempfile

        with tempfile.TemporaryDirectory() as folder, Archive(self.archive_url) as archive:
            paths = [Path(folder) / f"{number}.dcm" for number in range(len(datasets))]
            for dataset, path in zip(datasets, paths, strict=True):
                dataset.save_as(path, enforce_file_format=True)
            archive.store(paths)


def head_study(folder):
    """24 axial slices of 107 rows and 173 columns.

    The bits of a frame do not fill its last byte, and pixels are twice as high as wide: two things that viewers forget.
    The slices are not oblique: for a segmentation the viewer cuts either along them or along the patient's axes.
    """
    whole = load_head()
    affine = np.diag([1.0, 2.0, 1.0, 1.0])
    affine[:3, 3] = -100, -91, -122
    cropped = Head(whole.name, whole.description, whole.voxels[:173, 22:235:2], affine)
    return write_series(cropped, DemoOrder(accession_number="OHIF1"), folder, slice_axis=2, slices=slice(120, 144))


def two_masks(shape):
    """A lying L and a disc, both moving with the slice, so that a mirrored, sheared or shifted drawing is seen."""
    slices, rows, columns = np.indices(shape)
    upright = (columns > 40 + slices) & (columns < 58 + slices) & (rows > 35) & (rows < 75)
    foot = (columns > 40 + slices) & (columns < 80 + slices) & (rows > 65) & (rows < 75)
    disc = (columns - 120) ** 2 + (2 * rows - 80 - slices) ** 2 < 15**2
    return np.stack([upright | foot, disc]) & (slices > 2) & (slices < 20)


@pytest.fixture(scope="session")
def ohif_folder():
    answer = subprocess.run(FETCH, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


@pytest.fixture(scope="module")
def department(tmp_path_factory, ohif_folder):
    """The Image Manager and the Image Display, run as an installation runs them."""
    folder = tmp_path_factory.mktemp("department")
    ports = free_port(), free_port(), free_port()
    archive_url = f"http://127.0.0.1:{ports[0]}/dicom-web"
    config = folder / "stepwell.toml"
    config.write_text(
        f'[stepwell]\ndata_dir = "{folder / "data"}"\n'
        f"[image_manager]\nport = {ports[0]}\ndimse_port = {ports[1]}\n"
        f'[image_display]\nport = {ports[2]}\narchive_url = "{archive_url}"\nohif_folder = "{ohif_folder}"\n'
    )
    command = [sys.executable, "-m", "stepwell", "up", "image-manager", "image-display", "--config", str(config)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        run = folder / "data" / "run"

        def ready():
            if process.poll() is not None:
                pytest.fail((folder / "log").read_text())
            return all((run / f"{actor}.json").exists() for actor in ("image_manager", "image_display"))

        eventually(ready, what="the actors to be ready")
        paths = head_study(folder / "mr")
        with Archive(archive_url) as archive:
            archive.store(paths)
        images = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
        shape = len(images), int(images[0].Rows), int(images[0].Columns)
        yield Department(f"http://127.0.0.1:{ports[2]}", archive_url, images, two_masks(shape))
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def segmentation(department):
    """A SEG with two segments, and its report by segment."""
    named = (("Brain part", BRAIN, (255, 196, 0)), ("Lesion core", LESION, (0, 160, 255)))
    category = code("SCT", "91723000")
    segments = tuple(
        Segment(label, category, kind, mask, Tracking(label), colour=colour)
        for (label, kind, colour), mask in zip(named, department.masks, strict=True)
    )
    uids = tuple(str(image.SOPInstanceUID) for image in department.images)
    volumes = tuple(
        Measurement(VOLUME, round(float(one.mask.sum()) * 2 / 1000, 3), code("UCUM", "mL"), one.tracking)
        for one in segments
    )
    return department.store(Results((Segmentation(segments, uids, "PARTS"),), volumes), "segmenter")


def shapes(image):
    """One of each kind that can be drawn on an image, by what it is called."""
    where = ImageReference(str(image.SOPInstanceUID))
    kite = ((50.0, 50.0), (70.0, 40.0), (85.0, 50.0), (70.0, 65.0), (50.0, 50.0))
    oval = ((60.0, 77.0), (100.0, 77.0), (80.0, 73.0), (80.0, 81.0))
    return (
        Region(Outline.POLYLINE, kite, where, Tracking("Outlined lesion")),
        Region(Outline.BOX, ((100.0, 30.0), (130.0, 42.0)), where, Tracking("Boxed lesion")),
        Region(Outline.CIRCLE, ((110.0, 60.0), (122.0, 60.0)), where, Tracking("Round lesion")),
        Region(Outline.ELLIPSE, oval, where, Tracking("Oval lesion")),
        Location(Mark.LINE, ((60.0, 20.0), (95.0, 27.0)), where, Tracking("Long axis")),
        Location(Mark.POINT, ((125.0, 75.0),), where, Tracking("Point lesion")),
    )


@pytest.fixture(scope="module")
def report(department):
    """A report of shapes with a number each, and of something that is absent and so has no place."""
    found = department.shapes
    units = (AREA, code("UCUM", "mm2")), (LENGTH, code("UCUM", "mm"))
    numbers = tuple(
        Measurement(units[place > 3][0], 104.2345 + place, units[place > 3][1], one.of)
        for place, one in enumerate(found)
    )
    findings = (*(Finding(LESION, one.of) for one in found), Finding(BLEEDING, Tracking("Bleeding"), present=False))
    results = Results(measurements=numbers, findings=findings, regions=found[:4], locations=found[4:])
    return department.store(results, "reporter")
