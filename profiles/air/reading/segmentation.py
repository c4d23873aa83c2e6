"""Segmentations by anybody (PS3.3 A.51), put back on the voxels of their sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from profiles.air.errors import IllegalResult, require
from profiles.air.reading.frames import Layout, layout_of
from profiles.air.reading.items import coded_in, first, rows, word
from profiles.air.reading.notes import Notes
from profiles.air.reading.outcome import StatedAlgorithm
from profiles.air.segments import Fraction, Segment, Segmentation
from profiles.air.values import FindingSite, Tracking, content_label, require_content_label
from profiles.dicom import Code

_SIDES = ("24028007", "7771000", "51440002", "66459002")
_LAB = 3
_DEFAULT_COLOUR = (255, 196, 0)

Naming = Callable[[int, tuple[str, str], str, str], Tracking]
"""Gives the identity of a segment by its number, what is stated, its label, and where."""


def segmentation_in(
    made: Dataset, images: Sequence[Dataset], name: Naming, notes: Notes
) -> tuple[Segmentation, dict[int, Segment]]:
    """The segmentation, and its segments by their Segment Numbers.

    Args:
        made: the object.
        images: headers of the images that its sources may be among.
        name: gives the identity of a segment.
        notes: what is not understood is added.

    Raises:
        IllegalResult: when no segment can be read, or the frames do not lie on one series.
    """
    layout = layout_of(made, images)
    described = {int(row.SegmentNumber): row for row in rows(made, "SegmentSequence") if "SegmentNumber" in row}
    label_map = word(made, "SegmentationType") == "LABELMAP"
    if label_map:
        described.pop(0, None)
    masks = _masks(made, layout, sorted(described), label_map)
    fraction = _fraction(made)
    segments: dict[int, Segment] = {}
    for place, (number, row) in enumerate(sorted(described.items()), start=1):
        path = f"SegmentSequence.{place}"
        notes.private.update({word(row, "SegmentLabel"), word(row, "SegmentDescription")} - {""})
        with notes.taking(path, "Segment"):
            label = word(row, "SegmentLabel") or f"Segment {number}"
            stated = (word(row, "TrackingID"), word(row, "TrackingUID"))
            segments[number] = _segment(row, masks[number], fraction, label, notes, path)(
                name(number, stated, label, path)
            )
    require(bool(segments), "It has no segment that can be read.")
    return (
        Segmentation(
            tuple(segments.values()),
            layout.source_instance_uids,
            _label(made, segments, notes),
            word(made, "ContentDescription"),
            label_map,
            layout.multi_frame,
        ),
        segments,
    )


def algorithms_in(made: Dataset) -> list[StatedAlgorithm]:
    """The algorithms that its segments name."""
    found = [
        row
        for segment in rows(made, "SegmentSequence")
        for row in rows(segment, "SegmentationAlgorithmIdentificationSequence")
    ]
    return [
        StatedAlgorithm(word(row, "AlgorithmName"), word(row, "AlgorithmVersion"), word(row, "AlgorithmSource"))
        for row in found
    ]


def _masks(made: Dataset, layout: Layout, numbers: Sequence[int], label_map: bool) -> dict[int, NDArray[Any]]:
    """The voxels of each segment; stored fractions as they are."""
    pixels = made.pixel_array
    pixels = pixels[np.newaxis] if pixels.ndim == 2 else pixels  # noqa: PLR2004
    require(len(pixels) == len(layout.places), "There are more or fewer frames of pixels than frames described.")
    shape = (layout.slices, *pixels.shape[1:])
    fractional = word(made, "SegmentationType") == "FRACTIONAL"
    masks = {number: np.zeros(shape, dtype=np.float32 if fractional else np.bool_) for number in numbers}
    top = float(made.get("MaximumFractionalValue", 255) or 255)
    owners = [() for _ in pixels] if label_map else [_owner(made, frame) for frame in range(len(pixels))]
    for frame, place, owner in zip(pixels, layout.places, owners, strict=True):
        for number in numbers if label_map else owner:
            if number not in masks:
                raise IllegalResult("A frame belongs to a segment that Segment Sequence does not describe.")
            if fractional:
                masks[number][place] = frame / np.float32(top)
            else:
                masks[number][place] |= frame == number if label_map else frame > 0
    return masks


def _owner(made: Dataset, frame: int) -> tuple[int, ...]:
    """The number of the segment that a frame belongs to."""
    keyword = "SegmentIdentificationSequence"
    found = first(made.PerFrameFunctionalGroupsSequence[frame], keyword) or first(
        made, "SharedFunctionalGroupsSequence", keyword
    )
    if found is None:
        raise IllegalResult("A frame does not say to which segment it belongs (Segment Identification Sequence).")
    return (int(found.ReferencedSegmentNumber),)


def _fraction(made: Dataset) -> Fraction | None:
    kind = word(made, "SegmentationType")
    require(kind in ("BINARY", "FRACTIONAL", "LABELMAP"), "Segmentation Type is none of PS3.3 C.8.20.2.")
    return Fraction(word(made, "SegmentationFractionalType") or "PROBABILITY") if kind == "FRACTIONAL" else None


def _segment(
    row: Dataset, mask: NDArray[Any], fraction: Fraction | None, label: str, notes: Notes, path: str
) -> Callable[[Tracking], Segment]:
    category = coded_in(row, "SegmentedPropertyCategoryCodeSequence")
    kind = coded_in(row, "SegmentedPropertyTypeCodeSequence")
    kind_row = first(row, "SegmentedPropertyTypeCodeSequence")
    if kind_row is not None and rows(kind_row, "SegmentedPropertyTypeModifierCodeSequence"):
        notes.add(path, "SegmentedPropertyTypeModifierCodeSequence", "No primitive holds it in a segment.")
    if category is None or kind is None:
        raise IllegalResult("The segment lacks its Segmented Property Category or Type (PS3.3 C.8.20.4).")
    sites = tuple(site_in(region, notes, path) for region in rows(row, "AnatomicRegionSequence"))
    colour = _colour(row)
    return lambda tracking: Segment(
        label,
        category,
        kind,
        mask,
        tracking,
        tuple(site for site in sites if site),
        colour,
        fraction,
    )


def site_in(region: Dataset, notes: Notes, path: str) -> FindingSite | None:
    """The anatomy of an item of Anatomic Region Sequence, with side and part from its modifiers."""
    holder = Dataset()
    holder.AnatomicRegionSequence = [region]
    where = coded_in(holder, "AnatomicRegionSequence")
    side: Code | None = None
    part: Code | None = None
    for modifier in rows(region, "AnatomicRegionModifierSequence"):
        one = Dataset()
        one.AnatomicRegionModifierSequence = [modifier]
        found = coded_in(one, "AnatomicRegionModifierSequence")
        if found and found.value in _SIDES and side is None:
            side = found
        elif found and part is None:
            part = found
        else:
            notes.add(path, "AnatomicRegionModifierSequence", "A site has one side and one part, no more (TID 1419).")
    with notes.taking(path, "AnatomicRegionSequence"):
        require(where is not None, "The anatomic region is no code.")
        return FindingSite(where, side, part)  # type: ignore[arg-type] # checked above
    return None


def _colour(row: Dataset) -> tuple[int, int, int]:
    from highdicom.color import CIELabColor

    stored = row.get("RecommendedDisplayCIELabValue")
    if stored is None or isinstance(stored, int) or len(stored) != _LAB:
        return _DEFAULT_COLOUR
    lightness, a, b = (int(part) for part in stored)
    red, green, blue = CIELabColor(lightness * 100 / 65535, a * 255 / 65535 - 128, b * 255 / 65535 - 128).to_rgb()
    return int(red), int(green), int(blue)


def _label(made: Dataset, segments: dict[int, Segment], notes: Notes) -> str:
    label = word(made, "ContentLabel")
    try:
        require_content_label(label)
    except IllegalResult as error:
        notes.add(
            "ContentLabel", "ContentLabel", f"{str(error).replace(repr(label), '').strip()} Another one was made."
        )
        return content_label(label or next(iter(segments.values())).label, "SEGMENTS")
    return label
