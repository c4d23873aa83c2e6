"""Segmentations of every kind, on slices, frames and radiographs: the voxels come back as they went in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from profiles.air import (
    FindingSite,
    Fraction,
    IllegalResult,
    Results,
    Segment,
    Segmentation,
    Tracking,
)
from profiles.dicom import code

CATEGORY, LUNG, NODULE = code("SCT", "91723000"), code("SCT", "39607008"), code("SCT", "27925004")
LEFT = code("SCT", "7771000")


def box(*bounds: slice, shape: tuple[int, ...] = (12, 20, 24)):
    mask = np.zeros(shape, dtype=np.bool_)
    mask[bounds] = True
    return mask


def segment(name: str, mask, fraction: Fraction | None = None) -> Segment:
    return Segment(name, CATEGORY, LUNG, mask, Tracking(name), (FindingSite(LUNG, LEFT),), fraction=fraction)


def two(first, second, fraction: Fraction | None = None) -> tuple[Segment, ...]:
    return segment("One", first, fraction), segment("Two", second, fraction)


ONE, OTHER = box(slice(2, 5), slice(3, 9), slice(4, 8)), box(slice(6, 9), slice(3, 9), slice(4, 8))
RAMP = np.linspace(0, 1, ONE.size, dtype=np.float32).reshape(ONE.shape)


def pixels(read, number: int, uids: tuple[str, ...]):
    """The voxels of a segment, in the order of the source slices, by an independent reader."""
    from highdicom.seg import Segmentation as Document

    found = Document.from_dataset(read).get_pixels_by_source_instance(
        uids,
        segment_numbers=[number],
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )
    return found[..., 0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: segment("A", RAMP), "threshold probabilities first"),
        (lambda: segment("A", RAMP * 2, Fraction.PROBABILITY), "from 0 to 1"),
        (lambda: segment("A", RAMP * np.nan, Fraction.PROBABILITY), "NaN"),
        (lambda: segment("A", ONE, Fraction.OCCUPANCY), "floating point"),
        (lambda: segment("A", RAMP, "SOME"), "PROBABILITY or OCCUPANCY"),  # type: ignore[arg-type] # the point
        (lambda: segment("A", RAMP * 0, Fraction.OCCUPANCY), "is empty"),
        (lambda: Segmentation((segment("A", ONE), segment("B", RAMP, Fraction.OCCUPANCY)), ("1.2",) * 12), "twice"),
        (
            lambda: Segmentation(
                (segment("A", ONE), segment("B", RAMP, Fraction.OCCUPANCY)), ("1.2",), multi_frame=True
            ),
            "mixes masks",
        ),
        (
            lambda: Segmentation((segment("B", RAMP, Fraction.OCCUPANCY),), ("1.2",), multi_frame=True, label_map=True),
            "holds no fractions",
        ),
        (lambda: Segmentation(two(ONE, ONE), ("1.2",), multi_frame=True, label_map=True), "share a voxel"),
        (lambda: Segmentation(two(ONE, ONE), ("1.2",), description="\n", multi_frame=True), "Content Description"),
    ],
)
def test_what_is_no_segmentation_is_refused_with_the_way_to_mend_it(make, words: str) -> None:
    with pytest.raises(IllegalResult) as refusal:
        make()
    assert words in refusal.value.message


@pytest.fixture
def uids(images) -> tuple[str, ...]:
    return tuple(str(image.SOPInstanceUID) for image in images)


@pytest.mark.requirement("AIR-137", "AIR-139", "AIR-145")
@pytest.mark.parametrize("fraction", list(Fraction))
def test_fractions_come_back_in_steps_of_one_in_255(judge, uids, fraction) -> None:
    made, report = judge(Results((Segmentation(two(RAMP, RAMP[::-1].copy(), fraction), uids),)), ["AIR-138"])
    assert (made.SegmentationType, made.SegmentationFractionalType) == ("FRACTIONAL", fraction)
    assert made.SegmentsOverlap == "YES"
    assert (made.BitsAllocated, made.MaximumFractionalValue) == (8, 255)
    assert np.abs(pixels(made, 1, uids) - RAMP).max() <= 0.5 / 255 + 1e-6
    assert len(judge.named(report, "121191")) == 2


@pytest.mark.requirement("AIR-002")
def test_a_label_map_is_an_instance_of_its_own_class(judge, uids) -> None:
    made, report = judge(Results((Segmentation(two(ONE, OTHER), uids, label_map=True),)), ["AIR-002-LABELMAP"])
    assert [row.SegmentNumber for row in made.SegmentSequence] == [0, 1, 2]
    assert (made.SOPClassUID, made.SegmentationType) == ("1.2.840.10008.5.1.4.1.1.66.7", "LABELMAP")
    assert (pixels(made, 1, uids).astype(bool) == ONE).all()
    assert (pixels(made, 2, uids).astype(bool) == OTHER).all()
    references = [item.ReferencedSOPSequence[0] for item in judge.named(report, "121191")]
    assert [row.ReferencedSegmentNumber for row in references] == [1, 2]


@pytest.mark.requirement("AIR-130", "AIR-131", "AIR-136")
def test_many_segments_keep_their_numbers_sides_and_tracking(judge, uids) -> None:
    many = tuple(
        segment(f"Part {number}", box(slice(number % 12, number % 12 + 1), slice(1, 3), slice(number % 20, 24)))
        for number in range(30)
    )
    made, report = judge(Results((Segmentation(many, uids),)))
    assert [row.SegmentNumber for row in made.SegmentSequence] == list(range(1, 31))
    for row in made.SegmentSequence:
        assert row.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0].CodeValue == "7771000"
    assert [row.TrackingUID for row in made.SegmentSequence] == [item.UID for item in judge.named(report, "112040")]


@pytest.mark.requirement("AIR-143", "AIR-144")
def test_masks_on_the_frames_of_one_image_refer_to_its_frames(judge, multi_frame) -> None:
    judge.context = dataclasses.replace(judge.context, images=(multi_frame,))
    found = Segmentation((segment("One", ONE),), (str(multi_frame.SOPInstanceUID),), multi_frame=True)
    made, report = judge(Results((found,)))
    sources = [row.DerivationImageSequence[0].SourceImageSequence[0] for row in made.PerFrameFunctionalGroupsSequence]
    assert sorted(int(row.ReferencedFrameNumber) for row in sources) == [3, 4, 5]
    assert multi_frame.SeriesInstanceUID == judge.named(report, "121232")[0].UID
    with pytest.raises(IllegalResult, match="12 frames"):
        judge(Results((dataclasses.replace(found, segments=(segment("One", ONE[:6]),)),)))
    single = segment("One", ONE[3:4])
    with pytest.raises(IllegalResult, match="multi_frame=True"):
        judge(Results((dataclasses.replace(found, segments=(single,), multi_frame=False),)))


@pytest.mark.requirement("AIR-141", "AIR-143")
def test_a_radiograph_is_segmented_pixel_by_pixel(judge, projection) -> None:
    judge.context = dataclasses.replace(judge.context, images=(projection,))
    mask = ONE[3:4]
    made, _ = judge(Results((Segmentation((segment("One", mask),), (str(projection.SOPInstanceUID),)),)))
    assert "FrameOfReferenceUID" not in made
    (frame,) = made.PerFrameFunctionalGroupsSequence
    source = frame.DerivationImageSequence[0].SourceImageSequence[0]
    assert source.ReferencedSOPInstanceUID == projection.SOPInstanceUID
    assert (made.pixel_array.reshape(mask.shape).astype(bool) == mask).all()


def test_segmentations_of_two_series_each_name_their_own(judge, images, uids) -> None:
    import copy

    others = []
    for image in images:
        other = copy.deepcopy(image)
        other.SeriesInstanceUID, other.SOPInstanceUID = "1.2.50", f"1.2.50.{image.InstanceNumber}"
        other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID
        others.append(other)
    judge.context = dataclasses.replace(judge.context, images=(*images, *others))
    second = tuple(str(image.SOPInstanceUID) for image in others)
    results = Results((Segmentation((segment("One", ONE),), uids), Segmentation((segment("Two", OTHER),), second)))
    first_made, second_made, report = judge(results)
    assert first_made.SeriesInstanceUID == second_made.SeriesInstanceUID
    assert [item.UID for item in judge.named(report, "121232")] == [images[0].SeriesInstanceUID, "1.2.50"]
    assert len(judge.named(report, "126200")) == 2
    with pytest.raises(IllegalResult, match="several series"):
        judge(Results((Segmentation((segment("One", ONE),), (*uids[:6], *second[6:])),)))
