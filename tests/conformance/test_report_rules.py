"""Rules for structured reports: each defect breaks its own rule alone."""

import copy

import pytest
from pydicom import Dataset

from tests.conformance.air_parts import answer, container, content, number, text
from tests.conformance.breaking import Defects, broken, coded, drop, expected_of, identify, named

DEFECTS = Defects()


@DEFECTS.breaks("AIR-026")
def observer_that_is_no_equipment(objects):
    named(objects.sr, "121012").UID = "2.25.1"


@DEFECTS.breaks("AIR-027")
def version_in_the_tree_of_no_equipment(objects):
    named(objects.sr, "111003").TextValue = "0.0.0"


@DEFECTS.breaks("AIR-027")
def algorithm_in_the_tree_of_another_maker(objects):
    place = named(objects.sr, "125007").ContentSequence
    place.append(text("HAS CONCEPT MOD", ("122405", "DCM", "Algorithm Manufacturer"), "Somebody"))


@DEFECTS.breaks("AIR-085")
def algorithm_in_the_tree_without_its_version(objects):
    drop(objects.sr, "111003")


@DEFECTS.breaks("AIR-085-FAMILY")
def algorithm_of_a_strange_family(objects):
    place = named(objects.sr, "125007").ContentSequence
    place.append(answer("HAS CONCEPT MOD", ("111000", "DCM", "Algorithm Family"), ("4147007", "SCT", "Mass")))


@DEFECTS.breaks("AIR-031")
def measurements_in_a_comprehensive_sr(objects):
    objects.sr.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"


@DEFECTS.breaks("AIR-032")
def completion_flag_of_our_own(objects):
    objects.sr.CompletionFlag = "DONE"


@DEFECTS.breaks("AIR-032-REASON")
def partial_for_no_reason(objects):
    objects.sr.CompletionFlag = "PARTIAL"


@DEFECTS.breaks("AIR-033")
def no_verification_flag(objects):
    del objects.sr.VerificationFlag


def predecessor(uid):
    """An entry for an earlier report of the study."""
    study, series, row = Dataset(), Dataset(), Dataset()
    row.ReferencedSOPClassUID, row.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.34", uid
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "2.25.4", [row]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = "2.25.5", [series]
    return study


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


@DEFECTS.breaks("AIR-036")
def preliminary_flag_of_our_own(objects):
    objects.sr.PreliminaryFlag = "DRAFT"


@DEFECTS.breaks("AIR-036-ABSENT")
def no_preliminary_flag(objects):
    del objects.sr.PreliminaryFlag


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


@DEFECTS.breaks("AIR-040")
def evidence_of_a_prior_study_that_nothing_refers_to(objects):
    prior = copy.deepcopy(objects.sr.CurrentRequestedProcedureEvidenceSequence[0])
    prior.StudyInstanceUID = "2.25.2"
    rows = (row for series in prior.ReferencedSeriesSequence for row in series.ReferencedSOPSequence)
    for position, row in enumerate(rows):
        row.ReferencedSOPInstanceUID = f"2.25.2{position}"
    objects.sr.PertinentOtherEvidenceSequence = [prior]


@DEFECTS.breaks("AIR-041")
def current_evidence_of_another_study(objects):
    objects.seg, objects.images = None, []
    objects.sr.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID = "2.25.2"


@DEFECTS.breaks("AIR-041")
def other_evidence_of_the_own_study(objects):
    objects.sr.PertinentOtherEvidenceSequence = objects.sr.CurrentRequestedProcedureEvidenceSequence
    del objects.sr.CurrentRequestedProcedureEvidenceSequence


@DEFECTS.breaks("AIR-042")
def evidence_of_no_series(objects):
    del objects.sr.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].SeriesInstanceUID


@DEFECTS.breaks("AIR-042-TWICE")
def evidence_twice(objects):
    series = objects.sr.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    series.ReferencedSOPSequence.append(copy.deepcopy(series.ReferencedSOPSequence[0]))


@DEFECTS.breaks("AIR-043")
def template_of_another_resource(objects):
    objects.sr.ContentTemplateSequence[0].MappingResource = "99MINE"


@DEFECTS.breaks("AIR-044")
def predecessor_of_no_study(objects):
    objects.sr.PredecessorDocumentsSequence = [predecessor("2.25.3")]
    del objects.sr.PredecessorDocumentsSequence[0].StudyInstanceUID


@DEFECTS.breaks("AIR-044")
def predecessors_that_are_none(objects):
    objects.sr.PredecessorDocumentsSequence = []


@DEFECTS.breaks("AIR-044")
def report_that_replaces_itself(objects):
    objects.sr.PredecessorDocumentsSequence = [predecessor(objects.sr.SOPInstanceUID)]


@DEFECTS.breaks("AIR-045")
def root_without_a_title(objects):
    del objects.sr.ConceptNameCodeSequence


@DEFECTS.breaks("AIR-045")
def root_without_continuity(objects):
    del objects.sr.ContinuityOfContent


@DEFECTS.breaks("AIR-045-TITLE")
def title_that_is_no_imaging_report(objects):
    objects.sr.ConceptNameCodeSequence = [coded("18748-4", "LN", "Diagnostic imaging report")]


@DEFECTS.breaks("AIR-057")
def report_without_results(objects):
    drop(objects.sr, "126010")
    objects.seg = None


@DEFECTS.breaks("AIR-067", also={"AIR-057"})
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


@DEFECTS.breaks("AIR-059")
def procedure_of_a_private_list(objects):
    named(objects.sr, "121058").ConceptCodeSequence = [coded("HEAD", "99MINE")]
    identify(objects.sr, "99MINE")


@DEFECTS.breaks("AIR-059-ALGORITHM")
def algorithm_as_procedure(objects):
    named(objects.sr, "121058").ConceptCodeSequence[0].CodeMeaning = "Brain-extraction"


@DEFECTS.breaks("AIR-060", also={"AIR-061"})
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


@DEFECTS.breaks("AIR-061")
def observer_described_below_its_type(objects):
    named(objects.sr, "121005").ContentSequence = [copy.deepcopy(named(objects.sr, "121014"))]


@DEFECTS.breaks("AIR-062")
def observer_of_no_model(objects):
    drop(objects.sr, "121015")


@DEFECTS.breaks("AIR-063")
def person_beside_the_device(objects):
    objects.sr.ContentSequence.append(
        content("HAS OBS CONTEXT", "PNAME", ("121008", "DCM", "Person Observer Name"), PersonName="Doe^J")
    )


@DEFECTS.breaks("AIR-064")
def images_right_in_the_library(objects):
    library = named(objects.sr, "111028")
    library.ContentSequence = library.ContentSequence[0].ContentSequence


@DEFECTS.breaks("AIR-064")
def library_group_of_no_images(objects):
    images = named(objects.sr, "126200")
    images.ContentSequence = [row for row in images.ContentSequence if row.ValueType != "IMAGE"]
    if not images.ContentSequence:
        del images.ContentSequence


@DEFECTS.breaks("AIR-064")
def descriptor_of_an_image_as_a_modifier(objects):
    named(objects.sr, "121139").RelationshipType = "HAS CONCEPT MOD"


@DEFECTS.breaks("AIR-065")
def no_image_library(objects):
    drop(objects.sr, "111028")


@DEFECTS.breaks("AIR-066", on="drawn")
def number_among_the_evaluations(objects):
    place = named(objects.sr, "C0034375").ContentSequence
    place.append(number(("410668003", "SCT", "Length"), 3, ("mm", "UCUM", "mm")))


@DEFECTS.breaks("AIR-067", on="drawn")
def group_among_the_derived_measurements(objects):
    place = named(objects.sr, "126011").ContentSequence
    place.append(named(objects.sr, "126010").ContentSequence.pop())


@DEFECTS.breaks("AIR-068", on="drawn")
def derived_from_nothing(objects):
    del named(named(objects.sr, "126011"), "373098007").ContentSequence


@DEFECTS.breaks("AIR-068", on="drawn")
def derived_from_a_finding(objects):
    pointer = named(named(objects.sr, "126011"), "373098007").ContentSequence[0]
    pointer.ReferencedContentItemIdentifier = [*pointer.ReferencedContentItemIdentifier[:3], 3]


@DEFECTS.breaks("AIR-068-CONCEPT", on="drawn")
def derived_length(objects):
    named(named(objects.sr, "126011"), "373098007").ConceptNameCodeSequence = [coded("42798000", "SCT", "Area")]


@DEFECTS.breaks("AIR-069")
def language_of_an_old_code(objects):
    named(objects.sr, "121049").ConceptCodeSequence = [coded("eng", "ISO639_2", "English")]


@DEFECTS.breaks("AIR-069")
def report_in_no_language(objects):
    drop(objects.sr, "121049")


@DEFECTS.breaks("AIR-216")
def two_containers_of_measurements(objects):
    objects.sr.ContentSequence.append(container(("126010", "DCM", "Imaging Measurements")))


@DEFECTS.breaks("AIR-216")
def activity_session_as_content(objects):
    group = named(objects.sr, "125007").ContentSequence
    group.append(text("CONTAINS", ("112040", "DCM", "x"), "x"))
    group[-1].ConceptNameCodeSequence = [coded("C67447", "NCIt", "Activity Session")]
    group.append(answer("CONTAINS", ("276214006", "SCT", "Finding category"), ("49755003", "SCT", "Abnormal")))


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
