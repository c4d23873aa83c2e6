"""Labelled voxels (PS3.3 A.51; RAD TF-3 section 6.5.3.5): what becomes a Segmentation instance."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profiles.air.errors import require
from profiles.air.values import (
    FindingSite,
    Tracking,
    content_label,
    require_code,
    require_content_label,
    require_label,
)
from profiles.dicom import Code

Mask = NDArray[np.bool_]


class Fraction(StrEnum):
    """What the numbers of a fractional segment are (Segmentation Fractional Type, 0062,0010)."""

    PROBABILITY = "PROBABILITY"
    OCCUPANCY = "OCCUPANCY"


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """One labelled set of voxels (PS3.3 C.8.20.4).

    Attributes:
        label: words for a reader.
        category: Segmented Property Category (CID 7150), e.g. anatomical structure.
        property_type: Segmented Property Type (CID 7151), e.g. brain.
        mask: shape (slices, rows, columns), on the voxels of the source series, or (1, rows, columns) on the total
            pixel matrix of a whole slide: booleans, or numbers from 0 to 1 when ``fraction`` says what they are.
        tracking: the identity of the thing, shared by its measurements.
        sites: where it is; left out when the property type says so itself.
        colour: recommended display colour as red, green, blue, 0 to 255.
        fraction: probabilities or occupancies; None for a mask of booleans.
    """

    label: str
    category: Code
    property_type: Code
    mask: NDArray[Any]
    tracking: Tracking
    sites: tuple[FindingSite, ...] = ()
    colour: tuple[int, int, int] = (255, 196, 0)
    fraction: Fraction | None = None

    def __post_init__(self) -> None:
        require_label(self.label, "Segment Label")
        require_code(self.category, "Segmented Property Category")
        require_code(self.property_type, "Segmented Property Type")
        self._require_voxels()
        require(
            bool(self.mask.any()),
            f"The mask of {self.label!r} is empty. An empty segment says nothing (air.md 7.1): report that the thing "
            "was not found, or refuse the input.",
        )
        require(
            len(self.colour) == 3 and all(0 <= part <= 255 for part in self.colour),  # noqa: PLR2004
            f"The colour of {self.label!r} must be three numbers from 0 to 255.",
        )

    def _require_voxels(self) -> None:
        array = isinstance(self.mask, np.ndarray) and self.mask.ndim == 3  # noqa: PLR2004
        if self.fraction is None:
            require(
                array and self.mask.dtype == np.bool_,
                f"The mask of {self.label!r} must be an array of booleans of shape (slices, rows, columns); "
                "threshold probabilities first, e.g. probabilities > 0.5, or say with fraction what the numbers are.",
            )
            return
        require(
            array and np.issubdtype(self.mask.dtype, np.floating) and self.fraction in tuple(Fraction),
            f"The fractions of {self.label!r} must be an array of floating point numbers of shape (slices, rows, "
            f"columns), and are {' or '.join(Fraction)} (PS3.3 C.8.20.2.3).",
        )
        require(
            bool(self.mask.size) and 0 <= float(self.mask.min()) <= float(self.mask.max()) <= 1,
            f"The fractions of {self.label!r} are not all from 0 to 1 (PS3.3 C.8.20.2.3); look for NaN, scale them.",
        )


@dataclass(frozen=True, eq=False, slots=True)
class Segmentation:
    """Segments on the voxels of one source series; becomes one Segmentation instance (PS3.3 A.51).

    The segments' masks make it BINARY or FRACTIONAL; a label map it is when asked for.

    Attributes:
        segments: in the order of their numbers, from 1.
        source_instance_uids: the source slices' SOP Instance UIDs, in the order of the masks' first axis.
        content_label: Content Label (0070,0080), VR CS; of the first segment's label when empty.
        description: Content Description (0070,0081).
        label_map: write a Label Map Segmentation, which few receivers know (air.md 12.2).
        multi_frame: the one source instance holds the slices as its frames.
    """

    segments: tuple[Segment, ...]
    source_instance_uids: tuple[str, ...]
    content_label: str = ""
    description: str = ""
    label_map: bool = False
    multi_frame: bool = False

    def __post_init__(self) -> None:
        require(bool(self.segments), "A segmentation needs at least one segment.")
        shapes = {segment.mask.shape for segment in self.segments}
        require(len(shapes) == 1, f"All segments of a segmentation share one shape; these have {sorted(shapes)}.")
        self._require_sources()
        if not self.content_label:
            object.__setattr__(self, "content_label", content_label(self.segments[0].label, "SEGMENTS"))
        require_content_label(self.content_label)
        if self.description:
            require_label(self.description, "Content Description")
        fractions = {segment.fraction for segment in self.segments}
        require(
            len(fractions) == 1,
            "A segmentation mixes masks, probabilities and occupancies; make one of each (PS3.3 C.8.20.2).",
        )
        require(
            not self.label_map or fractions == {None},
            "A label map holds no fractions (PS3.3 C.8.20.2); threshold them, or write no label map.",
        )
        require(
            not self.label_map or not self.segments_overlap,
            "Segments of a label map share a voxel; it has one label for each (PS3.3 C.8.20.2). Write no label map.",
        )

    @property
    def kind(self) -> str:
        """Segmentation Type (0062,0001)."""
        if self.label_map:
            return "LABELMAP"
        return "BINARY" if self.segments[0].fraction is None else "FRACTIONAL"

    @property
    def segments_overlap(self) -> bool:
        """Whether a voxel belongs to more than one segment (Segments Overlap, 0062,0013)."""
        return self.labels() is None

    def labels(self) -> NDArray[Any] | None:
        """The number of the segment that each voxel belongs to, 0 for none; None when a voxel belongs to several.

        Slice by slice, so that what is worked on stays in the processor's cache.
        """
        masks = [segment.mask for segment in self.segments]
        if len(masks) == 1 and masks[0].dtype == np.bool_:
            return masks[0].view(np.uint8)
        labels = np.zeros(masks[0].shape, dtype=np.min_scalar_type(len(masks)))
        for place, plane in enumerate(labels):
            taken = 0
            for number, mask in enumerate(masks, start=1):
                there = mask[place] if mask.dtype == np.bool_ else mask[place] > 0
                voxels = int(np.count_nonzero(there))
                if voxels:
                    np.copyto(plane, number, where=there)
                taken += voxels
            if np.count_nonzero(plane) != taken:
                return None
        return labels

    def _require_sources(self) -> None:
        slices, uids = self.segments[0].mask.shape[0], self.source_instance_uids
        require(
            len(uids) == (1 if self.multi_frame else slices),
            f"The masks have {slices} slices but {len(uids)} source instances are named; name one per slice, in order, "
            "or the one whose frames are the slices, with multi_frame=True.",
        )
        require(len(set(uids)) == len(uids), "A source slice is named twice.")
