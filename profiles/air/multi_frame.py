"""What Segmentations and Parametric Maps have in common: voxels on those of their sources, and frames that cite."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.identifiers import derived_uid
from profiles.air.mending import as_concept


def require_on_sources(shape: tuple[int, ...], multi_frame: bool, sources: Sequence[Dataset]) -> None:
    """Refuse voxels that do not lie on those of their sources.

    Args:
        shape: slices, rows and columns of the voxels.
        multi_frame: the one source has the slices as its frames.
        sources: headers of the sources.

    Raises:
        IllegalResult: when the numbers differ, or the sources do not belong together.
    """
    size = (int(sources[0].Rows), int(sources[0].Columns))
    require(
        shape[1:] == size,
        f"The voxels have {shape[1]} rows and {shape[2]} columns, their source slices {size[0]} and {size[1]}; bring "
        "them back to the voxels of the source series (PS3.3 C.8.20.2).",
    )
    frames = int(sources[0].get("NumberOfFrames", 1) or 1)
    require(
        not multi_frame or frames == shape[0],
        f"The voxels have {shape[0]} slices, their source image {frames} frames; give a slice for each frame.",
    )
    require(
        multi_frame or frames == 1,
        "A source instance has frames of its own; name it alone, with multi_frame=True and a slice for each frame.",
    )
    for keyword, what in (("SeriesInstanceUID", "series"), ("FrameOfReferenceUID", "Frames of Reference")):
        require(
            len({str(image.get(keyword, "")) for image in sources}) == 1,
            f"The source slices are of several {what}; make one result of each (PS3.3 A.51 and A.75).",
        )


def complete_frames(made: Dataset, image: Dataset, context: ResultContext) -> None:
    """Set what highdicom leaves to its caller: the order, the sources of the frames, and UIDs that are not random.

    Args:
        made: the object.
        image: its first source.
        context: what it is tied to.
    """
    if "ImageOrientationPatient" not in image and "NumberOfFrames" not in image:
        made.PatientOrientation = image.get("PatientOrientation", "")
    organization = derived_uid(made.SOPInstanceUID, "dimensions")
    for row in [*made.DimensionOrganizationSequence, *made.DimensionIndexSequence]:
        row.DimensionOrganizationUID = organization
    _list_what_frames_reference(made)
    made.RequestAttributesSequence = [_request_attributes(request, context) for request in context.requests]
    if not made.RequestAttributesSequence:
        del made.RequestAttributesSequence


def _list_what_frames_reference(made: Dataset) -> None:
    """Referenced Series Sequence holds the instances that frames reference, no others (PS3.3 C.12.2; AIR-144)."""
    referenced = {
        str(source.ReferencedSOPInstanceUID)
        for frame in made.PerFrameFunctionalGroupsSequence
        for derivation in frame.get("DerivationImageSequence", [])
        for source in derivation.SourceImageSequence
    }
    for series in made.ReferencedSeriesSequence:
        series.ReferencedInstanceSequence = [
            row for row in series.ReferencedInstanceSequence if str(row.ReferencedSOPInstanceUID) in referenced
        ]


def _request_attributes(request: Dataset, context: ResultContext) -> Dataset:
    """One item of Request Attributes Sequence (PS3.3 Table 10-9), where images carry their order."""
    attributes = Dataset()
    for keyword in (
        "AccessionNumber",
        "StudyInstanceUID",
        "RequestedProcedureID",
        "RequestedProcedureDescription",
        "RequestedProcedureCodeSequence",
        "ReasonForTheRequestedProcedure",
        "ReasonForRequestedProcedureCodeSequence",
    ):
        if keyword in request and not request[keyword].is_empty:
            attributes[keyword] = request[keyword]
    if context.protocol:
        attributes.ScheduledProtocolCodeSequence = [as_concept(found) for found in context.protocol]
    return attributes
