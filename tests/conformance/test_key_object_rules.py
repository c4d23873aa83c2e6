"""Rules for key objects, captures and result trees: each defect breaks its own rule alone."""

import copy

import pytest

from tests.conformance.air_parts import number, text
from tests.conformance.air_scenes import arranged, captured
from tests.conformance.breaking import Defects, broken, coded, drop, expected_of, named

DEFECTS = Defects()


@DEFECTS.breaks("AIR-013", on="keys")
def key_objects_of_no_number(objects):
    objects.kos.InstanceNumber = None


@DEFECTS.breaks("AIR-042", on="keys")
def evidence_of_no_class(objects):
    series = objects.kos.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    del series.ReferencedSOPSequence[0].ReferencedSOPClassUID


@DEFECTS.breaks("AIR-180", on="keys")
def title_of_our_own(objects):
    objects.kos.ConceptNameCodeSequence = [coded("126000", "DCM", "Imaging Measurement Report")]


@DEFECTS.breaks("AIR-180-TEMPLATE", on="keys")
def template_of_a_report(objects):
    objects.kos.ContentTemplateSequence[0].TemplateIdentifier = "1500"


@DEFECTS.breaks("AIR-181", on="keys")
def images_to_reject(objects):
    objects.kos.ConceptNameCodeSequence = [coded("113001", "DCM", "Rejected for Quality Reasons")]


@DEFECTS.breaks("AIR-182", on="keys")
def number_among_key_objects(objects):
    objects.kos.ContentSequence.append(number(("410668003", "SCT", "Length"), 3, ("mm", "UCUM", "mm")))


@DEFECTS.breaks("AIR-182", on="keys")
def text_that_modifies(objects):
    objects.kos.ContentSequence.append(text("HAS CONCEPT MOD", ("113011", "DCM", "Document Title Modifier"), "x"))


@DEFECTS.breaks("AIR-183", on="keys")
def key_object_that_is_no_evidence(objects):
    series = objects.kos.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    series.ReferencedSOPSequence.pop()


@DEFECTS.breaks("AIR-184", on="keys")
def key_objects_without_a_word(objects):
    drop(objects.kos, "113012")


@DEFECTS.breaks("AIR-185", on="keys")
def chosen_by_nobody(objects):
    drop(objects.kos, "121005")


@DEFECTS.breaks("AIR-190")
def capture_in_addition(objects):
    """Not a defect: something that is no AIR encoding is there too."""
    captured(objects, None)


@DEFECTS.breaks("AIR-190-ALONE", on="capture")
def capture_and_nothing_else(objects):
    objects.seg = objects.sr = None


@DEFECTS.breaks("AIR-191", on="capture")
def text_burned_in_unsaid(objects):
    objects.capture.BurnedInAnnotation = "NO"


@DEFECTS.breaks("AIR-191", on="capture")
def capture_of_something(objects):
    objects.capture.SeriesDescription = "Result"


@DEFECTS.breaks("AIR-191-SERIES", on="capture")
def capture_among_the_images(objects):
    objects.capture.SeriesInstanceUID = objects.images[0].SeriesInstanceUID


@DEFECTS.breaks("AIR-200")
def result_tree(objects):
    """Not a defect: a tree is another kind of document, which the rules of TID 1500 do not bind."""
    arranged(objects, None)


@DEFECTS.breaks("AIR-201", on="tree")
def node_without_a_label(objects):
    drop(named(objects.tree, "AIR004"), "125309")


@DEFECTS.breaks("AIR-201", on="tree")
def tree_of_two_roots(objects):
    objects.tree.ContentSequence.append(copy.deepcopy(named(objects.tree, "AIR003")))


@DEFECTS.breaks("AIR-202", on="tree")
def observation_that_the_report_does_not_have(objects):
    named(objects.tree, "AIR005").UID = "2.25.9"


@DEFECTS.breaks("AIR-203", on="tree")
def region_that_is_called_a_map(objects):
    named(objects.tree, "AIR035").ConceptNameCodeSequence = [coded("AIR036", "99IHE", "Parametric Map")]


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
