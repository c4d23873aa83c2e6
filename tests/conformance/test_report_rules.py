"""Rules for structured reports: each defect breaks its own rule alone."""

import copy

import pytest
from pydicom import Dataset

from tests.conformance.breaking import Defects, broken, coded, drop, named, volume

DEFECTS = Defects("sr")


@DEFECTS.breaks("AIR-026")
def observer_that_is_no_equipment(objects):
    named(objects.sr, "121012").UID = "2.25.1"


@DEFECTS.breaks("AIR-027")
def version_in_the_tree_of_no_equipment(objects):
    named(objects.sr, "111003").TextValue = "0.0.0"


@DEFECTS.breaks("AIR-027")
def algorithm_in_the_tree_without_its_version(objects):
    drop(objects.sr, "111003")


@DEFECTS.breaks("AIR-031")
def measurements_in_a_comprehensive_sr(objects):
    objects.sr.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"


@DEFECTS.breaks("AIR-032")
def completion_flag_of_our_own(objects):
    objects.sr.CompletionFlag = "DONE"


@DEFECTS.breaks("AIR-033")
def no_verification_flag(objects):
    del objects.sr.VerificationFlag


def verified(objects):
    objects.sr.VerificationFlag = "VERIFIED"
    person = Dataset()
    person.VerifyingObserverName, person.VerifyingOrganization = "Doe^J", "Hospital"
    person.VerificationDateTime = "20900102030405"
    objects.sr.VerifyingObserverSequence = [person]
    return person


@DEFECTS.breaks("AIR-034")
def verified_by_a_machine(objects):
    verified(objects)


@DEFECTS.breaks("AIR-035")
def verified_on_an_unknown_day(objects):
    del verified(objects).VerificationDateTime
    observer = copy.deepcopy(named(objects.sr, "121005"))
    observer.ConceptCodeSequence = [coded("121006", "DCM", "Person")]
    objects.sr.ContentSequence.append(observer)


@DEFECTS.breaks("AIR-037")
def no_performed_procedure_codes(objects):
    del objects.sr.PerformedProcedureCodeSequence


@DEFECTS.breaks("AIR-038")
def report_of_an_order_that_it_does_not_name(objects):
    del objects.sr.ReferencedRequestSequence


@DEFECTS.breaks("AIR-038")
def report_that_names_another_order(objects):
    objects.sr.ReferencedRequestSequence[0].AccessionNumber = "OTHER"


@DEFECTS.breaks("AIR-039")
def reference_that_is_no_evidence(objects):
    series = objects.sr.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    for row in series:
        row.ReferencedSOPSequence = [
            one for one in row.ReferencedSOPSequence if one.ReferencedSOPInstanceUID != objects.seg.SOPInstanceUID
        ]


@DEFECTS.breaks("AIR-041")
def current_evidence_of_another_study(objects):
    objects.sr.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID = "2.25.2"


@DEFECTS.breaks("AIR-041")
def other_evidence_of_the_own_study(objects):
    objects.sr.PertinentOtherEvidenceSequence = objects.sr.CurrentRequestedProcedureEvidenceSequence
    del objects.sr.CurrentRequestedProcedureEvidenceSequence


@DEFECTS.breaks("AIR-043")
def template_of_another_resource(objects):
    objects.sr.ContentTemplateSequence[0].MappingResource = "99MINE"


@DEFECTS.breaks("AIR-045")
def root_without_a_title(objects):
    del objects.sr.ConceptNameCodeSequence


@DEFECTS.breaks("AIR-045")
def root_without_continuity(objects):
    del objects.sr.ContinuityOfContent


@DEFECTS.breaks("AIR-045-TITLE")
def title_that_is_no_imaging_report(objects):
    objects.sr.ConceptNameCodeSequence = [coded("18748-4", "LN", "Diagnostic imaging report")]


@DEFECTS.breaks("AIR-050")
def language_item_without_a_language(objects):
    del named(objects.sr, "121049").ConceptCodeSequence


@DEFECTS.breaks("AIR-050")
def empty_text(objects):
    found = copy.deepcopy(named(objects.sr, "121015"))
    found.ConceptNameCodeSequence, found.TextValue = [coded("121106", "DCM", "Comment")], ""
    objects.sr.ContentSequence.append(found)


@DEFECTS.breaks("AIR-053")
def number_without_observation_uid(objects):
    del volume(objects).ObservationUID


@DEFECTS.breaks("AIR-057")
def groups_right_below_the_root(objects):
    """As in the worked examples of the AIR supplement (air.md section 8)."""
    groups = list(named(objects.sr, "126010").ContentSequence)
    drop(objects.sr, "126010")
    objects.sr.ContentSequence.extend(groups)


@DEFECTS.breaks("AIR-058")
def no_procedure(objects):
    drop(objects.sr, "121058")


@DEFECTS.breaks("AIR-058")
def procedure_contained(objects):
    named(objects.sr, "121058").RelationshipType = "CONTAINS"


@DEFECTS.breaks("AIR-060")
def observer_uid_below_the_observer_type(objects):
    """Nested instead of beside it, a frequent defect (air.md 12.4)."""
    nested = copy.deepcopy(named(objects.sr, "121012"))
    drop(objects.sr, "121012")
    named(objects.sr, "121005").ContentSequence = [nested]


@DEFECTS.breaks("AIR-060")
def observer_of_unknown_type(objects):
    drop(objects.sr, "121005")


@DEFECTS.breaks("AIR-060")
def observer_uid_as_content(objects):
    named(objects.sr, "121012").RelationshipType = "CONTAINS"


@DEFECTS.breaks("AIR-065")
def no_image_library(objects):
    drop(objects.sr, "111028")


@DEFECTS.breaks("AIR-070")
def group_without_identifier(objects):
    drop(objects.sr, "112039")


@DEFECTS.breaks("AIR-071")
def tracking_uid_as_content(objects):
    named(objects.sr, "112040").RelationshipType = "CONTAINS"


@DEFECTS.breaks("AIR-075")
def two_findings_in_one_group(objects):
    group = named(objects.sr, "125007")
    group.ContentSequence.append(copy.deepcopy(named(group, "121071")))


@DEFECTS.breaks("AIR-075")
def finding_in_words_only(objects):
    found = named(objects.sr, "121071")
    found.ValueType, found.TextValue = "TEXT", "large"


@DEFECTS.breaks("AIR-079")
def finding_site_contained(objects):
    named(objects.sr, "363698007").RelationshipType = "CONTAINS"


@DEFECTS.breaks("AIR-090")
def no_number_and_no_reason(objects):
    volume(objects).MeasuredValueSequence = []


@DEFECTS.breaks("AIR-090")
def empty_number(objects):
    volume(objects).MeasuredValueSequence[0].NumericValue = None


@DEFECTS.breaks("AIR-092")
def unit_of_another_scheme(objects):
    volume(objects).MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded("mL", "DCM")]


@DEFECTS.breaks("AIR-092")
def unit_that_is_a_bare_number(objects):
    """As seen in exchanged objects (air.md 12.4)."""
    found = volume(objects)
    found.ConceptNameCodeSequence = [coded("112031", "DCM", "Attenuation Coefficient")]
    found.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded("496", "UCUM", "millimeter")]


@DEFECTS.breaks("AIR-093")
def volume_in_square_millimetres(objects):
    volume(objects).MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded("mm2", "UCUM")]


@DEFECTS.breaks("AIR-110")
def two_segments_in_one_group(objects):
    group = named(objects.sr, "125007")
    group.ContentSequence.append(copy.deepcopy(named(group, "121191")))


@DEFECTS.breaks("AIR-111")
def segment_without_its_source(objects):
    drop(objects.sr, "121232")


@DEFECTS.breaks("AIR-112")
def segment_without_its_number(objects):
    del named(objects.sr, "121191").ReferencedSOPSequence[0].ReferencedSegmentNumber


@DEFECTS.breaks("AIR-200")
def result_tree(objects):
    """Not a defect: a tree is another kind of document, which the rules of TID 1500 do not bind."""
    objects.sr.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    objects.sr.ContentTemplateSequence[0].TemplateIdentifier = "IHERADAIR1"
    objects.sr.ConceptNameCodeSequence = [coded("AIR111", "99IHE", "Pneumothorax Assessment")]
    scheme = Dataset()
    scheme.CodingSchemeDesignator = "99IHE"
    objects.sr.CodingSchemeIdentificationSequence = [scheme]
    drop(objects.sr, "121058")
    drop(objects.sr, "111028")
    drop(objects.sr, "126010")
    objects.seg = None


@pytest.mark.parametrize(("rule", "defect"), DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(objects, rule, defect):
    assert not broken(objects)
    defect(objects)
    assert broken(objects) == {rule}


def test_every_rule_has_a_defect():
    assert not DEFECTS.missing
