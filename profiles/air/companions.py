"""What pictures and documents of a result have in common: they go beside its coded objects (RAD TF-3 section 6.5.3)."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.mending import as_concept
from profiles.air.references import Sources
from profiles.air.values import ImageReference
from profiles.dicom import Code

_REPORT = "1.2.840.10008.5.1.4.1.1.88.34"
_PROCESSED = Code("121322", "DCM", "Source image for image processing operation")


def require_coded(objects: Sequence[Dataset], context: ResultContext) -> None:
    """Refuse a picture of a result that is not encoded besides, or that is of another study.

    Args:
        objects: the coded objects of the result, as :func:`profiles.air.encode` gives them.
        context: what the picture is tied to.

    Raises:
        IllegalResult: when there is no Comprehensive 3D SR among them.
    """
    require(
        any(str(made.SOPClassUID) == _REPORT for made in objects),
        "There is no Comprehensive 3D SR among the objects; a picture or document of a result is sent in addition to "
        "it, never instead (RAD TF-3 section 6.5.3, air.md 7.4). Encode the result first, and give all its objects.",
    )
    require(
        all(str(made.StudyInstanceUID) == context.study_instance_uid for made in objects),
        "The coded objects belong to another study than the context; a picture stays in the study of its result "
        "(air.md 7.4).",
    )


def source_instances(objects: Sequence[Dataset]) -> list[Dataset]:
    """Items of Source Instance Sequence (0042,0013): what was drawn."""
    return [_reference(made) for made in objects]


def source_images(shown: Sequence[ImageReference], context: ResultContext) -> list[Dataset]:
    """Items of Source Image Sequence (0008,2112): on what it was drawn.

    Raises:
        IllegalResult: when an image is not among those of the context.
    """
    sources, items = Sources(context), []
    for reference in shown:
        item = _reference(sources.image(reference))
        if reference.frames:
            item.ReferencedFrameNumber = list(reference.frames)
        item.PurposeOfReferenceCodeSequence = [as_concept(_PROCESSED)]
        items.append(item)
    return items


def _reference(made: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    return item
