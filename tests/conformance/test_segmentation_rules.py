"""Rules for segmentations: each defect breaks its own rule alone."""

import copy

import pytest
from pydicom import Dataset

from conformance.air.frames import masks
from tests.conformance.breaking import Defects, broken, expected_of, write

DEFECTS = Defects()


def alone(objects):
    """The segmentation without the report that measures it."""
    objects.sr = None
    return objects.seg


@DEFECTS.breaks("AIR-011")
def nobody_made_it(objects):
    objects.seg.Manufacturer = ""


@DEFECTS.breaks("AIR-012")
def no_serial_number(objects):
    del objects.seg.DeviceSerialNumber


@DEFECTS.breaks("AIR-028")
def version_of_no_equipment(objects):
    objects.seg.SegmentSequence[1].SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion = "0"


@DEFECTS.breaks("AIR-130")
def segments_out_of_order(objects):
    objects.seg.SegmentSequence = list(reversed(objects.seg.SegmentSequence))


@DEFECTS.breaks("AIR-131")
def segment_without_label(objects):
    objects.seg.SegmentSequence[0].SegmentLabel = " "


@DEFECTS.breaks("AIR-131")
def segment_of_no_type(objects):
    del objects.seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence


@DEFECTS.breaks("AIR-132")
def algorithm_type_of_our_own(objects):
    objects.seg.SegmentSequence[0].SegmentAlgorithmType = "AI"


@DEFECTS.breaks("AIR-133")
def automatic_segment_of_an_unnamed_algorithm(objects):
    del objects.seg.SegmentSequence[0].SegmentAlgorithmName


@DEFECTS.breaks("AIR-134")
def algorithm_not_identified(objects):
    del objects.seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence


@DEFECTS.breaks("AIR-134")
def algorithm_of_no_family(objects):
    del objects.seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0].AlgorithmFamilyCodeSequence


@DEFECTS.breaks("AIR-135")
def tracking_uid_without_identifier(objects):
    del objects.seg.SegmentSequence[0].TrackingID


@DEFECTS.breaks("AIR-137", also={"AIR-138"})
def one_bit_of_a_fraction(objects):
    objects.seg.SegmentationType = "FRACTIONAL"


@DEFECTS.breaks("AIR-137")
def neither_binary_nor_fractional(objects):
    objects.seg.SegmentationType = "MASK"


@DEFECTS.breaks("AIR-139")
def frame_of_no_segment(objects):
    del objects.seg.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence


@DEFECTS.breaks("AIR-140")
def frame_of_an_undeclared_segment(objects):
    frame = alone(objects).PerFrameFunctionalGroupsSequence[0]
    frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9


@DEFECTS.breaks("AIR-143")
def source_image_for_no_purpose(objects):
    derivation = objects.seg.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    del derivation.SourceImageSequence[0].PurposeOfReferenceCodeSequence


@DEFECTS.breaks("AIR-144")
def source_that_is_not_listed(objects):
    del objects.seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]


@DEFECTS.breaks("AIR-144")
def listed_source_that_no_frame_uses(objects):
    row = Dataset()
    row.ReferencedSOPClassUID, row.ReferencedSOPInstanceUID = objects.images[0].SOPClassUID, "2.25.3"
    objects.seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence.append(row)


@DEFECTS.breaks("AIR-145")
def pixels_cut_off(objects):
    objects.seg.PixelData = objects.seg.PixelData[:-2]


@DEFECTS.breaks("AIR-145")
def frame_without_a_description(objects):
    alone(objects).PerFrameFunctionalGroupsSequence.pop()


@DEFECTS.breaks("AIR-147")
def window_of_an_image(objects):
    objects.seg.WindowCenter = "40"


@DEFECTS.breaks("AIR-147")
def overlay(objects):
    objects.seg.add_new(0x60000010, "US", 4)


@DEFECTS.breaks("AIR-002-LABELMAP")
def label_map(objects):
    """As a receiver of today sees it; all its rules hold."""
    as_label_map(objects)


def as_label_map(objects):
    seg = alone(objects)
    seg.SOPClassUID, seg.SegmentationType = "1.2.840.10008.5.1.4.1.1.66.7", "LABELMAP"
    seg.BitsAllocated = seg.BitsStored = 8
    seg.HighBit = 7
    seg.PixelData = bytes(seg.NumberOfFrames * seg.Rows * seg.Columns)
    return seg


@DEFECTS.breaks("AIR-028")
def algorithm_of_another_maker(objects):
    objects.seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0].AlgorithmSource = "Somebody"


@DEFECTS.breaks("AIR-130", also={"AIR-002-LABELMAP"})
def label_map_that_begins_with_2(objects):
    for segment in as_label_map(objects).SegmentSequence:
        segment.SegmentNumber += 1
    for frame in objects.seg.PerFrameFunctionalGroupsSequence:
        del frame.SegmentIdentificationSequence


@DEFECTS.breaks("AIR-132-MANUAL")
def algorithm_with_a_hand(objects):
    objects.seg.SegmentSequence[0].SegmentAlgorithmType = "MANUAL"


def as_fractions(objects):
    """The same masks as fractions of 255."""
    seg = alone(objects)
    frames = masks(seg, len(seg.PerFrameFunctionalGroupsSequence))
    seg.SegmentationType, seg.SegmentationFractionalType, seg.MaximumFractionalValue = "FRACTIONAL", "PROBABILITY", 255
    seg.BitsAllocated = seg.BitsStored = 8
    seg.HighBit = 7
    seg.PixelData = bytes(frames.size)
    return seg


@DEFECTS.breaks("AIR-137", also={"AIR-138"})
def fractions_of_nothing(objects):
    del as_fractions(objects).MaximumFractionalValue


@DEFECTS.breaks("AIR-137", also={"AIR-138"})
def fractions_of_unknown_meaning(objects):
    as_fractions(objects).SegmentationFractionalType = "PERCENT"


@DEFECTS.breaks("AIR-138")
def fractions(objects):
    as_fractions(objects)


@DEFECTS.breaks("AIR-140-EMPTY")
def segment_without_a_frame(objects):
    segments = alone(objects).SegmentSequence
    segments.append(copy.deepcopy(segments[-1]))
    segments[-1].SegmentNumber = 3


@DEFECTS.breaks("AIR-142", also={"AIR-144"})
def frame_that_lies_nowhere(objects):
    frame = objects.seg.PerFrameFunctionalGroupsSequence[0]
    del frame.DerivationImageSequence, frame.PlanePositionSequence


@DEFECTS.breaks("AIR-142")
def segmentation_of_no_pixel_size(objects):
    for frame in alone(objects).PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence
    del objects.seg.ReferencedSeriesSequence, objects.seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence


@DEFECTS.breaks("AIR-146")
def segmentation_of_nothing(objects):
    alone(objects).PixelData = bytes(len(objects.seg.PixelData))


@DEFECTS.breaks("AIR-146")
def frames_of_nothing(objects):
    seg = alone(objects)
    octets = seg.Rows * seg.Columns // 8
    seg.PixelData = bytes(2 * octets) + seg.PixelData[2 * octets :]


@DEFECTS.breaks("AIR-148")
def nothing_said_of_overlap(objects):
    del objects.seg.SegmentsOverlap


@DEFECTS.breaks("AIR-148-FALSE")
def overlap_denied(objects):
    objects.seg.SegmentsOverlap = "NO"


@DEFECTS.breaks("AIR-149")
def label_of_a_tool(objects):
    objects.seg.ContentLabel = "CT_SEG"


@DEFECTS.breaks("AIR-149")
def label_in_small_letters(objects):
    write(objects.seg, "ContentLabel", "brain")


@DEFECTS.breaks("AIR-150")
def very_many_frames(objects):
    seg = alone(objects)
    frames = seg.PerFrameFunctionalGroupsSequence
    frames.extend([frames[-1]] * (401 - len(frames)))
    octets = seg.Rows * seg.Columns // 8
    seg.PixelData = seg.PixelData[: octets * seg.NumberOfFrames] + b"\xff" * octets * (401 - seg.NumberOfFrames)
    seg.NumberOfFrames = 401


@DEFECTS.breaks("AIR-151")
def slice_that_is_lost(objects):
    seg = alone(objects)
    seg.DimensionOrganizationType = "3D"
    seg.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient[2] += 30


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
