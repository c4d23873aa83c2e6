"""What is right is not held against anyone, and one fault is reported once (DESIGN D15)."""

import copy

import pytest
from pydicom import Dataset

from conformance import Severity, check_datasets
from tests.conformance.breaking import broken, coded, drop, named, second_algorithm, volume


@pytest.mark.requirement("AIR-016", "AIR-018")
def test_the_purpose_code_of_earlier_revisions_counts_as_an_algorithm_with_a_warning(objects):
    for row in objects.seg.ContributingEquipmentSequence:
        if "DeviceUID" in row:
            row.PurposeOfReferenceCodeSequence = [coded("Newcode1", "99IHE")]
    found = [one for one in check_datasets(objects.named) if one.rule != "AIR-006"]
    assert [(one.rule, one.severity) for one in found] == [("AIR-018", Severity.WARNING)]


@pytest.mark.requirement("AIR-016")
def test_a_purpose_code_of_a_vendor_names_no_algorithm(objects):
    for row in objects.seg.ContributingEquipmentSequence:
        row.PurposeOfReferenceCodeSequence = [coded("Newcode1", "L")]
    assert broken(objects) == {"AIR-016"}


@pytest.mark.requirement("AIR-025")
def test_an_encoding_library_that_names_itself_needs_no_device_uid(objects):
    row = second_algorithm(objects.sr)
    row.Manufacturer = "Highdicom developers"
    del row.DeviceUID
    assert not broken(objects)


@pytest.mark.requirement("AIR-027", "AIR-028")
def test_one_of_several_software_versions_is_enough(objects):
    for dataset in (objects.sr, objects.seg):
        for row in dataset.ContributingEquipmentSequence:
            row.SoftwareVersions = [str(row.SoftwareVersions), "weights 7"]
    assert not broken(objects)


@pytest.mark.requirement("AIR-070", "AIR-071")
def test_a_group_about_an_absent_finding_needs_no_tracking(objects):
    group = named(objects.sr, "125007")
    named(group, "121071").ConceptNameCodeSequence = [coded("373572006", "SCT", "Clinical finding absent")]
    drop(group, "112039")
    drop(group, "112040")
    assert not broken(objects)


@pytest.mark.requirement("AIR-090")
def test_a_number_that_says_why_it_has_no_value_is_right(objects):
    found = volume(objects)
    found.MeasuredValueSequence = []
    found.NumericValueQualifierCodeSequence = [coded("114006", "DCM", "Measurement failure")]
    assert not broken(objects)


@pytest.mark.requirement("AIR-093", "AIR-115")
@pytest.mark.parametrize(("unit", "factor"), [("ml", 1), ("cm3", 1), ("mm3", 1000), ("dm3", 0.001)])
def test_a_volume_may_be_given_in_any_unit_of_volume(objects, unit, factor):
    value = volume(objects).MeasuredValueSequence[0]
    value.NumericValue = float(value.NumericValue) * factor
    value.MeasurementUnitsCodeSequence = [coded(unit, "UCUM")]
    assert not broken(objects)


@pytest.mark.requirement("AIR-115")
def test_a_volume_within_five_percent_of_the_mask_is_right(objects):
    value = volume(objects).MeasuredValueSequence[0]
    value.NumericValue = float(value.NumericValue) * 1.04
    assert not broken(objects)


@pytest.mark.requirement("AIR-115", "AIR-145")
def test_pixels_compressed_frame_by_frame_are_not_counted(objects):
    objects.seg.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    objects.seg.PixelData = b"\xff" * 2 * len(objects.seg.PixelData)
    assert not broken(objects)


@pytest.mark.requirement("AIR-115")
def test_a_volume_is_not_compared_with_voxels_of_unknown_size(objects):
    del objects.seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    volume(objects).MeasuredValueSequence[0].NumericValue = 99
    assert not broken(objects)


@pytest.mark.requirement("AIR-139", "AIR-144", "AIR-145")
def test_tiled_full_segmentations_describe_no_single_frames(objects):
    objects.sr = None
    objects.seg.DimensionOrganizationType = "TILED_FULL"
    del objects.seg.PerFrameFunctionalGroupsSequence
    assert not broken(objects)


@pytest.mark.requirement("AIR-139")
def test_a_segment_may_be_named_for_all_frames_at_once(objects):
    objects.sr = None
    shared = Dataset()
    shared.ReferencedSegmentNumber = 1
    objects.seg.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence = [shared]
    for frame in objects.seg.PerFrameFunctionalGroupsSequence:
        del frame.SegmentIdentificationSequence
    assert not broken(objects)


@pytest.mark.requirement("AIR-144")
def test_instances_of_other_studies_are_listed_apart(objects):
    study = Dataset()
    study.StudyInstanceUID = "2.25.9"
    study.ReferencedSeriesSequence = copy.deepcopy(objects.seg.ReferencedSeriesSequence)
    objects.seg.StudiesContainingOtherReferencedInstancesSequence = [study]
    objects.seg.ReferencedSeriesSequence = []
    assert not broken(objects)


@pytest.mark.requirement("AIR-038")
def test_a_report_on_images_of_no_order_needs_no_request(objects):
    for dataset in (objects.sr, objects.seg, *objects.images):
        dataset.AccessionNumber = ""
    del objects.sr.ReferencedRequestSequence
    assert not broken(objects)


@pytest.mark.requirement("AIR-212")
def test_a_segmentation_without_any_report_is_not_missed_by_one(objects):
    objects.sr = None
    assert not broken(objects)


@pytest.mark.requirement("AIR-210")
def test_results_without_their_images_are_compared_with_none(objects):
    objects.images = []
    objects.seg.PatientID = "OTHER"
    assert not broken(objects)


def test_images_are_sources_and_not_judged(objects):
    for image in objects.images:
        del image.StudyDate, image.SeriesNumber
    objects.sr.StudyDate = objects.seg.StudyDate = ""
    assert not broken(objects)
