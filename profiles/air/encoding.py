"""From results to DICOM objects: one SEG per segmentation, and one SR over all of them."""

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
        Segmentation instances, then one Comprehensive 3D SR (TID 1500) that refers to them.

    Raises:
        IllegalResult: when the results do not fit the source images.
    """
    from profiles.air.references import Sources
    from profiles.air.report_object import encode_report
    from profiles.air.segmentation_object import encode_segmentation

    sources = Sources(context)
    segmentations = [
        encode_segmentation(found, sources.slices(found.source_instance_uids), context, algorithm, number)
        for number, found in enumerate(results.segmentations, start=1)
    ]
    return [*segmentations, encode_report(results, segmentations, sources, context, algorithm)]
