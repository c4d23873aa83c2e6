"""Rules for measurement groups: each defect breaks its own rule alone."""

import copy

import pytest

from tests.conformance.air_parts import LUNG, MASS, answer, laterality, text
from tests.conformance.breaking import Defects, broken, coded, drop, expected_of, identify, named

DEFECTS = Defects()


@DEFECTS.breaks("AIR-070")
def tracking_identifier_as_content(objects):
    named(objects.sr, "112039").RelationshipType = "CONTAINS"


@DEFECTS.breaks("AIR-070", also={"AIR-071"})
def group_without_tracking(objects):
    drop(objects.sr, "112039")
    drop(objects.sr, "112040")


@DEFECTS.breaks("AIR-071")
def tracking_uid_as_content(objects):
    named(objects.sr, "112040").RelationshipType = "CONTAINS"


@DEFECTS.breaks("AIR-075")
def two_findings_in_one_group(objects):
    group = named(objects.sr, "125007")
    group.ContentSequence.append(copy.deepcopy(named(group, "121071")))
    group.ContentSequence[-1].ObservationUID = "2.25.9"


@DEFECTS.breaks("AIR-075")
def finding_in_words_only(objects):
    found = named(objects.sr, "121071")
    found.ValueType, found.TextValue = "TEXT", "large"


@DEFECTS.breaks("AIR-079")
def finding_site_contained(objects):
    named(objects.sr, "363698007").RelationshipType = "CONTAINS"


@DEFECTS.breaks("AIR-072")
def group_without_identifier(objects):
    drop(objects.sr, "112039")


@DEFECTS.breaks("AIR-072")
def group_without_tracking_uid(objects):
    drop(objects.sr, "112040")


def last_group(objects):
    """A group about an image."""
    return named(objects.sr, "126010").ContentSequence[-1]


@DEFECTS.breaks("AIR-073", on="drawn")
def two_things_with_one_tracking_uid(objects):
    groups = named(objects.sr, "126010").ContentSequence
    one, other = (group for group in groups if named(group, "112039").TextValue in {"Box", "Plate"})
    named(other, "112040").UID, named(other, "112039").TextValue = named(one, "112040").UID, "Box"


@DEFECTS.breaks("AIR-076", on="drawn")
def group_about_nothing(objects):
    drop(last_group(objects), "121071")


@DEFECTS.breaks("AIR-077", on="drawn")
def finding_of_a_private_list(objects):
    named(last_group(objects), "121071").ConceptCodeSequence = [coded("MASS", "99NOBODY")]


@DEFECTS.breaks("AIR-078", on="drawn")
def mass_that_is_there_and_is_not(objects):
    absent = ("373572006", "SCT", "Clinical finding absent")
    last_group(objects).ContentSequence.append(answer("CONTAINS", absent, MASS))


@DEFECTS.breaks("AIR-080")
def laterality_of_the_group(objects):
    named(objects.sr, "125007").ContentSequence.append(laterality())


@DEFECTS.breaks("AIR-081", on="drawn")
def side_of_another_list(objects):
    named(objects.sr, "272741003").ConceptCodeSequence = [coded("L", "99MINE", "Left")]
    identify(objects.sr, "99MINE")


@DEFECTS.breaks("AIR-082", on="drawn")
def lung_of_no_side(objects):
    groups = named(objects.sr, "126010").ContentSequence
    rows = [row for group in groups for row in group.ContentSequence if "ConceptCodeSequence" in row]
    del next(row for row in rows if row.ConceptCodeSequence[0].CodeValue == LUNG[0]).ContentSequence


@DEFECTS.breaks("AIR-083")
def topography_in_words(objects):
    place = named(objects.sr, "363698007")
    place.ContentSequence = [text("HAS CONCEPT MOD", ("106233006", "SCT", "Topographical modifier"), "upper")]


@DEFECTS.breaks("AIR-084", on="drawn")
def method_as_content(objects):
    named(objects.sr, "370129005").RelationshipType = "CONTAINS"


@DEFECTS.breaks("AIR-084", on="drawn")
def method_in_words(objects):
    found = named(objects.sr, "370129005")
    found.ValueType, found.TextValue = "TEXT", "by hand"
    del found.ConceptCodeSequence


@DEFECTS.breaks("AIR-086")
def perhaps_present(objects):
    concept = ("121052", "DCM", "Presence of property")
    named(objects.sr, "121071").ContentSequence = [answer("HAS CONCEPT MOD", concept, ("373067005", "SCT", "No"))]


@DEFECTS.breaks("AIR-087", on="drawn")
def summary_of_another_list(objects):
    named(objects.sr, "111017").ConceptCodeSequence = [coded("111150", "DCM", "Present")]


@DEFECTS.breaks("AIR-087-CONTRADICTION", on="drawn")
def nothing_found_but_findings(objects):
    named(objects.sr, "111017").ConceptCodeSequence = [coded("111241", "DCM", "without findings")]


@DEFECTS.breaks("AIR-088", on="drawn")
def evaluations_in_words(objects):
    place = named(objects.sr, "C0034375").ContentSequence
    for _ in range(3):
        place.append(text("CONTAINS", ("246112005", "SCT", "Severity"), "The mass looks severe to us."))


@DEFECTS.breaks("AIR-089", on="drawn")
def time_point_as_content(objects):
    last_group(objects).ContentSequence.append(text("CONTAINS", ("C2348792", "UMLS", "Time Point"), "1"))


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
