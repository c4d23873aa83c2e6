"""Rules over a set of objects: each defect breaks its own rule alone."""

import copy

import pytest

from tests.conformance.breaking import Defects, broken, named, volume

DEFECTS = Defects("set")


def reference(objects):
    """Where the report refers to the segment of its first group."""
    return named(objects.sr, "121191").ReferencedSOPSequence[0]


@DEFECTS.breaks("AIR-115")
def volume_of_another_mask(objects):
    value = volume(objects).MeasuredValueSequence[0]
    value.NumericValue = float(value.NumericValue) * 1.06


@DEFECTS.breaks("AIR-117")
def segment_that_is_not_there(objects):
    reference(objects).ReferencedSegmentNumber = 3


@DEFECTS.breaks("AIR-118")
def class_of_another_object(objects):
    reference(objects).ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.5"


@DEFECTS.breaks("AIR-136")
def segment_tracked_by_another_uid(objects):
    objects.seg.SegmentSequence[0].TrackingUID = "2.25.4"


@DEFECTS.breaks("AIR-141")
def segmentation_in_another_frame_of_reference(objects):
    objects.seg.FrameOfReferenceUID = "2.25.5"


@DEFECTS.breaks("AIR-210")
def result_of_another_patient(objects):
    objects.seg.PatientID = "OTHER"


@DEFECTS.breaks("AIR-210")
def result_of_another_order(objects):
    objects.seg.AccessionNumber = "OTHER"


@DEFECTS.breaks("AIR-212")
def segmentation_that_no_report_mentions(objects):
    spare = copy.deepcopy(objects.seg)
    spare.SOPInstanceUID = "2.25.6"
    objects.more.append(("spare.dcm", spare))


@pytest.mark.parametrize(("rule", "defect"), DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(objects, rule, defect):
    assert not broken(objects)
    defect(objects)
    assert broken(objects) == {rule}


def test_every_rule_has_a_defect():
    assert not DEFECTS.missing
