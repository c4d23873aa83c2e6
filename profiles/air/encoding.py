"""From results to DICOM objects: one SEG per segmentation, and one SR over all of them."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.mending import tied_to
from profiles.air.primitives import AlgorithmIdentification, Results, Segmentation


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
    from profiles.air.report_object import encode_report
    from profiles.air.segmentation_object import encode_segmentation

    sources = [_sources_of(found, context) for found in results.segmentations]
    segmentations = [
        encode_segmentation(found, slices, context, algorithm, number)
        for number, (found, slices) in enumerate(zip(results.segmentations, sources, strict=True), start=1)
    ]
    evidence = {str(image.SOPInstanceUID): image for slices in sources for image in slices}
    return [*segmentations, encode_report(results, segmentations, list(evidence.values()), context, algorithm)]


def _sources_of(found: Segmentation, context: ResultContext) -> list[Dataset]:
    """The source slices of a segmentation, in the order of its masks."""
    by_uid = {str(image.SOPInstanceUID): image for image in context.images}
    missing: Sequence[str] = [uid for uid in found.source_instance_uids if uid not in by_uid]
    require(
        not missing,
        f"{len(missing)} of the segmentation's source slices are not among the images of the context, the first is "
        f"{missing[0] if missing else ''}; give all images that the algorithm was given.",
    )
    return tied_to([by_uid[uid] for uid in found.source_instance_uids], context)
