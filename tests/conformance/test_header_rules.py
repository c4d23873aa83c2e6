"""Rules for the header of every result object: each defect breaks its own rule alone."""

import pytest

from tests.conformance.breaking import Defects, broken, coded, expected_of, identify, named, second_algorithm, write

DEFECTS = Defects()


@DEFECTS.breaks("AIR-002")
def class_of_another_kind_of_report(objects):
    objects.sr.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.40"  # Procedure Log


@DEFECTS.breaks("AIR-003")
def no_referring_physician(objects):
    del objects.sr.ReferringPhysicianName


@DEFECTS.breaks("AIR-003")
def an_empty_study_uid(objects):
    objects.images = []
    objects.seg.StudyInstanceUID = ""


@DEFECTS.breaks("AIR-004")
def leading_zero_in_a_uid(objects):
    write(objects.seg, "InstanceCreatorUID", "1.2.03.4")


@DEFECTS.breaks("AIR-004")
def overlong_uid_deep_in_the_tree(objects):
    write(named(objects.sr, "121232"), "UID", "1." + "2" * 63)


@DEFECTS.breaks("AIR-005")
def code_without_meaning(objects):
    del named(objects.sr, "121058").ConceptCodeSequence[0].CodeMeaning


@DEFECTS.breaks("AIR-005")
def code_value_of_17_characters(objects):
    write(named(objects.sr, "121058").ConceptCodeSequence[0], "CodeValue", "12345678901234567")


@DEFECTS.breaks("AIR-005")
def code_with_two_values(objects):
    write(named(objects.sr, "121058").ConceptCodeSequence[0], "LongCodeValue", "24590-2")


@DEFECTS.breaks("AIR-006")
def local_scheme_that_nothing_identifies(objects):
    objects.sr.SeriesDescriptionCodeSequence = [coded("HEAD", "99NOBODY")]


@DEFECTS.breaks("AIR-006")
def local_scheme_of_hl7(objects):
    objects.sr.SeriesDescriptionCodeSequence = [coded("HEAD", "L")]


@DEFECTS.breaks("AIR-006-UNKNOWN")
def scheme_that_nobody_knows(objects):
    objects.seg.SeriesDescriptionCodeSequence = [coded("HEAD", "NOBODY")]


@DEFECTS.breaks("AIR-006-LEGACY")
def site_in_snomed_rt(objects):
    named(objects.sr, "363698007").ConceptCodeSequence = [coded("T-A0100", "SRT", "Brain")]


@DEFECTS.breaks("AIR-007")
def character_set_that_there_is_not(objects):
    objects.sr.SpecificCharacterSet = "UTF8"


@DEFECTS.breaks("AIR-007")
def accents_without_a_character_set(objects):
    del objects.seg.SpecificCharacterSet
    objects.seg.SeriesDescription = "brain-extraction 1.0.2 tête"


@DEFECTS.breaks("AIR-007")
def letters_that_the_character_set_lacks(objects):
    objects.seg.SpecificCharacterSet = "ISO_IR 100"
    objects.seg.SeriesDescription = "brain-extraction 1.0.2 頭"


@DEFECTS.breaks("AIR-007")
def octets_that_could_not_be_read(objects):
    objects.sr.SeriesDescription = "brain-extraction 1.0.2 t\N{REPLACEMENT CHARACTER}te"


@DEFECTS.breaks("AIR-008")
def no_series_number(objects):
    objects.sr.SeriesNumber = None


@DEFECTS.breaks("AIR-008")
def modality_of_an_image(objects):
    objects.seg.Modality = "MR"


@DEFECTS.breaks("AIR-008", on="keys")
def key_objects_as_a_report(objects):
    objects.kos.Modality = "SR"


@DEFECTS.breaks("AIR-009")
def blank_series_description(objects):
    objects.seg.SeriesDescription = " "


@DEFECTS.breaks("AIR-009")
def overlong_series_description(objects):
    write(objects.seg, "SeriesDescription", "brain " * 11)


@DEFECTS.breaks("AIR-010")
def series_without_a_code(objects):
    del objects.sr.SeriesDescriptionCodeSequence


@DEFECTS.breaks("AIR-011-REPORT")
def report_of_no_maker(objects):
    objects.sr.Manufacturer = ""


@DEFECTS.breaks("AIR-012-REPORT")
def report_of_no_version(objects):
    del objects.sr.SoftwareVersions


@DEFECTS.breaks("AIR-013")
def no_instance_number(objects):
    objects.sr.InstanceNumber = None


@DEFECTS.breaks("AIR-014")
def report_without_content_time(objects):
    del objects.sr.ContentTime


@DEFECTS.breaks("AIR-014")
def report_older_than_the_study(objects):
    objects.sr.ContentDate = "18991231"


@DEFECTS.breaks("AIR-014-IMAGE")
def segmentation_without_content_date(objects):
    del objects.seg.ContentDate


@DEFECTS.breaks("AIR-016")
def segmentation_that_names_no_algorithm(objects):
    del objects.seg.ContributingEquipmentSequence


@DEFECTS.breaks("AIR-016")
def report_that_names_no_algorithm(objects):
    objects.sr.ContributingEquipmentSequence = []


@DEFECTS.breaks("AIR-017")
def equipment_without_a_purpose(objects):
    del second_algorithm(objects.sr).PurposeOfReferenceCodeSequence


@DEFECTS.breaks("AIR-017")
def equipment_of_two_purposes(objects):
    row = second_algorithm(objects.sr)
    row.PurposeOfReferenceCodeSequence.append(coded("109103", "DCM", "Modifying Equipment"))


@DEFECTS.breaks("AIR-018")
def purpose_as_in_the_first_revisions(objects):
    for row in objects.sr.ContributingEquipmentSequence:
        if "DeviceUID" in row:
            row.PurposeOfReferenceCodeSequence = [coded("Newcode1", "99IHE", "Processing Algorithm")]
    identify(objects.sr, "99IHE")


@DEFECTS.breaks("AIR-019")
def algorithm_of_nobody(objects):
    second_algorithm(objects.seg).Manufacturer = ""


@DEFECTS.breaks("AIR-020")
def algorithm_without_a_name(objects):
    del second_algorithm(objects.sr).ManufacturerModelName


@DEFECTS.breaks("AIR-021")
def algorithm_without_a_version(objects):
    del second_algorithm(objects.seg).SoftwareVersions


@DEFECTS.breaks("AIR-022")
def algorithm_without_a_device_uid(objects):
    row = second_algorithm(objects.sr)
    row.Manufacturer, row.DeviceUID = "Someone", ""


@DEFECTS.breaks("AIR-023")
def two_algorithms_with_one_device_uid(objects):
    for name in ("lesion-finder", "lesion-sorter"):
        row = second_algorithm(objects.sr)
        row.ManufacturerModelName, row.DeviceUID = name, "2.25.8"


@DEFECTS.breaks("AIR-025")
def library_without_a_device_uid(objects):
    row = second_algorithm(objects.sr)
    row.Manufacturer = "Highdicom developers"
    del row.DeviceUID


@DEFECTS.breaks("AIR-029")
def images_of_no_equipment(objects):
    objects.seg.ContributingEquipmentSequence = [
        row
        for row in objects.seg.ContributingEquipmentSequence
        if row.PurposeOfReferenceCodeSequence[0].CodeValue != "109101"
    ]


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
