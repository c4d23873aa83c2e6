"""Rules over a set of objects: each defect breaks its own rule alone."""

import copy

import pytest
from pydicom import Dataset

from tests.conformance.air_parts import container, group, image_item
from tests.conformance.breaking import Defects, broken, coded, drop, expected_of, multiply, named, volume

DEFECTS = Defects()


def reference(objects):
    """Where the report refers to the segment of its first group."""
    return named(objects.sr, "121191").ReferencedSOPSequence[0]


@DEFECTS.breaks("AIR-115")
def volume_of_another_mask(objects):
    multiply(volume(objects), 1.06)


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


@DEFECTS.breaks("AIR-009-ALIKE")
def another_algorithm_of_the_same_description(objects):
    other = another_report(objects)
    other.SeriesDescription = objects.sr.SeriesDescription


def another_report(objects):
    """A report of another algorithm on other things in the same images."""
    other = copy.deepcopy(objects.sr)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "2.25.10"
    other.SeriesInstanceUID, other.SeriesDescription = "2.25.11", "lesion-finder 2 measurements"
    row = equipment(other, ALGORITHM)
    row.ManufacturerModelName, row.SoftwareVersions, row.DeviceUID = "lesion-finder", "2", "2.25.12"
    named(other, "121012").UID, named(other, "121015").TextValue = "2.25.12", "lesion-finder"
    evidence = other.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    drop(other, "126010")
    other.ContentSequence.append(
        container(
            ("126010", "DCM", "Imaging Measurements"),
            group("Lesion", image_item(("121112", "DCM", "Source of Measurement"), objects.images[0])),
        )
    )
    other.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence = [
        row for row in evidence if row.SeriesInstanceUID == objects.images[0].SeriesInstanceUID
    ]
    objects.more.append(("other.dcm", other))
    return other


ALGORITHM = "brain-extraction"


def equipment(dataset, name):
    """The item of an algorithm."""
    return next(row for row in dataset.ContributingEquipmentSequence if row.get("ManufacturerModelName") == name)


def test_reports_of_two_algorithms_go_together(objects):
    another_report(objects)
    assert not broken(objects)


@DEFECTS.breaks("AIR-015")
def time_zone_of_another_place(objects):
    for image in objects.images:
        image.TimezoneOffsetFromUTC = "+0100"
    objects.sr.TimezoneOffsetFromUTC, objects.seg.TimezoneOffsetFromUTC = "+0100", "+0200"


@DEFECTS.breaks("AIR-024")
def same_build_with_another_device_uid(objects):
    row = equipment(objects.seg, ALGORITHM)
    objects.seg.ContributingEquipmentSequence.append(copy.deepcopy(row))
    row.DeviceUID = "2.25.12"


@DEFECTS.breaks("AIR-024")
def other_build_with_the_same_device_uid(objects):
    other = another_report(objects)
    uid = equipment(objects.sr, ALGORITHM).DeviceUID
    equipment(other, "lesion-finder").DeviceUID = named(other, "121012").UID = uid


@DEFECTS.breaks("AIR-074")
def one_uid_with_two_identifiers(objects):
    named(objects.sr, "112039").TextValue = "Other"


@DEFECTS.breaks("AIR-103", on="drawn")
def contour_beyond_the_image(objects):
    wide(objects, objects.images[0].Columns + 3.0)


def wide(objects, right):
    """Let the contour on an image, of which nothing was measured, reach so far."""
    drop(objects.sr, "126011")
    drop(objects.sr, "42798000")
    found = named(objects.sr, "111030")
    found.GraphicData = [right if value == 10.0 else value for value in found.GraphicData]


@DEFECTS.breaks("AIR-103-EDGE", on="drawn")
def contour_on_the_edge(objects):
    wide(objects, objects.images[0].Columns + 0.5)


@DEFECTS.breaks("AIR-104-KNOWN", on="drawn")
def contour_in_an_unknown_space(objects):
    in_space(objects).ReferencedFrameOfReferenceUID = "2.25.13"


def in_space(objects):
    groups = named(objects.sr, "126010").ContentSequence
    return next(row for group in groups for row in group.ContentSequence if row.ValueType == "SCOORD3D")


@DEFECTS.breaks("AIR-105", on="drawn")
def contour_far_from_the_slices(objects):
    data = list(in_space(objects).GraphicData)
    in_space(objects).GraphicData = [value + 500 for value in data]


@DEFECTS.breaks("AIR-115", on="drawn")
def area_of_another_contour(objects):
    multiply(named(objects.sr, "42798000"), 1.06)


@DEFECTS.breaks("AIR-116")
def finding_of_another_type(objects):
    named(objects.sr, "121071").ConceptCodeSequence = [coded("4147007", "SCT", "Mass")]


@DEFECTS.breaks("AIR-117", on="drawn")
def frame_that_is_not_there(objects):
    named(objects.sr, "121214").ReferencedSOPSequence[0].ReferencedFrameNumber = 99


@DEFECTS.breaks("AIR-120")
def image_that_was_left_out(objects):
    del objects.images[3]


@DEFECTS.breaks("AIR-120")
def evidence_of_a_series_that_it_is_not_of(objects):
    objects.sr.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].SeriesInstanceUID = "2.25.9"


@DEFECTS.breaks("AIR-123")
def image_of_another_patient(objects):
    objects.images[3].PatientID = "OTHER"


@DEFECTS.breaks("AIR-141")
def segmentation_of_another_size(objects):
    for image in objects.images:
        del image.FrameOfReferenceUID
        image.Rows += 1


@DEFECTS.breaks("AIR-211")
def segmentation_of_another_build(objects):
    row = equipment(objects.seg, ALGORITHM)
    row.SoftwareVersions, row.DeviceUID = "1.0.3", "2.25.12"
    for segment in objects.seg.SegmentSequence:
        segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion = "1.0.3"


@DEFECTS.breaks("AIR-213")
def segmentation_that_was_left_out(objects):
    objects.seg = None


@DEFECTS.breaks("AIR-214")
def run_again_without_a_word(objects):
    later(objects)


def later(objects, *predecessors):
    """The same report, made again a day later."""
    made = copy.deepcopy(objects.sr)
    made.SOPInstanceUID, made.ContentDate = "2.25.14", "20900103"
    objects.more.append(("later.dcm", made))
    return made


def names(made, earlier):
    study, series, row = Dataset(), Dataset(), Dataset()
    row.ReferencedSOPClassUID, row.ReferencedSOPInstanceUID = earlier.SOPClassUID, earlier.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = earlier.SeriesInstanceUID, [row]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = earlier.StudyInstanceUID, [series]
    made.PredecessorDocumentsSequence = [study]


@DEFECTS.breaks("AIR-214", also={"AIR-136"})
def run_again_with_new_tracking(objects):
    made = later(objects)
    names(made, objects.sr)
    named(made, "112040").UID = "2.25.15"


def test_a_report_that_names_its_predecessor_is_right(objects):
    names(later(objects), objects.sr)
    assert not broken(objects)


@DEFECTS.breaks("AIR-214-REUSED")
def uid_of_another_report(objects):
    made = copy.deepcopy(objects.sr)
    made.ContentTime = "040000"
    objects.more.append(("again.dcm", made))


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
