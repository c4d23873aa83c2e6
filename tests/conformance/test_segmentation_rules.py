"""Rules for segmentations: each defect breaks its own rule alone."""

import pytest
from pydicom import Dataset

from tests.conformance.breaking import Defects, broken

DEFECTS = Defects("seg")


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


@DEFECTS.breaks("AIR-137")
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


@pytest.mark.parametrize(("rule", "defect"), DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(objects, rule, defect):
    assert not broken(objects)
    defect(objects)
    assert broken(objects) == {rule}


def test_every_rule_has_a_defect():
    assert not DEFECTS.missing
