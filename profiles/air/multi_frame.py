"""What Segmentations and Parametric Maps have in common: voxels on those of their sources, and frames that cite."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from pydicom import Dataset

from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.identifiers import derived_uid
from profiles.air.inherited import require_placed
from profiles.air.mending import as_concept
from profiles.dicom import code


def is_tiled(source: Dataset) -> bool:
    """Whether the frames of a source are tiles of one large plane, as of a whole slide (PS3.3 C.8.12.6)."""
    return "TotalPixelMatrixRows" in source


def require_on_sources(shape: tuple[int, ...], multi_frame: bool, sources: Sequence[Dataset]) -> None:
    """Refuse voxels that do not lie on those of their sources.

    Args:
        shape: slices, rows and columns of the voxels; 1, rows and columns of the total pixel matrix of a tiled source.
        multi_frame: the one source has the slices as its frames.
        sources: headers of the sources.

    Raises:
        IllegalResult: when the numbers differ, or the sources do not belong together.
    """
    tiled, matrix = is_tiled(sources[0]), "TotalPixelMatrix" if is_tiled(sources[0]) else ""
    size = tuple(int(sources[0][f"{matrix}{edge}"].value) for edge in ("Rows", "Columns"))
    require(
        shape[1:] == size,
        f"The voxels have {shape[1]} rows and {shape[2]} columns, their source slices {size[0]} and {size[1]}; bring "
        "them back to the voxels of the source series (PS3.3 C.8.20.2).",
    )
    frames = 1 if tiled else int(sources[0].get("NumberOfFrames", 1) or 1)
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
    require_placed(sources)


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
    if is_tiled(image):
        _cite_tiles(made, image)
    _tell_thickness(made)
    _list_what_frames_reference(made)
    made.RequestAttributesSequence = [_request_attributes(request, context) for request in context.requests]
    if not made.RequestAttributesSequence:
        del made.RequestAttributesSequence


def _cite_tiles(made: Dataset, source: Dataset) -> None:
    """Name the source of each tile, and its frame where that shows the same tile (PS3.3 C.7.6.16.2.6)."""
    frames = _frames_by_place(source)
    for tile in made.PerFrameFunctionalGroupsSequence:
        frame = frames.get(_place(tile))
        cited, derivation = Dataset(), Dataset()
        cited.ReferencedSOPClassUID, cited.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
        cited.PurposeOfReferenceCodeSequence = [as_concept(code("DCM", "121322"))]
        cited.SpatialLocationsPreserved = "NO" if frame is None else "YES"
        if frame is not None:
            cited.ReferencedFrameNumber = frame
        derivation.SourceImageSequence = [cited]
        derivation.DerivationCodeSequence = [as_concept(code("DCM", "113076"))]
        tile.DerivationImageSequence = [derivation]


def _frames_by_place(source: Dataset) -> dict[tuple[int, int], int]:
    """Frame numbers by row and column of the tiles' first pixels; none when the header leaves its frames out."""
    if source.get("DimensionOrganizationType") != "TILED_FULL":
        tiles = source.get("PerFrameFunctionalGroupsSequence", [])
        return {_place(tile): number for number, tile in enumerate(tiles, start=1)}
    rows = range(1, source.TotalPixelMatrixRows + 1, source.Rows)
    columns = range(1, source.TotalPixelMatrixColumns + 1, source.Columns)
    return {place: number for number, place in enumerate(product(rows, columns), start=1)}


def _place(tile: Dataset) -> tuple[int, int]:
    position = tile.PlanePositionSlideSequence[0]
    return position.RowPositionInTotalImagePixelMatrix, position.ColumnPositionInTotalImagePixelMatrix


def _tell_thickness(made: Dataset) -> None:
    """Slice Thickness is type 1 here (PS3.3 C.7.6.16.2.1); slices that tell none are as thick as they lie apart."""
    for measures in made.SharedFunctionalGroupsSequence[0].get("PixelMeasuresSequence", []):
        if not measures.get("SliceThickness"):
            apart = measures.get("SpacingBetweenSlices")
            require(bool(apart), "The source slices tell no Slice Thickness (PS3.3 C.7.6.16.2.1).")
            measures.SliceThickness = apart


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
