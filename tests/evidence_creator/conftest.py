"""A small study with pixels, and pictures of results on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from actors.evidence_creator.pictures import Caption, caption_of
from connectathon.fiction import DemoOrder
from connectathon.modality import Head, write_series
from profiles.air import AlgorithmIdentification, ResultContext, Segment, Tracking, context_from_workitem
from profiles.dicom import Code, code

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SLICES, ROWS, COLUMNS = 12, 20, 24


@pytest.fixture(scope="session")
def source_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twelve axial slices of 20 rows and 24 columns, pixels of 4 x 2 mm, slices 3 mm apart; all black but one pixel."""
    values = np.zeros((COLUMNS, ROWS, SLICES), dtype=np.int16)
    values[0, 0, :] = 1000
    head = Head("small", "Small", values, np.diag([2.0, 4.0, 3.0, 1.0]))
    return write_series(head, DemoOrder(), tmp_path_factory.mktemp("source"), slice_axis=2)


@pytest.fixture
def images(source_files: list[Path]) -> list[Dataset]:
    found = [pydicom.dcmread(path) for path in source_files]
    for image in found:
        image.WindowCenter, image.WindowWidth = 500, 1000
    return found


@pytest.fixture
def uids(images: list[Dataset]) -> tuple[str, ...]:
    return tuple(str(image.SOPInstanceUID) for image in images)


@pytest.fixture
def algorithm() -> AlgorithmIdentification:
    return AlgorithmIdentification("ball finder", "1.2.3", "Stepwell")


@pytest.fixture
def context(images: list[Dataset]) -> ResultContext:
    station = Code("STEPWELL", "L", "AI room")
    return context_from_workitem({}, images, station=station, now=NOW, seed="workitem-1 attempt-1")


@pytest.fixture
def caption(context: ResultContext, algorithm: AlgorithmIdentification) -> Caption:
    return caption_of(context, algorithm)


@pytest.fixture
def radiograph(images: list[Dataset]) -> Dataset:
    """A digital radiograph: one image without Frame of Reference, its low values white."""
    flat = images[0]
    for keyword in (
        "FrameOfReferenceUID",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PositionReferenceIndicator",
        "SliceThickness",
        "SpacingBetweenSlices",
        "PixelSpacing",
    ):
        if keyword in flat:
            del flat[keyword]
    flat.SOPClassUID, flat.Modality = "1.2.840.10008.5.1.4.1.1.1.1", "DX"
    flat.PatientOrientation, flat.ImagerPixelSpacing = ["L", "F"], [0.3, 0.2]
    flat.PhotometricInterpretation = "MONOCHROME1"
    return flat


@pytest.fixture
def multi_frame(images: list[Dataset]) -> Dataset:
    """The slices as frames of one Legacy Converted Enhanced MR image."""
    import highdicom as hd

    return hd.legacy.LegacyConvertedEnhancedMRImage(images, "1.2.40.1", 7, "1.2.40.2", 1)


@pytest.fixture
def segment() -> Callable[..., Segment]:
    """A segment of one box of voxels: slices, rows and columns from and to."""

    def make(
        name: str, slices: Sequence[int], rows: Sequence[int] = (4, 8), columns: Sequence[int] = (10, 20)
    ) -> Segment:
        mask = np.zeros((SLICES, ROWS, COLUMNS), dtype=np.bool_)
        mask[slice(*slices), slice(*rows), slice(*columns)] = True
        return Segment(name, code("SCT", "91723000"), code("SCT", "12738006"), mask, Tracking(name))

    return make
