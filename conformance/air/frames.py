"""Frames of segmentations and parametric maps: their functional groups and their pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from conformance.air.geometry import PLANE, SPACE
from conformance.air.reading import numbers, rows, whole, words

LARGEST = 256 * 1024 * 1024
"""Octets beyond which pixels are not decoded."""

_PLAIN = {"", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"}
"""Transfer syntaxes whose pixels lie side by side once they are read; a dataset in memory may have none."""


def frame_groups(dataset: Dataset) -> list[list[Dataset]]:
    """For each frame, its own functional groups and the shared ones."""
    shared = rows(dataset, "SharedFunctionalGroupsSequence")[:1]
    return [[frame, *shared] for frame in rows(dataset, "PerFrameFunctionalGroupsSequence")]


def in_groups(groups: Sequence[Dataset], keyword: str) -> Dataset:
    """The first item of a functional group, from the frame's groups or the shared ones; empty when in neither."""
    return next((found[0] for group in groups if (found := rows(group, keyword))), Dataset())


def frame_segment(groups: Sequence[Dataset]) -> int | None:
    """The segment that a frame shows."""
    return whole(in_groups(groups, "SegmentIdentificationSequence"), "ReferencedSegmentNumber")


def frame_sources(groups: Sequence[Dataset]) -> list[str]:
    """The source instances of a frame."""
    return [
        words(source, "ReferencedSOPInstanceUID")
        for group in groups
        for derivation in rows(group, "DerivationImageSequence")
        for source in rows(derivation, "SourceImageSequence")
    ]


def position(groups: Sequence[Dataset]) -> list[float]:
    """Where the first pixel of a frame lies, in mm; empty when the frame does not say it."""
    return numbers(in_groups(groups, "PlanePositionSequence"), "ImagePositionPatient")


def tile_position(groups: Sequence[Dataset]) -> list[float]:
    """Column and row of the first pixel of a tile in its total pixel matrix; empty when the frame is no tile."""
    place = in_groups(groups, "PlanePositionSlideSequence")
    edges = ("ColumnPositionInTotalImagePixelMatrix", "RowPositionInTotalImagePixelMatrix")
    return [part for edge in edges for part in numbers(place, edge)]


def normal_of(orientation: Sequence[float]) -> NDArray[np.float64] | None:
    """The direction across a plane from its rows' and columns' directions; None when they are no two directions."""
    if len(orientation) != 2 * SPACE:
        return None
    found: NDArray[np.float64] = np.cross(np.asarray(orientation[:3]), np.asarray(orientation[3:]))
    length = float(np.linalg.norm(found))
    return found / length if length > 0 and np.isfinite(length) else None


def normal(groups: Sequence[Dataset]) -> NDArray[np.float64] | None:
    """The direction across a frame; None when the frame does not say it."""
    return normal_of(numbers(in_groups(groups, "PlaneOrientationSequence"), "ImageOrientationPatient"))


def voxel_ml(groups: Sequence[Dataset]) -> float | None:
    """Volume of one voxel of a frame, in mL."""
    measures = in_groups(groups, "PixelMeasuresSequence")
    spacing = numbers(measures, "PixelSpacing")
    depth = numbers(measures, "SpacingBetweenSlices") or numbers(measures, "SliceThickness")
    return spacing[0] * spacing[1] * depth[0] / 1000.0 if len(spacing) == PLANE and depth else None


def frame_size(dataset: Dataset) -> int:
    """Pixels of one frame."""
    return (whole(dataset, "Rows") or 0) * (whole(dataset, "Columns") or 0)


def is_tiled_full(dataset: Dataset) -> bool:
    """Whether frames are described by their order alone, without an item for each (PS3.3 C.7.6.17.3)."""
    return words(dataset, "DimensionOrganizationType") == "TILED_FULL"


def pixel_octets(dataset: Dataset, keyword: str = "PixelData") -> int | None:
    """The length of pixel data that is not compressed frame by frame, without reading it; None when there is none."""
    tag = Tag(keyword)
    syntax = words(getattr(dataset, "file_meta", None) or Dataset(), "TransferSyntaxUID")
    if tag not in dataset or syntax not in _PLAIN:
        return None
    element = dataset.get_item(tag, keep_deferred=True)
    if isinstance(element, RawDataElement):
        return element.length
    value = element.value if element is not None else None
    return len(value) if isinstance(value, bytes) else None


def masks(dataset: Dataset, frames: int) -> NDArray[np.uint8] | None:
    """The pixels of a BINARY segmentation, a row for each frame; None when they cannot be read or are too many."""
    size, octets = frame_size(dataset), pixel_octets(dataset)
    if words(dataset, "SegmentationType") != "BINARY" or not size or not frames or not octets:
        return None
    if octets * 8 > LARGEST or octets * 8 < size * frames:
        return None
    pixels: bytes = dataset.PixelData
    return np.unpackbits(np.frombuffer(pixels, dtype=np.uint8), bitorder="little")[: size * frames].reshape(
        frames, size
    )
