"""Rules for content trees as such: each defect breaks its own rule alone."""

import copy

import pytest

from tests.conformance.air_parts import container, content, pointer, text
from tests.conformance.breaking import Defects, broken, coded, drop, expected_of, named, volume, write

DEFECTS = Defects()


@DEFECTS.breaks("AIR-046")
def table_in_a_report(objects):
    objects.sr.ContentSequence.append(content("CONTAINS", "TABLE", ("121106", "DCM", "Comment")))


@DEFECTS.breaks("AIR-047")
def text_below_a_region(objects):
    """As in exchanged objects (air.md 12.4)."""
    place = named(objects.sr, "121191")
    place.ContentSequence = [text("HAS OBS CONTEXT", ("121106", "DCM", "Comment"), "words")]


@DEFECTS.breaks("AIR-047")
def item_that_is_related_by_nothing(objects):
    objects.sr.ContentSequence.append(text("", ("121106", "DCM", "Comment"), "words"))


@DEFECTS.breaks("AIR-048", on="drawn")
def number_inferred_from_its_own_group(objects):
    place = named(named(objects.sr, "126010"), "42798000")
    place.ContentSequence = [pointer("INFERRED FROM", 1, 7, 3)]


@DEFECTS.breaks("AIR-048")
def pointer_to_nowhere(objects):
    volume(objects).ContentSequence = [pointer("INFERRED FROM", 1, 99)]


@DEFECTS.breaks("AIR-048")
def pointer_without_a_root(objects):
    volume(objects).ContentSequence = [pointer("INFERRED FROM", 2, 1)]


@DEFECTS.breaks("AIR-048")
def contained_by_reference(objects):
    named(objects.sr, "125007").ContentSequence.append(pointer("CONTAINS", 1, 6))


@DEFECTS.breaks("AIR-048")
def observed_by_reference_to_a_container(objects):
    volume(objects).ContentSequence = [pointer("HAS OBS CONTEXT", 1, 8)]


@DEFECTS.breaks("AIR-049")
def text_about_nothing(objects):
    objects.sr.ContentSequence.append(text("CONTAINS", None, "words"))


@DEFECTS.breaks("AIR-049")
def item_of_two_names(objects):
    named(objects.sr, "121191").ConceptNameCodeSequence.append(coded("121324", "DCM", "Source image"))


@DEFECTS.breaks("AIR-050")
def language_item_without_a_language(objects):
    del named(objects.sr, "121049").ConceptCodeSequence


@DEFECTS.breaks("AIR-050")
def empty_text(objects):
    found = copy.deepcopy(named(objects.sr, "121015"))
    found.ConceptNameCodeSequence, found.TextValue = [coded("121106", "DCM", "Comment")], ""
    objects.sr.ContentSequence.append(found)


@DEFECTS.breaks("AIR-050", on="drawn")
def region_of_no_graphic_type(objects):
    drop(objects.sr, "126011")
    drop(objects.sr, "42798000")
    del named(objects.sr, "111030").GraphicType


@DEFECTS.breaks("AIR-051")
def container_without_continuity(objects):
    del named(objects.sr, "125007").ContinuityOfContent


@DEFECTS.breaks("AIR-052")
def report_within_the_report(objects):
    objects.sr.ContentSequence.append(container(("126000", "DCM", "Imaging Measurement Report")))


@DEFECTS.breaks("AIR-053")
def number_without_observation_uid(objects):
    del volume(objects).ObservationUID


@DEFECTS.breaks("AIR-053", on="drawn")
def evaluation_without_observation_uid(objects):
    del named(objects.sr, "111017").ObservationUID


@DEFECTS.breaks("AIR-053-UNIQUE")
def one_observation_uid_for_two_things(objects):
    volume(objects).ObservationUID = named(objects.sr, "121071").ObservationUID


@DEFECTS.breaks("AIR-054")
def observation_uid_with_a_leading_zero(objects):
    write(volume(objects), "ObservationUID", "1.2.03")


@DEFECTS.breaks("AIR-055")
def observed_after_it_was_written(objects):
    objects.sr.ObservationDateTime = "20910102030405.5+0100"


@DEFECTS.breaks("AIR-056")
def very_deep_tree(objects):
    place = objects.sr.ContentSequence
    for relationship in ["CONTAINS"] + ["HAS PROPERTIES"] * 12:
        place.append(text(relationship, ("121106", "DCM", "Comment"), "words"))
        place[-1].ContentSequence = []
        place = place[-1].ContentSequence


@DEFECTS.breaks("AIR-056")
def very_many_items(objects):
    words = text("CONTAINS", ("121106", "DCM", "Comment"), "words")
    objects.sr.ContentSequence.extend([words] * 5000)


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
