"""What is right is not held against anyone, and one fault is reported once (DESIGN D15)."""

import copy

import pytest
from pydicom import Dataset

from conformance import Severity, check_datasets
from tests.conformance.air_parts import LEFT, LUNG, group, in_space, laterality, on_image, plane, pointer, purpose, site
from tests.conformance.breaking import broken, coded, drop, identify, multiply, named, second_algorithm, volume


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
    identify(objects.seg, "L")
    assert broken(objects) == {"AIR-016"}


@pytest.mark.requirement("AIR-025")
def test_an_encoding_library_that_names_itself_needs_no_device_uid(objects):
    row = second_algorithm(objects.sr)
    row.Manufacturer = "Highdicom developers"
    del row.DeviceUID
    assert [(one.rule, one.severity) for one in check_datasets(objects.named)] == [("AIR-025", Severity.INFO)]


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
    multiply(volume(objects), factor)
    value.MeasurementUnitsCodeSequence = [coded(unit, "UCUM")]
    assert not broken(objects)


@pytest.mark.requirement("AIR-115")
def test_a_volume_within_five_percent_of_the_mask_is_right(objects):
    multiply(volume(objects), 1.04)
    assert not broken(objects)


@pytest.mark.requirement("AIR-115", "AIR-145")
def test_pixels_compressed_frame_by_frame_are_not_counted(objects):
    objects.seg.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    objects.seg.PixelData = b"\xff" * 2 * len(objects.seg.PixelData)
    assert not broken(objects)


@pytest.mark.requirement("AIR-115")
def test_a_volume_is_not_compared_with_voxels_of_unknown_size(objects):
    del objects.seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    multiply(volume(objects), 9)
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
    objects.seg.SegmentSequence.pop()
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


@pytest.mark.requirement("AIR-002")
def test_a_dose_report_of_the_study_is_a_source_and_not_a_result(objects):
    dose = copy.deepcopy(objects.sr)
    dose.SOPClassUID, dose.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.67", "2.25.21"
    del dose.ContributingEquipmentSequence, dose.SeriesDescription
    objects.more.append(("dose.dcm", dose))
    assert not broken(objects)


@pytest.mark.requirement("AIR-038", "AIR-059")
def test_a_local_code_of_the_ordered_procedure_is_right(objects):
    ours = coded("HEAD", "99HOSPITAL", "MR head")
    named(objects.sr, "121058").ConceptCodeSequence = [ours]
    objects.sr.ReferencedRequestSequence[0].RequestedProcedureCodeSequence = [copy.deepcopy(ours)]
    identify(objects.sr, "99HOSPITAL")
    assert not broken(objects)


@pytest.mark.requirement("AIR-041", "AIR-210")
def test_a_request_may_span_studies(objects):
    """A prior study that the request names is current evidence, and the results join the study of today."""
    request = copy.deepcopy(objects.sr.ReferencedRequestSequence[0])
    request.StudyInstanceUID = "2.25.22"
    objects.sr.ReferencedRequestSequence.append(request)
    prior = copy.deepcopy(objects.sr.CurrentRequestedProcedureEvidenceSequence[0])
    prior.StudyInstanceUID = "2.25.22"
    prior.ReferencedSeriesSequence = prior.ReferencedSeriesSequence[:1]
    for number, row in enumerate(prior.ReferencedSeriesSequence[0].ReferencedSOPSequence):
        row.ReferencedSOPInstanceUID = f"2.25.22{number}"
    objects.sr.CurrentRequestedProcedureEvidenceSequence.append(prior)
    assert broken(objects) <= {"AIR-040"}


@pytest.mark.requirement("AIR-102")
def test_a_region_may_be_selected_from_several_images(scenes):
    objects = scenes("drawn")
    region = named(objects.sr, "111030")
    region.ContentSequence.append(copy.deepcopy(on_image(objects.images[3]).ContentSequence[0]))
    assert not broken(objects)


@pytest.mark.requirement("AIR-102")
def test_a_region_may_be_selected_from_an_image_by_reference(scenes):
    objects = scenes("drawn")
    entries = enumerate(named(objects.sr, "126200").ContentSequence, start=1)
    image = next(number for number, row in entries if row.ValueType == "IMAGE")
    named(objects.sr, "111030").ContentSequence = [pointer("SELECTED FROM", 1, 8, 1, image)]
    drop(objects.sr, "126011")
    drop(objects.sr, "42798000")
    assert not broken(objects)


@pytest.mark.requirement("AIR-081", "AIR-082")
@pytest.mark.parametrize("side", [LEFT, ("51440002", "SCT", "Bilateral"), ("G-A101", "SRT", "Left")])
def test_the_side_of_an_organ_may_be_any_of_its_list_old_codes_too(scenes, side):
    objects = scenes("drawn")
    named(objects.sr, "272741003").ConceptCodeSequence = [coded(*side)]
    assert broken(objects) <= {"AIR-006-LEGACY"}


@pytest.mark.requirement("AIR-082")
def test_a_site_that_says_its_side_itself_needs_no_modifier(objects):
    named(objects.sr, "125007").ContentSequence.append(site(("44029006", "SCT", "Left lung")))
    assert not broken(objects)


@pytest.mark.requirement("AIR-100", "AIR-115")
@pytest.mark.parametrize(
    ("kind", "data", "area"),
    [
        ("CIRCLE", (8.0, 8.0, 8.0, 11.0), 28.274),
        ("ELLIPSE", (4.0, 8.0, 12.0, 8.0, 8.0, 6.0, 8.0, 10.0), 25.133),
    ],
)
def test_areas_of_circles_and_ellipses_are_compared_too(scenes, kind, data, area):
    objects = scenes("drawn")
    region = named(objects.sr, "111030")
    region.GraphicType, region.GraphicData = kind, list(data)
    rows, columns = (float(part) for part in objects.images[2].PixelSpacing)
    number = named(objects.sr, "42798000")
    multiply(number, area / 30)
    assert rows == columns
    assert not broken(objects)
    multiply(number, 1.1)
    assert broken(objects) == {"AIR-115"}


@pytest.mark.requirement("AIR-101", "AIR-104", "AIR-106")
@pytest.mark.parametrize("kind", ["POINT", "MULTIPOINT", "ELLIPSE", "ELLIPSOID"])
def test_every_kind_of_shape_in_space_is_accepted(scenes, kind):
    objects = scenes("drawn")
    steps = {"POINT": 1, "MULTIPOINT": 3, "ELLIPSE": 4, "ELLIPSOID": 6}[kind]
    points = plane(objects.images[2], *[(number % 3, number // 3) for number in range(steps)])
    made = group(
        "Shape", purpose(("111010", "DCM", "Center")), in_space(objects.images[2], kind, points), template="1410"
    )
    named(objects.sr, "126010").ContentSequence.append(made)
    assert not broken(objects)


@pytest.mark.requirement("AIR-103")
def test_points_on_a_whole_slide_are_not_compared_with_one_frame(scenes):
    objects = scenes("drawn")
    region = named(objects.sr, "111030")
    region.PixelOriginInterpretation = "VOLUME"
    region.GraphicData = [value * 100 for value in region.GraphicData]
    drop(objects.sr, "126011")
    drop(objects.sr, "42798000")
    assert not broken(objects)


@pytest.mark.requirement("AIR-105")
def test_a_localizer_in_another_direction_does_not_hide_the_slices(scenes):
    objects = scenes("drawn")
    localizer = copy.deepcopy(objects.images[0])
    localizer.SOPInstanceUID, localizer.SeriesInstanceUID = "2.25.23", "2.25.24"
    localizer.ImageOrientationPatient = [0, 1, 0, 0, 0, 1]
    localizer.ImagePositionPatient = [900, 900, 900]
    objects.images.append(localizer)
    assert not broken(objects)


@pytest.mark.requirement("AIR-123", "AIR-210")
def test_separators_at_the_end_of_a_name_say_nothing(objects):
    objects.seg.PatientName = f"{objects.seg.PatientName}^^ "
    assert not broken(objects)


@pytest.mark.requirement("AIR-210")
def test_results_among_images_of_other_studies_are_compared_with_their_own(objects):
    for number in range(2):
        other = copy.deepcopy(objects.images[number])
        other.SOPInstanceUID, other.StudyInstanceUID = f"2.25.25{number}", "2.25.26"
        other.PatientID = other.AccessionNumber = "OTHER"
        objects.images.append(other)
    assert not broken(objects)


@pytest.mark.requirement("AIR-210")
def test_a_result_in_another_study_than_its_images_is_told(objects):
    objects.sr, objects.seg.StudyInstanceUID = None, "2.25.27"
    assert broken(objects) == {"AIR-210"}


@pytest.mark.requirement("AIR-109", "AIR-110")
def test_a_volume_may_be_a_stack_of_contours(objects):
    stack = group("Stack", purpose(), *[on_image(image) for image in objects.images[:3]], template="1411")
    stack.ContentSequence.append(site(LUNG, laterality()))
    named(objects.sr, "126010").ContentSequence.append(stack)
    assert not broken(objects)


@pytest.mark.requirement("AIR-174")
def test_a_map_of_images_without_a_space_has_one_of_its_own(scenes):
    objects = scenes("map")
    objects.seg = objects.sr = None
    for image in objects.images:
        del image.FrameOfReferenceUID
    assert not broken(objects)


@pytest.mark.requirement("AIR-141")
def test_a_segmentation_of_images_without_a_space_has_their_size(objects):
    objects.sr = None
    for image in objects.images:
        del image.FrameOfReferenceUID
    assert not broken(objects)


@pytest.mark.requirement("AIR-007")
@pytest.mark.parametrize(
    ("charset", "letters"),
    [
        ("ISO_IR 192", "頭 tête"),
        ("ISO_IR 100", "tête"),
        (["ISO 2022 IR 6", "ISO 2022 IR 87"], "頭"),
        ("GB18030", "头"),
        (["", "ISO 2022 IR 149"], "머리"),
    ],
)
def test_text_in_any_character_set_that_has_its_letters_is_right(objects, charset, letters):
    objects.seg.SpecificCharacterSet = charset
    objects.seg.SeriesDescription = f"brain-extraction 1.0.2 {letters}"
    assert not broken(objects)


def test_many_places_of_one_kind_are_summed_up(objects):
    groups = named(objects.sr, "126010").ContentSequence
    for number in range(40):
        groups.append(copy.deepcopy(group(f"Lung {number}", site(LUNG))))
    found = [one for one in check_datasets(objects.named) if one.rule == "AIR-082"]
    assert len(found) == 11
    assert found[-1].message == "the same at 30 other places"
