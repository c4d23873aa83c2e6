"""Parametric Maps by anybody (PS3.3 A.75), put back on the voxels of their sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydicom import Dataset

from profiles.air.errors import IllegalResult, require
from profiles.air.maps import ParametricMap, Qualification
from profiles.air.reading.frames import layout_of
from profiles.air.reading.items import coded_in, first, rows, word
from profiles.air.reading.notes import Notes
from profiles.air.reading.segmentation import site_in
from profiles.air.values import FindingSite, Tracking, content_label, require_content_label
from profiles.dicom import code

_SIDES = {"R": "24028007", "L": "7771000", "B": "51440002"}
_LABEL_LIMIT = 16


def map_in(made: Dataset, images: Sequence[Dataset], of: Tracking, notes: Notes) -> ParametricMap:
    """The map.

    Args:
        made: the object.
        images: headers of the images that its sources may be among.
        of: the thing that it is about.
        notes: what is not understood is added.

    Raises:
        IllegalResult: when it has no quantity or unit, or its frames do not lie on one series.
    """
    layout = layout_of(made, images)
    frame = made.PerFrameFunctionalGroupsSequence[0]
    shared = first(made, "SharedFunctionalGroupsSequence") or Dataset()
    mapping = first(frame, "RealWorldValueMappingSequence") or first(shared, "RealWorldValueMappingSequence")
    if mapping is None:
        raise IllegalResult("It does not say what its numbers mean (Real World Value Mapping Sequence).")
    if len(rows(shared, "RealWorldValueMappingSequence")) > 1 or len(rows(frame, "RealWorldValueMappingSequence")) > 1:
        notes.add("RealWorldValueMappingSequence", "RealWorldValueMappingSequence", "The first mapping is read alone.")
    definition = first(mapping, "QuantityDefinitionSequence") or Dataset()
    quantity, unit = coded_in(definition, "ConceptCodeSequence"), coded_in(mapping, "MeasurementUnitsCodeSequence")
    if quantity is None or unit is None:
        raise IllegalResult("It lacks the code of its quantity or its unit (PS3.3 C.7.6.16.2.11).")
    label = word(mapping, "LUTLabel") or quantity.meaning[:_LABEL_LIMIT]
    values = _values(made, layout.places, layout.slices)
    found = ParametricMap(
        values,
        quantity,
        unit,
        layout.source_instance_uids,
        of,
        label,
        float(mapping.RealWorldValueSlope),
        float(mapping.RealWorldValueIntercept),
        description=word(made, "ContentDescription"),
        qualification=Qualification(word(made, "ContentQualification") or "RESEARCH"),
        multi_frame=layout.multi_frame,
        site=_site(first(shared, "FrameAnatomySequence") or first(frame, "FrameAnatomySequence"), notes),
    )
    with notes.taking("ContentLabel", "ContentLabel"):
        own = word(made, "ContentLabel") or content_label(label, "VALUES")
        require_content_label(own)
        return replace(found, content_label=own)
    return found


def _values(made: Dataset, places: Sequence[int], slices: int) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    pixels = made.pixel_array
    pixels = pixels[np.newaxis] if pixels.ndim == 2 else pixels  # noqa: PLR2004
    require(
        len(pixels) == len(places) and len({*places}) == len(places),
        "Several frames lie on one source slice, or pixels are missing; no primitive holds more than one value each.",
    )
    values = np.zeros((slices, *pixels.shape[1:]), dtype=pixels.dtype.newbyteorder("="))
    values[list(places)] = pixels
    return values


def _site(anatomy: Dataset | None, notes: Notes) -> FindingSite | None:
    region = first(anatomy, "AnatomicRegionSequence") if anatomy is not None else None
    site = site_in(region, notes, "FrameAnatomySequence") if region is not None else None
    if anatomy is None or site is None:
        return None
    side = _SIDES.get(word(anatomy, "FrameLaterality"))
    return replace(site, laterality=site.laterality or (code("SCT", side) if side else None))
