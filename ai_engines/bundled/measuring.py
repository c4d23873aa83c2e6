"""Quantities that the bundled engines' tables of checks ask for."""

from __future__ import annotations

import numpy as np

from ai_engines.checks import Quantity
from ai_engines.images import Series, StudyImages
from profiles.air import Mask


def of_series(series: Series) -> dict[str, Quantity]:
    """What the headers say."""
    return {
        "modality": series.text("Modality"),
        "sop_class": series.text("SOPClassUID"),
        "body_part": series.text("BodyPartExamined").upper() or None,
        "number_of_images": float(len(series.headers)),
        "echo_time_ms": series.number("EchoTime"),
        "slice_thickness_mm": series.number("SliceThickness"),
        "localizer": float(any(word in series.words for word in ("localizer", "localiser", "scout", "survey"))),
        "pixels": series.text("PhotometricInterpretation"),
    }


def of_volume(images: StudyImages, head: Mask) -> dict[str, Quantity]:
    """What the volume and the head in it look like."""
    extents = [count * size for count, size in zip(images.shape, images.spacing, strict=True)]
    sample = images.volume[::2, ::2, ::2]
    values = sample[head[::2, ::2, ::2]] if head.any() else sample.ravel()
    return {
        "slice_gap_irregularity": images.slice_gap_irregularity,
        "voxel_longest_mm": max(images.spacing),
        "extent_shortest_mm": min(extents),
        "extent_longest_mm": max(extents),
        "distinct_values": float(len(np.unique(sample))),
        "finite": float(np.isfinite(sample).all()),
        "head_ml": float(head.sum()) * images.voxel_ml,
        "contrast_in_head": float(np.std(values) / max(float(np.mean(values)), 1e-6)),
    }


def touches_border(mask: Mask) -> float:
    """The largest part of one of the six outermost planes that the mask covers."""
    return max(float(np.take(mask, end, axis=axis).mean()) for axis in range(3) for end in (0, -1))
