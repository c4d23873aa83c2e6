"""A Parametric Map instance (PS3.3 A.75) from a map, by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import ResultContext
from profiles.air.identifiers import derived_uid
from profiles.air.maps import ParametricMap
from profiles.air.mending import as_concept, finish, identity, own_header
from profiles.air.multi_frame import complete_frames, is_tiled, require_on_sources
from profiles.air.values import FindingSite

_SIDES = {"24028007": "R", "7771000": "L", "51440002": "B"}
"""Frame Laterality (0020,9072) by the codes of CID 244."""


def encode_map(
    found: ParametricMap,
    sources: Sequence[Dataset],
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    number: int,
) -> Dataset:
    """One Parametric Map instance.

    Args:
        found: the map.
        sources: the source slices' headers in the order of the map's first axis.
        context: what the result is tied to.
        algorithm: what made it.
        number: tells the maps of one run apart, from 1; becomes the Instance Number.

    Raises:
        IllegalResult: when the map does not have the size of its sources.
    """
    from highdicom.pm import ParametricMap as MapDocument

    require_on_sources(found.values.shape, found.multi_frame, sources)
    low, high = found.value_range
    made = MapDocument(
        source_images=[_in_space(image) for image in sources],
        pixel_array=found.values,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[_mapping(found)],
        voi_lut_transformations=[_window(low, high)],
        content_label=found.content_label,
        content_description=found.description or None,
        content_qualification=str(found.qualification),
        tile_pixel_array=is_tiled(sources[0]),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **identity(context, algorithm, "OT", "map", series_number=context.series_number + 2, number=number),
    )
    if found.site:
        made.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [_anatomy(found.site)]
    elif not is_tiled(sources[0]):  # a slide has none
        made.Laterality = sources[0].get("Laterality", "")  # type 2C where no Frame Anatomy says it
    complete_frames(made, sources[0], context)
    finish(made, context, algorithm)
    return made  # type: ignore[no-any-return] # highdicom is untyped for mypy


def _mapping(found: ParametricMap) -> Any:
    """From stored values to the quantity; integers must be mapped in whole numbers (PS3.3 C.7.6.16.2.11)."""
    import highdicom as hd

    low, high = found.value_range
    whole = np.issubdtype(found.values.dtype, np.integer)
    return hd.pm.RealWorldValueMapping(
        lut_label=found.label,
        lut_explanation=found.quantity.meaning,
        unit=as_concept(found.unit),
        value_range=(int(low), int(high)) if whole else (low, high),
        slope=found.slope,
        intercept=found.intercept,
        quantity_definition=as_concept(found.quantity),
    )


def _anatomy(site: FindingSite) -> Dataset:
    """The anatomy that all frames show (PS3.3 C.7.6.16.2.8); what has no side is unpaired."""
    region, anatomy = Dataset(), Dataset()
    region.update(as_concept(site.location))
    if site.modifier:
        region.AnatomicRegionModifierSequence = [as_concept(site.modifier)]
    anatomy.AnatomicRegionSequence = [region]
    anatomy.FrameLaterality = _SIDES.get(site.laterality.value if site.laterality else "", "U")
    return anatomy


def _window(low: float, high: float) -> Any:
    """The window that shows all values; one of width 1 when there is a single value."""
    import highdicom as hd

    return hd.VOILUTTransformation(window_center=(low + high) / 2, window_width=max(high - low, 1.0))


def _in_space(image: Dataset) -> Dataset:
    """The image in a space of its own when it has none: a map must have one (PS3.3 A.75.3), a radiograph has not.

    A mammogram may have a Frame of Reference, and yet no place in it.
    """
    if "FrameOfReferenceUID" in image and ("ImagePositionPatient" in image or "NumberOfFrames" in image):
        return image
    placed = own_header(image)
    if "FrameOfReferenceUID" not in image:
        placed.FrameOfReferenceUID = derived_uid("space", str(image.SOPInstanceUID))
    placed.PositionReferenceIndicator = ""
    placed.ImagePositionPatient, placed.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    placed.PixelSpacing = image.get("PixelSpacing") or image.get("ImagerPixelSpacing") or [1, 1]
    placed.SliceThickness = 1
    return placed
