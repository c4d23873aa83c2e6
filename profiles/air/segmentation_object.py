"""A Segmentation instance (PS3.3 A.51) from a segmentation primitive, by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import ResultContext
from profiles.air.identifiers import derived_uid
from profiles.air.mending import as_concept, finish, identity
from profiles.air.multi_frame import complete_frames, is_tiled, require_on_sources
from profiles.air.segments import Segment, Segmentation
from profiles.air.values import Tracking

_FRACTION_STEPS = 255


def tracking_uid(tracking: Tracking, context: ResultContext, algorithm: AlgorithmIdentification) -> str:
    """The Tracking UID of a thing: its own, or one that the same study, algorithm and thing always give."""
    return tracking.uid or derived_uid("tracking", context.study_instance_uid, algorithm.name, tracking.identifier)


def encode_segmentation(
    found: Segmentation,
    sources: Sequence[Dataset],
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    number: int,
) -> Dataset:
    """One Segmentation instance: BINARY, FRACTIONAL or LABELMAP.

    Args:
        found: the segments.
        sources: the source slices' headers in the order of the masks' first axis.
        context: what the result is tied to.
        algorithm: what made it.
        number: tells the segmentations of one run apart, from 1; becomes the Instance Number.

    Raises:
        IllegalResult: when the masks do not have the size of the source slices.
    """
    from highdicom.seg import Segmentation as SegmentationDocument

    require_on_sources(found.segments[0].mask.shape, found.multi_frame, sources)
    labels = found.labels()
    made = SegmentationDocument(
        source_images=list(sources),
        pixel_array=_pixels(found, labels),
        segmentation_type=found.kind,
        segment_descriptions=[
            _description(index, segment, context, algorithm) for index, segment in enumerate(found.segments, start=1)
        ],
        content_label=found.content_label,
        content_description=found.description or None,
        omit_empty_frames=True,
        tile_pixel_array=is_tiled(sources[0]),
        fractional_type=found.segments[0].fraction or "PROBABILITY",
        max_fractional_value=_FRACTION_STEPS,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **identity(context, algorithm, "SEG", "segmentation", series_number=context.series_number, number=number),
    )
    made.SegmentsOverlap = "YES" if labels is None else "NO"
    _complete(made, found, sources[0], context)
    finish(made, context, algorithm)
    return made  # type: ignore[no-any-return] # highdicom is untyped for mypy


def _pixels(found: Segmentation, labels: NDArray[Any] | None) -> NDArray[Any]:
    """The voxels as highdicom takes them: the label of each where that says all, else a plane for each segment.

    highdicom adds up the planes of all voxels, in integers of 8 bytes, and gathers each plane from between the others;
    of labels it takes the greatest. Planes that lie together are gathered quicker.
    """
    fractional = found.kind == "FRACTIONAL"
    if labels is not None and not fractional:
        return labels
    masks = [segment.mask for segment in found.segments]
    voxel = np.result_type(np.float32, *(mask.dtype for mask in masks)) if fractional else np.uint8
    planes = np.zeros((len(masks), *masks[0].shape), dtype=voxel)
    for mask, into in zip(masks, planes, strict=True):
        for values, plane in zip(mask, into, strict=True):
            if values.any():  # else the memory stays untouched, and takes no room
                plane[...] = values
    return np.moveaxis(planes, 0, -1)


def _description(number: int, segment: Segment, context: ResultContext, algorithm: AlgorithmIdentification) -> Any:
    import highdicom as hd

    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=as_concept(segment.category),
        segmented_property_type=as_concept(segment.property_type),
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=algorithm.name,
            family=as_concept(algorithm.family),
            version=algorithm.version,
            source=algorithm.manufacturer,
        ),
        tracking_uid=tracking_uid(segment.tracking, context, algorithm),
        tracking_id=segment.tracking.identifier,
        anatomic_regions=[as_concept(site.location) for site in segment.sites] or None,
        display_color=hd.color.CIELabColor.from_rgb(*segment.colour),
    )


def _complete(made: Dataset, found: Segmentation, image: Dataset, context: ResultContext) -> None:
    """What highdicom leaves to its caller: the order, and a UID that must not be random.

    A label map of highdicom has a segment more, the background, which comes first.
    """
    background, first = made.SegmentSequence[0], made.SegmentSequence[-1]
    if "SegmentationAlgorithmIdentificationSequence" not in background:
        background.SegmentationAlgorithmIdentificationSequence = first.SegmentationAlgorithmIdentificationSequence
    for segment, described in zip(reversed(found.segments), reversed(made.SegmentSequence), strict=False):
        for region, site in zip(described.get("AnatomicRegionSequence", []), segment.sites, strict=False):
            modifiers = [as_concept(part) for part in (site.laterality, site.modifier) if part is not None]
            if modifiers:
                region.AnatomicRegionModifierSequence = modifiers
    complete_frames(made, image, context)
