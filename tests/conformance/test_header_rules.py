"""Rules for the header of every result object: each defect breaks its own rule alone."""

import pytest
from pydicom import Dataset

from tests.conformance.breaking import Defects, broken, coded, named, second_algorithm, write

DEFECTS = Defects("any")


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
    write(named(objects.sr, "112040"), "ObservationUID", "1." + "2" * 63)


@DEFECTS.breaks("AIR-005")
def code_without_meaning(objects):
    del named(objects.sr, "121058").ConceptCodeSequence[0].CodeMeaning


@DEFECTS.breaks("AIR-005")
def code_value_of_17_characters(objects):
    write(named(objects.sr, "121058").ConceptCodeSequence[0], "CodeValue", "12345678901234567")


@DEFECTS.breaks("AIR-006")
def local_scheme_that_nothing_identifies(objects):
    named(objects.sr, "121058").ConceptCodeSequence = [coded("HEAD", "99NOBODY")]


@DEFECTS.breaks("AIR-008")
def no_series_number(objects):
    objects.sr.SeriesNumber = None


@DEFECTS.breaks("AIR-008")
def modality_of_an_image(objects):
    objects.seg.Modality = "MR"


@DEFECTS.breaks("AIR-009")
def blank_series_description(objects):
    objects.seg.SeriesDescription = " "


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


@DEFECTS.breaks("AIR-018")
def purpose_as_in_the_first_revisions(objects):
    for row in objects.sr.ContributingEquipmentSequence:
        if "DeviceUID" in row:
            row.PurposeOfReferenceCodeSequence = [coded("Newcode1", "99IHE", "Processing Algorithm")]
    scheme = Dataset()
    scheme.CodingSchemeDesignator = "99IHE"
    objects.sr.CodingSchemeIdentificationSequence = [scheme]


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


@pytest.mark.parametrize(("rule", "defect"), DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(objects, rule, defect):
    assert not broken(objects)
    defect(objects)
    assert broken(objects) == {rule}


def test_every_rule_has_a_defect():
    assert not DEFECTS.missing
