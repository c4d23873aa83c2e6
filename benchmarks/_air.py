"""A study of many slices made in memory, and what an algorithm might find on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from profiles.air import (
    AlgorithmIdentification,
    Fraction,
    ResultContext,
    Segment,
    Segmentation,
    Tracking,
    context_from_workitem,
)
from profiles.dicom import Code, code

ALGORITHM = AlgorithmIdentification("organs", "1.0", "Stepwell")
CATEGORY, ORGAN = code("SCT", "91723000"), code("SCT", "39607008")
SEGMENTS = 5
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def headers(slices: int, rows: int, columns: int) -> list[Dataset]:
    """The headers of a CT series, 3 mm apart."""
    return [_header(number, rows, columns) for number in range(1, slices + 1)]


def context(images: Sequence[Dataset]) -> ResultContext:
    """What results on these images are tied to."""
    return context_from_workitem({}, images, station=Code("BENCH", "L", "Bench"), now=NOW, seed="bench")


def masks(shape: tuple[int, int, int], *, overlapping: bool = False) -> list[NDArray[np.bool_]]:
    """A ball for each segment, side by side along the rows, each on a part of the slices."""
    slices, rows, columns = shape
    plane = np.ogrid[:rows, :columns]
    found = []
    for number in range(SEGMENTS):
        mask = np.zeros(shape, dtype=np.bool_)
        middle, reach = slices * (number + 2) / (SEGMENTS + 3), slices * 0.3
        width = columns / SEGMENTS / (1 if overlapping else 2)
        across = (plane[1] - columns * (number + 0.5) / SEGMENTS) ** 2 + (plane[0] - rows / 2) ** 2
        for place in range(slices):
            share = 1 - ((place - middle) / reach) ** 2
            if share > 0:
                mask[place] = across < width**2 * share
        found.append(mask)
    return found


def segmentation(
    found: Sequence[NDArray[Any]],
    images: Sequence[Dataset],
    *,
    label_map: bool = False,
    fraction: Fraction | None = None,
) -> Segmentation:
    """The masks as a segmentation."""
    segments = tuple(
        Segment(f"Organ {number}", CATEGORY, ORGAN, mask, Tracking(f"Organ {number}"), fraction=fraction)
        for number, mask in enumerate(found)
    )
    return Segmentation(segments, tuple(str(image.SOPInstanceUID) for image in images), label_map=label_map)


def take_turns(rounds: int, *works: Callable[[], object]) -> list[float]:
    """The least seconds that each of some works took; they take turns, so that all see the same machine."""
    took: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, seconds in zip(works, took, strict=True):
            started = perf_counter()
            work()
            seconds.append(perf_counter() - started)
    return [min(seconds) for seconds in took]


def _header(number: int, rows: int, columns: int) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = CTImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = f"2.25.9.{number}"
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, f"2.25.9.{number}"
    image.StudyDate, image.StudyTime, image.AccessionNumber, image.Modality = "20300102", "030405", "A1", "CT"
    image.Manufacturer, image.ManufacturerModelName, image.ReferringPhysicianName = "Fictitious", "Scanner", ""
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Fiction^Bench", "BENCH-1", "", ""
    image.SliceThickness, image.StudyID = 3, "1"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "2.25.6", "2.25.7", "2.25.8"
    image.SeriesNumber, image.InstanceNumber, image.PositionReferenceIndicator = 1, number, ""
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 3 * number], [1, 0, 0, 0, 1, 0]
    image.Rows, image.Columns, image.PixelSpacing = rows, columns, [0.75, 0.75]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleIntercept, image.RescaleSlope = 0, 1
    return image
