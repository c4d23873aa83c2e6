"""Labelled voxels (PS3.3 A.51; RAD TF-3 section 6.5.3.5): what becomes a Segmentation instance."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from profiles.air.errors import require
from profiles.air.values import FindingSite, Tracking, require_code, require_label
from profiles.dicom import Code

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """One labelled set of voxels (PS3.3 C.8.20.4).

    Attributes:
        label: words for a reader.
        category: Segmented Property Category (CID 7150), e.g. anatomical structure.
        property_type: Segmented Property Type (CID 7151), e.g. brain.
        mask: booleans of shape (slices, rows, columns), on the voxels of the source series.
        tracking: the identity of the thing, shared by its measurements.
        sites: where it is; left out when the property type says so itself.
        colour: recommended display colour as red, green, blue, 0 to 255.
    """

    label: str
    category: Code
    property_type: Code
    mask: Mask
    tracking: Tracking
    sites: tuple[FindingSite, ...] = ()
    colour: tuple[int, int, int] = (255, 196, 0)

    def __post_init__(self) -> None:
        require_label(self.label, "Segment Label")
        require_code(self.category, "Segmented Property Category")
        require_code(self.property_type, "Segmented Property Type")
        require(
            isinstance(self.mask, np.ndarray) and self.mask.ndim == 3 and self.mask.dtype == np.bool_,  # noqa: PLR2004
            f"The mask of {self.label!r} must be an array of booleans of shape (slices, rows, columns); "
            "threshold probabilities first, e.g. probabilities > 0.5.",
        )
        require(
            bool(self.mask.any()),
            f"The mask of {self.label!r} is empty. An empty segment says nothing (air.md 7.1): report that the thing "
            "was not found, or refuse the input.",
        )
        require(
            len(self.colour) == 3 and all(0 <= part <= 255 for part in self.colour),  # noqa: PLR2004
            f"The colour of {self.label!r} must be three numbers from 0 to 255.",
        )


@dataclass(frozen=True, eq=False, slots=True)
class Segmentation:
    """Segments on the voxels of one source series; becomes one Segmentation instance of type BINARY (PS3.3 A.51).

    Attributes:
        segments: in the order of their numbers, from 1.
        source_instance_uids: the source slices' SOP Instance UIDs, in the order of the masks' first axis.
        content_label: Content Label (0070,0080), VR CS.
        description: Content Description (0070,0081).
    """

    segments: tuple[Segment, ...]
    source_instance_uids: tuple[str, ...]
    content_label: str = "SEGMENTATION"
    description: str = ""

    def __post_init__(self) -> None:
        require(bool(self.segments), "A segmentation needs at least one segment.")
        shapes = {segment.mask.shape for segment in self.segments}
        require(len(shapes) == 1, f"All segments of a segmentation share one shape; these have {sorted(shapes)}.")
        require(
            len(self.source_instance_uids) == self.segments[0].mask.shape[0],
            f"The masks have {self.segments[0].mask.shape[0]} slices but {len(self.source_instance_uids)} source "
            "instances are named; name one per slice, in order.",
        )
        require(len(set(self.source_instance_uids)) == len(self.source_instance_uids), "A source slice is named twice.")
        require(
            bool(re.fullmatch(r"[A-Z0-9_ ]{1,16}", self.content_label)),
            f"Content Label {self.content_label!r} is no VR CS: at most 16 of A-Z, 0-9, space and underscore.",
        )

    @property
    def segments_overlap(self) -> bool:
        """Whether a voxel belongs to more than one segment (Segments Overlap, 0062,0013)."""
        count = sum(segment.mask.astype(np.uint8) for segment in self.segments)
        return bool(np.max(count) > 1)
