"""What others write differently is read where its meaning is plain, and said where it is not (air.md 12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom import Dataset

from profiles.air import Location, Mark, Outline, Tracking
from profiles.air.reading import Kind, Reading, read_results
from profiles.dicom import Code
from tests.air.reading.foreign import (
    ABSENT,
    FINDING,
    LEFT,
    LENGTH,
    LUNG,
    NODULE,
    PURPOSE,
    SIDE,
    SITE,
    coded,
    drawn,
    group,
    image,
    item,
    measured,
    number,
    report,
    tracked,
    words,
)

MM = Code("mm", "UCUM", "mm")
SOURCE = Code("260753009", "SCT", "Source")
OUTLINE, BOUNDED = Code("111041", "DCM", "Outline"), Code("75958009", "SCT", "Bounded by")
SQUARE = [2.0, 2.0, 6.0, 2.0, 6.0, 6.0, 2.0, 6.0]


def read(*children: Dataset) -> Reading:
    return read_results([report(measured(group(*children)))])


def reasons(found: Reading) -> str:
    return " | ".join(one.reason for one in found.unread)


@pytest.mark.requirement("AIR-070")
def test_a_group_without_tracking_is_named_by_its_finding() -> None:
    found = read(coded(FINDING, NODULE))
    assert found.results is not None
    assert [one.of for one in found.results.findings] == [Tracking("Nodule")]


def test_numbers_of_a_group_without_finding_are_kept_and_its_place_stands_in() -> None:
    found = read(coded(SITE, LUNG, relation="HAS CONCEPT MOD"), number(LENGTH, "4", MM))
    assert found.results is not None
    assert [row.value for row in found.results.measurements] == [4.0]
    assert found.results.findings[0].what == LUNG
    assert "names no finding" in reasons(found)


def test_words_in_place_of_a_finding_become_a_comment() -> None:
    found = read(words(FINDING, "something round"), coded(FINDING, NODULE))
    assert found.results is not None
    assert [row.words for row in found.results.comments] == ["something round"]
    assert "words where a code belongs" in reasons(found)


@pytest.mark.requirement("AIR-080")
def test_a_laterality_beside_the_site_is_that_of_the_site() -> None:
    found = read(coded(FINDING, NODULE), coded(SITE, LUNG), coded(SIDE, LEFT))
    assert found.results is not None
    assert found.results.findings[0].sites[0].laterality == LEFT
    assert "beside the finding site" in reasons(found)


@pytest.mark.parametrize("scheme", ["SCT", "DCM"])
def test_a_site_below_the_finding_is_that_of_the_group_under_whatever_scheme(scheme: str) -> None:
    found = read(coded(FINDING, NODULE, coded(Code(SITE.value, scheme, "Site"), LUNG)))
    assert found.results is not None
    assert found.results.findings[0].sites[0].location == LUNG
    assert found.unread == ()


def test_snomed_codes_of_the_former_style_are_the_present_ones() -> None:
    found = read(coded(FINDING, NODULE), coded(Code("G-C0E3", "SRT", "Finding Site"), Code("T-28000", "SRT", "Lung")))
    assert found.results is not None
    assert found.results.findings[0].sites[0].location.same_as(LUNG)


def test_an_absent_finding_needs_no_tracking() -> None:
    found = read(coded(ABSENT, NODULE))
    assert found.results is not None
    assert not found.results.findings[0].present


def test_a_finding_as_container_is_searched_and_told() -> None:
    found = read(*tracked("A", "1.2.9"), item("CONTAINER", FINDING, drawn([*SQUARE, 2.0, 2.0], image("1.2.5"))))
    assert found.results is not None
    assert [one.outline for one in found.results.regions] == [Outline.POLYLINE]
    assert "container within a group" in reasons(found)


@pytest.mark.requirement("AIR-114")
@pytest.mark.parametrize(
    ("points", "purpose", "expected"),
    [
        (SQUARE, BOUNDED, Outline.BOX),
        ([*SQUARE, 2.0, 2.0], BOUNDED, Outline.BOX),
        (SQUARE, OUTLINE, Outline.POLYLINE),
        ([*SQUARE, 2.0, 2.0], OUTLINE, Outline.POLYLINE),
        ([2.0, 2.0, 6.0, 6.0], OUTLINE, Mark.LINE),
        ([2.0, 2.0, 6.0, 6.0, 2.0, 2.0], OUTLINE, Mark.LINE),
        ([2.0, 2.0, 6.0, 6.0, 8.0, 8.0, 2.0, 2.0], OUTLINE, Mark.LINE),
    ],
)
def test_polylines_are_read_as_what_they_are_said_to_be(
    points: list[float], purpose: Code, expected: Outline | Mark
) -> None:
    found = read(coded(FINDING, NODULE), coded(PURPOSE, purpose), drawn(points, image("1.2.5")))
    assert found.results is not None
    (shape,) = (*found.results.regions, *found.results.locations)
    assert (shape.mark if isinstance(shape, Location) else shape.outline) is expected


@pytest.mark.parametrize(("graphic", "count"), [("MULTIPOINT", 1), ("CIRCLE", 0), ("INTERPOLATED", 0)])
def test_one_point_is_a_point_where_it_may_stand_alone(graphic: str, count: int) -> None:
    found = read(coded(FINDING, NODULE), drawn([2.0, 2.0], image("1.2.5"), graphic=graphic))
    assert found.results is not None
    assert [one.mark for one in found.results.locations] == [Mark.POINT] * count
    assert len(found.unread) == 1 - count


@pytest.mark.requirement("AIR-102")
def test_coordinates_without_image_are_on_the_only_image_of_their_group() -> None:
    found = read(coded(FINDING, NODULE), drawn(SQUARE), image("1.2.5", SOURCE))
    assert found.results is not None
    assert found.results.locations[0].where.sop_instance_uid == "1.2.5"  # type: ignore[union-attr]
    assert "names no image" in reasons(found)


@pytest.mark.parametrize("points", [SQUARE, [1.0, 2.0, 3.0], [], [-1.0, 2.0, 3.0, 4.0]])
def test_coordinates_that_cannot_be_placed_are_told_and_the_rest_is_kept(points: list[float]) -> None:
    under = [image("1.2.5")] if points is not SQUARE else []
    found = read(coded(FINDING, NODULE), drawn(points, *under))
    assert found.results is not None
    assert (found.results.regions, found.results.locations) == ((), ())
    assert [one.path for one in found.unread] == ["1.1.1.2"]


def test_coordinates_below_a_number_are_drawn_for_its_thing() -> None:
    line = drawn([1.0, 1.0, 3.0, 3.0], image("1.2.5"))
    found = read(coded(FINDING, NODULE), number(LENGTH, "4", MM, line))
    assert found.results is not None
    assert [one.mark for one in found.results.locations] == [Mark.LINE]
    assert "drawn for one number" in reasons(found)


@pytest.mark.requirement("AIR-092")
@pytest.mark.parametrize("unit", [Code("496", "UCUM", "millimeter"), Code("mm", "99X", "mm")])
def test_numbers_of_units_that_are_no_ucum_are_told(unit: Code) -> None:
    found = read(coded(FINDING, NODULE), number(LENGTH, "4", unit))
    assert found.results is not None
    assert found.results.measurements == ()
    assert "units are UCUM" in reasons(found)


def test_a_number_without_value_is_told() -> None:
    found = read(coded(FINDING, NODULE), item("NUM", LENGTH))
    assert "There is no value" in reasons(found)


def test_numbers_about_the_whole_study_are_told() -> None:
    whole = item("CONTAINER", Code("C0034375", "UMLS", "Qualitative Evaluations"), number(LENGTH, "4", MM))
    found = read_results([report(whole)])
    assert found.results is None
    assert "belongs into a measurement group" in reasons(found)


def test_groups_below_the_root_and_in_a_report_within_the_report_are_read() -> None:
    within = item("CONTAINER", Code("126000", "DCM", "Report"), measured(group(coded(FINDING, NODULE))))
    found = read_results([report(group(coded(FINDING, LUNG)), within)])
    assert found.results is not None
    assert {one.what for one in found.results.findings} == {NODULE, LUNG}
    assert "second report within" in reasons(found)


@pytest.mark.requirement("AIR-073", "AIR-074")
def test_two_groups_of_one_name_are_two_things() -> None:
    groups = [group(*tracked("Same", uid), coded(FINDING, NODULE)) for uid in ("1.2.7", "1.2.8", "1.2.8")]
    found = read_results([report(measured(*groups))])
    assert found.results is not None
    assert [one.of for one in found.results.findings] == [
        Tracking("Same", "1.2.7"),
        Tracking("Same (2)", "1.2.8"),
        Tracking("Same (3)"),
    ]


def test_reasons_do_not_repeat_how_things_are_named() -> None:
    shapes = [drawn([1.0, 1.0], image("1.2.5"), graphic="POINT"), drawn([*SQUARE, 2.0, 2.0], image("1.2.5"))]
    found = read(*tracked("Doe^Jane", "1.2.7"), coded(FINDING, NODULE), *shapes)
    assert found.unread
    assert "Doe" not in reasons(found)


@pytest.mark.requirement("AIR-117")
def test_a_reference_to_an_object_that_was_not_given_is_told() -> None:
    found = read(coded(FINDING, NODULE), image("1.2.6", Code("121191", "DCM", "Referenced Segment"), segment=1))
    assert found.results is not None
    assert "was not read" in reasons(found)


def test_nothing_found_beside_a_finding_is_left_out_and_told() -> None:
    summary = coded(Code("111017", "DCM", "Summary"), Code("111241", "DCM", "without findings"))
    whole = item("CONTAINER", Code("C0034375", "UMLS", "Qualitative Evaluations"), summary)
    found = read_results([report(measured(group(coded(FINDING, NODULE))), whole)])
    assert found.results is not None
    assert not found.results.nothing_found
    assert "nothing_found" in reasons(found)


@pytest.mark.requirement("AIR-200", "AIR-201")
def test_the_nodes_of_a_result_tree_point_at_the_things_of_its_reports() -> None:
    finding = coded(FINDING, NODULE)
    finding.ObservationUID = "1.2.77"
    root = item("COMPOSITE", Code("AIR003", "99IHE", "Root Result"))
    root.ReferencedSOPSequence = image("1.2.3.4").ReferencedSOPSequence
    pointer = item("UIDREF", Code("AIR005", "99IHE", "Referenced Observation UID"))
    pointer.UID = "1.2.77"
    child = item("CONTAINER", Code("AIR004", "99IHE", "Child Node"), image("1.2.5", Code("AIR999", "99IHE", "Image")))
    tree = report(words(Code("125309", "DCM", "Short Label"), "Nodules"), root, pointer, child, uid="1.2.3.5")
    found = read_results([tree, report(measured(group(finding)))])
    (node,) = found.trees
    assert [one.kind for one in found.objects] == [Kind.RESULT_TREE, Kind.REPORT]
    assert (node.label, node.object_uid, node.thing) == ("Nodules", "1.2.3.4", Tracking("Nodule"))
    assert [one.object_uid for one in node.children] == ["1.2.5"]
    assert found.unread == ()


@pytest.mark.requirement("AIR-112", "AIR-136")
def test_a_segmentation_frame_of_a_planar_group_is_the_segment_of_the_thing(
    written: Callable[[], list[Dataset]],
) -> None:
    segmentation = written()[0]
    reference = image(
        str(segmentation.SOPInstanceUID), Code("121214", "DCM", "Referenced Segmentation Frame"), segment=1, frame=1
    )
    made = report(measured(group(*tracked("Mine", "1.2.7"), number(LENGTH, "4", MM), reference)))
    found = read_results([segmentation, made])
    assert found.results is not None
    assert found.results.segmentations[0].segments[0].tracking == Tracking("Mine", "1.2.7")
    assert found.results.measurements[0].of == Tracking("Mine", "1.2.7")
    assert found.unread == ()
