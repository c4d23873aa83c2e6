"""A study of many slices made in memory, and what an algorithm might find on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import process_time
from typing import Any

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from profiles.air import (
    AlgorithmIdentification,
    Fraction,
    ResultContext,
    Segment,
    Segmentation,
    Tracking,
    context_from_workitem,
    derived_uid,
)
from profiles.air.mending import as_concept, identity
from profiles.dicom import Code, code

ALGORITHM = AlgorithmIdentification("organs", "1.0", "Stepwell")
KINDS = ("BINARY", "BINARY, overlapping", "LABELMAP", "FRACTIONAL")
SEGMENTS, PIXEL_MM = 5, 0.75
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def headers(slices: int, rows: int, columns: int) -> list[Dataset]:
    """The headers of a CT series, 3 mm apart."""
    return [_header(number, rows, columns) for number in range(1, slices + 1)]


def context(images: Sequence[Dataset]) -> ResultContext:
    """What results on these images are tied to."""
    return context_from_workitem({}, images, station=Code("BENCH", "L", "Bench"), now=NOW, seed="bench")


def masks(shape: tuple[int, int, int], *, overlapping: bool = False) -> list[NDArray[np.bool_]]:
    """A ball for each segment, beside each other or reaching into each other, each on a part of the slices."""
    slices, rows, columns = shape
    plane = np.ogrid[:rows, :columns]
    found = []
    for number in range(SEGMENTS):
        mask = np.full(shape, False)  # a page of its own for every part, unlike zeros
        middle, reach = slices * (number + 2) / (SEGMENTS + 3), slices * 0.3
        radius = columns / SEGMENTS / (1 if overlapping else 2)
        across = (plane[1] - columns * (number + 0.5) / SEGMENTS) ** 2 + (plane[0] - rows / 2) ** 2
        for place in range(slices):
            share = 1 - ((place - middle) / reach) ** 2
            if share > 0:
                mask[place] = across < radius**2 * share
        found.append(mask)
    return found


def found_of(kind: str, images: Sequence[Dataset]) -> Segmentation:
    """A segmentation of one of the :data:`KINDS` on a series."""
    shape = (len(images), int(images[0].Rows), int(images[0].Columns))
    found: list[NDArray[Any]] = list(masks(shape, overlapping="overlapping" in kind))
    if "FRACTIONAL" in kind:
        slope = np.linspace(0, 1, shape[2], dtype=np.float32)
        found = [mask * slope for mask in found]
    segments = tuple(
        Segment(
            f"Organ {number}",
            code("SCT", "91723000"),
            code("SCT", "39607008"),
            mask,
            Tracking(f"Organ {number}"),
            fraction=Fraction.PROBABILITY if "FRACTIONAL" in kind else None,
        )
        for number, mask in enumerate(found)
    )
    return Segmentation(segments, tuple(str(image.SOPInstanceUID) for image in images), label_map="LABELMAP" in kind)


def stacked(found: Segmentation) -> NDArray[Any]:
    """The voxels as highdicom's manual says: all masks along the last axis of one array."""
    return np.stack([part.mask if part.fraction else part.mask.view(np.uint8) for part in found.segments], axis=-1)


def plain(found: Segmentation, voxels: NDArray[Any], images: Sequence[Dataset], tied: ResultContext) -> Dataset:
    """The same segmentation by highdicom alone."""
    return hd.seg.Segmentation(  # type: ignore[no-any-return] # highdicom is untyped for mypy
        source_images=images,
        pixel_array=voxels,
        segmentation_type=found.kind,
        segment_descriptions=[
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=segment.label,
                segmented_property_category=as_concept(segment.category),
                segmented_property_type=as_concept(segment.property_type),
                algorithm_type="AUTOMATIC",
                algorithm_identification=hd.AlgorithmIdentificationSequence(
                    name=ALGORITHM.name, family=as_concept(ALGORITHM.family), version=ALGORITHM.version
                ),
                tracking_uid=derived_uid("plain", segment.tracking.identifier),
                tracking_id=segment.tracking.identifier,
            )
            for number, segment in enumerate(found.segments, start=1)
        ],
        content_label=found.content_label,
        **identity(tied, ALGORITHM, "SEG", "segmentation", series_number=1),
    )


def take_turns(rounds: int, *works: Callable[[], object]) -> list[float]:
    """The least processor seconds that each of some works took.

    They take turns, so that all see the same machine; what others do on it is not counted.
    """
    took: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, seconds in zip(works, took, strict=True):
            started = process_time()
            work()
            seconds.append(process_time() - started)
    return [min(seconds) for seconds in took]


def _header(number: int, rows: int, columns: int) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = CTImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.9.{number}")
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, f"2.25.9.{number}"
    image.StudyDate, image.StudyTime, image.AccessionNumber, image.Modality = "20300102", "030405", "A1", "CT"
    image.Manufacturer, image.ManufacturerModelName, image.ReferringPhysicianName = "Fictitious", "Scanner", ""
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Fiction^Bench", "BENCH-1", "", ""
    image.SliceThickness, image.StudyID = 3, "1"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "2.25.6", "2.25.7", "2.25.8"
    image.SeriesNumber, image.InstanceNumber, image.PositionReferenceIndicator = 1, number, ""
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 3 * number], [1, 0, 0, 0, 1, 0]
    image.Rows, image.Columns, image.PixelSpacing = rows, columns, [PIXEL_MM, PIXEL_MM]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleIntercept, image.RescaleSlope = 0, 1
    return image
