"""From results to DICOM objects: a SEG per segmentation, a map, an SR over all of them, and key images."""

from __future__ import annotations

from pydicom import Dataset

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import ResultContext
from profiles.air.results import Results


def encode(results: Results, context: ResultContext, algorithm: AlgorithmIdentification) -> list[Dataset]:
    """The result objects of one run, in the order in which they are to be stored (air.md section 8).

    Args:
        results: what the algorithm reports.
        context: patient, study, order and equipment; equal contexts give equal objects, UIDs included.
        algorithm: what made the results.

    Returns:
        Segmentations and Parametric Maps, then one Comprehensive 3D SR (TID 1500) that refers to them, then Key Object
        Selections.

    Raises:
        IllegalResult: when the results do not fit the source images.
    """
    from profiles.air.key_object import encode_key_images
    from profiles.air.map_object import encode_map
    from profiles.air.measurement_groups import Drawn
    from profiles.air.references import Sources
    from profiles.air.report_object import encode_report
    from profiles.air.segmentation_object import encode_segmentation

    sources = Sources(context)
    segmentations = [
        encode_segmentation(found, sources.slices(found.source_instance_uids), context, algorithm, number)
        for number, found in enumerate(results.segmentations, start=1)
    ]
    maps = [
        encode_map(found, sources.slices(found.source_instance_uids), context, algorithm, number)
        for number, found in enumerate(results.maps, start=1)
    ]
    reports = (
        [encode_report(results, Drawn(segmentations, maps), sources, context, algorithm)]
        if results.need_a_report
        else []
    )
    selections = [
        encode_key_images(found, context, algorithm, number) for number, found in enumerate(results.key_images, start=1)
    ]
    return [*segmentations, *maps, *reports, *selections]
