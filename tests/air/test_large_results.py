"""Whole slides, many segments and masks of any layout in memory: the voxels come back as they went in."""

from __future__ import annotations

import dataclasses

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

from profiles.air import (
    Finding,
    FindingSite,
    Fraction,
    IllegalResult,
    ParametricMap,
    Qualification,
    Results,
    Segment,
    Segmentation,
    Tracking,
)
from profiles.air.segmentation_object import encode_segmentation
from profiles.dicom import code

ROWS, COLUMNS, TILE = 50, 70, 16
CATEGORY, BRAIN = code("SCT", "91723000"), code("SCT", "12738006")


def segment(name: str, mask, fraction: Fraction | None = None) -> Segment:
    return Segment(name, CATEGORY, BRAIN, mask, Tracking(name), fraction=fraction)


@pytest.fixture(params=["TILED_FULL", "TILED_SPARSE"])
def slide(images, request) -> Dataset:
    """The header of a whole slide of the same patient and study, in tiles of 16 x 16 pixels."""
    found = images[0]
    slide = Dataset()
    slide.file_meta = FileMetaDataset()
    slide.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    for keyword in (
        "SpecificCharacterSet",
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyID",
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "ReferringPhysicianName",
        "Manufacturer",
        "TimezoneOffsetFromUTC",
    ):
        slide[keyword] = found[keyword]
    slide.SOPClassUID, slide.SOPInstanceUID = VLWholeSlideMicroscopyImageStorage, "1.2.60.3"
    slide.SeriesInstanceUID, slide.FrameOfReferenceUID, slide.Modality = "1.2.60.1", "1.2.60.2", "SM"
    slide.PositionReferenceIndicator, slide.DimensionOrganizationType = "SLIDE_CORNER", request.param
    slide.Rows = slide.Columns = TILE
    slide.TotalPixelMatrixRows, slide.TotalPixelMatrixColumns = ROWS, COLUMNS
    slide.NumberOfFrames, slide.ImageOrientationSlide = 4 * 5, [0, -1, 0, -1, 0, 0]
    origin, measures, shared = Dataset(), Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 20, 40
    measures.PixelSpacing, measures.SliceThickness = [0.0005, 0.0005], 0.001
    shared.PixelMeasuresSequence = [measures]
    slide.TotalPixelMatrixOriginSequence, slide.SharedFunctionalGroupsSequence = [origin], [shared]
    specimen = Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = "SPECIMEN-1", "1.2.60.4"
    specimen.IssuerOfTheSpecimenIdentifierSequence, specimen.SpecimenPreparationSequence = [], []
    slide.ContainerIdentifier, slide.SpecimenDescriptionSequence = "SLIDE-1", [specimen]
    slide.IssuerOfTheContainerIdentifierSequence, slide.ContainerTypeCodeSequence = [], []
    return slide


def plane(rows: slice, columns: slice):
    mask = np.zeros((1, ROWS, COLUMNS), dtype=np.bool_)
    mask[0, rows, columns] = True
    return mask


@pytest.fixture
def on_slide(judge, slide):
    judge.context = dataclasses.replace(judge.context, images=(slide,))
    return judge


@pytest.mark.requirement("AIR-139", "AIR-143", "AIR-144", "AIR-145")
@pytest.mark.parametrize("label_map", [False, True])
def test_a_whole_slide_is_segmented_on_its_total_pixel_matrix(on_slide, slide, label_map) -> None:
    masks = plane(slice(0, 10), slice(0, 10)), plane(slice(30, 50), slice(60, 70))
    segments = tuple(segment(f"Part {number}", mask) for number, mask in enumerate(masks))
    found = Segmentation(segments, (str(slide.SOPInstanceUID),), label_map=label_map, multi_frame=True)
    made, _ = on_slide(Results((found,)), ["AIR-002-LABELMAP"] if label_map else [])
    assert (made.Rows, made.Columns, made.NumberOfFrames) == (TILE, TILE, 1 + 3 * 2)
    (series,) = made.ReferencedSeriesSequence
    assert [row.ReferencedSOPInstanceUID for row in series.ReferencedInstanceSequence] == [slide.SOPInstanceUID]
    cited = [row.DerivationImageSequence[0].SourceImageSequence[0] for row in made.PerFrameFunctionalGroupsSequence]
    known = slide.DimensionOrganizationType == "TILED_FULL"
    assert [row.get("ReferencedFrameNumber") for row in cited] == ([1, 9, 10, 14, 15, 19, 20] if known else [None] * 7)
    matrix = hd.seg.Segmentation.from_dataset(made).get_total_pixel_matrix()
    for number, mask in enumerate(masks):
        assert (matrix[..., number].astype(bool) == mask[0]).all()


def test_a_map_of_a_whole_slide_lies_on_its_total_pixel_matrix(on_slide, slide) -> None:
    values = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(1, ROWS, COLUMNS)
    thing = Tracking("Attention")
    found = ParametricMap(
        values,
        code("DCM", "130404"),
        code("UCUM", "1"),
        (str(slide.SOPInstanceUID),),
        thing,
        "Saliency",
        site=FindingSite(BRAIN),
        qualification=Qualification.PRODUCT,
    )
    made, _ = on_slide(Results(findings=(Finding(BRAIN, thing),), maps=(found,)))
    assert (hd.pm.ParametricMap.from_dataset(made).get_total_pixel_matrix() == values[0]).all()


def test_a_mask_that_is_not_of_the_total_pixel_matrix_is_refused(on_slide, slide) -> None:
    mask = np.ones((1, TILE, TILE), dtype=np.bool_)
    with pytest.raises(IllegalResult, match="50 and 70"):
        on_slide(Results((Segmentation((segment("Part", mask),), (str(slide.SOPInstanceUID),)),)))


@pytest.mark.requirement("AIR-130", "AIR-139")
@pytest.mark.parametrize("label_map", [False, True])
def test_more_segments_than_a_byte_can_count_keep_their_voxels(images, make_context, algorithm, label_map) -> None:
    order = np.arange(12 * 20 * 24).reshape(12, 20, 24)
    segments = tuple(segment(f"Part {number}", order % 300 == number - 1) for number in range(1, 301))
    uids = tuple(str(image.SOPInstanceUID) for image in images)
    found = Segmentation(segments, uids, label_map=label_map)
    made = hd.seg.Segmentation.from_dataset(encode_segmentation(found, images, make_context(), algorithm, 1))
    assert made.BitsAllocated == (16 if label_map else 1)
    read = made.get_pixels_by_source_instance(uids, combine_segments=True, ignore_spatial_locations=True)
    assert (read == order % 300 + 1).all()


@pytest.mark.requirement("AIR-148")
@pytest.mark.parametrize("kind", ["apart", "overlapping", "fractions", "label map", "one"])
def test_the_pixels_are_those_of_stacked_masks_and_the_masks_stay_as_they_are(
    images, make_context, algorithm, kind
) -> None:
    draw = np.random.default_rng(7)
    label = draw.integers(0, 4, (12, 20, 24))
    masks = [label == number for number in (1, 2, 3)]
    if kind == "overlapping":
        masks[1] = masks[1] | masks[0]
    if kind == "fractions":
        masks = [mask * draw.random(mask.shape) for mask in masks]
    masks = [np.asfortranarray(mask) for mask in masks[: 1 if kind == "one" else 3]]
    before = [mask.copy() for mask in masks]
    for mask in masks:
        mask.flags.writeable = False
    fraction = Fraction.PROBABILITY if kind == "fractions" else None
    segments = tuple(segment(f"Part {number}", mask, fraction) for number, mask in enumerate(masks))
    uids = tuple(str(image.SOPInstanceUID) for image in images)
    found = Segmentation(segments, uids, label_map=kind == "label map")
    made = encode_segmentation(found, images, make_context(), algorithm, 1)
    plain = hd.seg.Segmentation(
        images,
        np.stack(masks, axis=-1),
        found.kind,
        [
            hd.seg.SegmentDescription(number, f"Part {number}", BRAIN_CONCEPT, BRAIN_CONCEPT, "MANUAL")
            for number in range(1, len(masks) + 1)
        ],
        *("1.2.70", 1, "1.2.70.1", 1, "Maker", "Model", "1", "1"),
    )
    assert made.PixelData == plain.PixelData
    assert made.SegmentsOverlap == ("YES" if kind == "overlapping" else "NO")
    assert all((mask == copy).all() for mask, copy in zip(masks, before, strict=True))


BRAIN_CONCEPT = hd.sr.CodedConcept(BRAIN.value, BRAIN.scheme, BRAIN.meaning)
