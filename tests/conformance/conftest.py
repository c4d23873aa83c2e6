"""A valid set of results as an encoder makes it: a segmentation, a report, and the images that they were made from."""

import copy
import io
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from connectathon.fiction import DemoOrder
from connectathon.modality import Head, write_series
from profiles.air import (
    AlgorithmIdentification,
    Measurement,
    Results,
    Segment,
    Segmentation,
    Tracking,
    context_from_workitem,
    encode,
)
from profiles.dicom import Code, code, put, put_codes, put_items


def workitem_of(image):
    """A workitem for the study of an image, with its order."""
    item, request = {}, {}
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID"):
        put(item, keyword, str(image[keyword].value))
    put(request, "AccessionNumber", str(image.AccessionNumber))
    put(request, "StudyInstanceUID", str(image.StudyInstanceUID))
    put(request, "RequestedProcedureID", "RP7")
    put(request, "RequestedProcedureDescription", "MR head")
    put_codes(request, "RequestedProcedureCodeSequence", Code("24590-2", "LN", "MR Brain"))
    put(request, "PlacerOrderNumberImagingServiceRequest", "P9")
    put(request, "FillerOrderNumberImagingServiceRequest", "F9")
    put_items(item, "ReferencedRequestSequence", request)
    put_codes(item, "ScheduledWorkitemCodeSequence", code("99STEPWELL", "BRAINSEG"))
    return item


def results_of(images):
    """Two overlapping segments with their volumes."""
    outer = np.zeros((12, 20, 24), dtype=np.bool_)
    outer[2:9, 4:15, 5:16] = True
    inner = np.zeros_like(outer)
    inner[4:6, 7:9, 8:10] = True
    brain, core = Tracking("Brain"), Tracking("Core")
    category, volume, unit = code("SCT", "91723000"), code("SCT", "118565006"), code("UCUM", "mL")
    segments = (
        Segment("Brain", category, code("SCT", "12738006"), outer, brain),
        Segment("Core", category, code("SCT", "69536005"), inner, core, colour=(0, 0, 255)),
    )
    return Results(
        (Segmentation(segments, tuple(str(image.SOPInstanceUID) for image in images), "BRAIN"),),
        (
            Measurement(volume, round(outer.sum() * 12 / 1000, 3), unit, brain),
            Measurement(volume, round(inner.sum() * 12 / 1000, 3), unit, core),
        ),
    )


def as_bytes(dataset):
    """An object as a file has it."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Made(NamedTuple):
    """One set as files have it."""

    segmentation: bytes
    report: bytes
    images: list[bytes]

    def __repr__(self):
        return "the set that was made"  # short, for what hypothesis prints


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """What was made once, as files have it; tests read copies of it."""
    values = np.arange(24 * 20 * 12, dtype=np.int16).reshape(24, 20, 12)
    head = Head("small", "Small", values, np.diag([2.0, 2.0, 3.0, 1.0]))
    paths = write_series(head, DemoOrder(), tmp_path_factory.mktemp("source"), slice_axis=2)
    images = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    station, now = Code("STEPWELL", "L", "AI room"), datetime(2090, 1, 2, 3, 4, 5, tzinfo=UTC)
    context = context_from_workitem(workitem_of(images[0]), images, station=station, now=now, seed="workitem attempt")
    algorithm = AlgorithmIdentification("brain-extraction", "1.0.2", "Stepwell", build="weights")
    segmentation, report = encode(results_of(images), context, algorithm)
    return Made(as_bytes(segmentation), as_bytes(report), [as_bytes(image) for image in images])


def read(content):
    return pydicom.dcmread(io.BytesIO(content))


class Objects:
    """One set that a test may break; what it takes out is None."""

    def __init__(self, segmentation, report, images):
        self.seg, self.sr, self.images, self.more = segmentation, report, images, []
        self.pm = self.kos = self.tree = self.capture = None

    @property
    def named(self):
        """All of them by the names of files."""
        results = [(f"{name}.dcm", getattr(self, name)) for name in RESULTS]
        images = [(f"{number}.dcm", image) for number, image in enumerate(self.images)]
        return [(name, dataset) for name, dataset in [*results, *self.more, *images] if dataset is not None]

    def listed(self, dataset, document=None):
        """List an object as evidence of the report, or of another document."""
        series, entry = Dataset(), Dataset()
        series.SeriesInstanceUID, series.ReferencedSOPSequence = dataset.SeriesInstanceUID, [entry]
        entry.ReferencedSOPClassUID, entry.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
        evidence = (document or self.sr).CurrentRequestedProcedureEvidenceSequence[0]
        evidence.ReferencedSeriesSequence.append(series)


RESULTS = ("seg", "sr", "pm", "kos", "tree", "capture")


@pytest.fixture
def objects(made):
    return Objects(read(made.segmentation), read(made.report), [read(image) for image in made.images])


class Scenes:
    """Good sets by name, each made once; a test gets a copy of its own."""

    def __init__(self, made):
        self.made, self.kept = made, {}

    def __call__(self, name):
        """The set of that name."""
        made = self.made
        found = Objects(read(made.segmentation), read(made.report), [read(image) for image in made.images])
        if name not in self.kept:
            from tests.conformance.air_scenes import SCENES

            built = copy.deepcopy(found)
            if SCENES[name]:
                SCENES[name](built, workitem_of(found.images[0]))
            self.kept[name] = {one: as_bytes(dataset) for one in RESULTS if (dataset := getattr(built, one))}
        for one, content in self.kept[name].items():
            setattr(found, one, read(content))
        return found


@pytest.fixture(scope="session")
def scenes(made):
    return Scenes(made)
