"""Points, lines and outlines: refused when they cannot be drawn, and read back where they were drawn."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from profiles.air import (
    Finding,
    IllegalResult,
    ImageReference,
    Location,
    Mark,
    Measurement,
    Outline,
    Region,
    Results,
    Segment,
    Segmentation,
    Space,
    Tracking,
)
from profiles.dicom import Code, code
from profiles.tables import read_table

ONE, HERE, SPACE = Tracking("Lesion 1"), ImageReference("1.2"), Space("1.9")
NODULE = code("SCT", "27925004")
SQUARE = ((1.0, 1.0), (5.0, 1.0), (5.0, 5.0), (1.0, 5.0), (1.0, 1.0))
KITE = ((1.0, 3.0), (3.0, 1.0), (6.0, 3.0), (3.0, 5.0), (1.0, 3.0))
FLAT = ((0.0, 0.0, 3.0), (4.0, 0.0, 3.0), (4.0, 4.0, 3.0), (0.0, 4.0, 3.0), (0.0, 0.0, 3.0))
ELLIPSE = ((1.0, 5.0), (9.0, 5.0), (5.0, 3.0), (5.0, 7.0))
ELLIPSE_3D = tuple((column, row, 6.0) for column, row in ELLIPSE)
ELLIPSOID = (*ELLIPSE_3D, (5.0, 5.0, 5.0), (5.0, 5.0, 7.0))


def drawn(outline: Outline, points, where=HERE) -> Region:
    return Region(outline, points, where, ONE)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Location(Mark.POINT, ((1.0, 2.0), (3.0, 4.0)), HERE, ONE), "demands one point"),
        (lambda: Location(Mark.POINT, ((1.0, math.nan),), HERE, ONE), "2 finite numbers"),
        (lambda: Location(Mark.POINT, ((1.0, 2.0),), SPACE, ONE), "3 finite numbers"),
        (lambda: Location(Mark.POINT, ((-1.0, 2.0),), HERE, ONE), "coordinates begin at 0"),
        (lambda: Location(Mark.LINE, ((1.0, 2.0),), HERE, ONE), "two or more points"),
        (lambda: Location(Mark.MULTIPOINT, ((1, 1),), HERE, ONE), "two or more points"),
        (lambda: Location(Mark.POINT, ((1.0, 2.0),), HERE, ONE, Code("", "", "")), "Geometric purpose"),
        (lambda: Space("x"), "no UID"),
        (lambda: drawn(Outline.POLYGON, SQUARE), "not drawn on an image"),
        (lambda: drawn(Outline.BOX, FLAT[:2], SPACE), "not drawn in space"),
        (lambda: drawn(Outline.POLYLINE, SQUARE[:-1]), "repeat its first point"),
        (lambda: drawn(Outline.POLYLINE, ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (1.0, 1.0))), "encloses nothing"),
        (lambda: drawn(Outline.POLYGON, (*FLAT[:2], (4.0, 4.0, 9.0), *FLAT[3:]), SPACE), "one plane"),
        (lambda: drawn(Outline.CIRCLE, ((1.0, 1.0), (1.0, 1.0))), "no radius"),
        (lambda: drawn(Outline.BOX, ((5.0, 5.0), (1.0, 1.0))), "upper left"),
        (lambda: drawn(Outline.ELLIPSE, (*ELLIPSE[:2], (5.0, 5.0), (5.0, 7.0))), "do not halve"),
        (lambda: drawn(Outline.ELLIPSE, (*ELLIPSE[:2], (4.0, 3.0), (6.0, 7.0))), "right angles"),
        (lambda: drawn(Outline.ELLIPSE, (*ELLIPSE[2:], *ELLIPSE[:2])), "swap the axes"),
        (lambda: drawn(Outline.ELLIPSE, (*ELLIPSE[:2], (5.0, 5.0), (5.0, 5.0))), "no length"),
        (lambda: drawn(Outline.ELLIPSOID, ELLIPSE_3D, SPACE), "six points"),
        (
            lambda: Results(
                regions=(drawn(Outline.BOX, SQUARE[:3:2]),),
                locations=(Location(Mark.POINT, ((1.0, 2.0),), HERE, ONE),),
            ),
            "takes one kind",
        ),
        (
            lambda: Results(
                regions=(drawn(Outline.POLYLINE, SQUARE), drawn(Outline.POLYGON, FLAT, SPACE)),
            ),
            "on images and in space",
        ),
        (
            lambda: Results(regions=(drawn(Outline.ELLIPSOID, ELLIPSOID, SPACE),) * 2),
            "several ellipsoids",
        ),
        (
            lambda: Results(
                findings=(Finding(NODULE, ONE, present=False),), regions=(drawn(Outline.POLYLINE, SQUARE),)
            ),
            "absent and yet drawn",
        ),
        (
            lambda: Results(
                findings=(Finding(NODULE, ONE, images=(HERE,)),), regions=(drawn(Outline.POLYLINE, SQUARE),)
            ),
            "Leave the images out",
        ),
        (
            lambda: Results(
                (
                    Segmentation(
                        (Segment("L", code("SCT", "91723000"), NODULE, np.ones((1, 2, 2), np.bool_), ONE),), ("1.2",)
                    ),
                ),
                findings=(Finding(code("SCT", "39607008"), ONE),),
            ),
            "Segmented Property Type",
        ),
    ],
)
@pytest.mark.requirement("AIR-100", "AIR-101", "AIR-106", "AIR-107", "AIR-108", "AIR-109", "AIR-116")
def test_what_cannot_be_drawn_is_refused_with_the_way_to_mend_it(make, words: str) -> None:
    with pytest.raises(IllegalResult) as refusal:
        make()
    assert words in refusal.value.message


def test_every_row_of_the_graphics_names_its_section() -> None:
    assert all(row["source"] for row in read_table("profiles.air", "graphics"))


def test_a_box_is_drawn_as_the_closed_polyline_of_its_corners() -> None:
    box = drawn(Outline.BOX, ((1.0, 1.0), (5.0, 5.0)))
    assert (box.graphic_type, box.graphic_points) == ("POLYLINE", SQUARE)


ON_IMAGE = [
    (Mark.POINT, SQUARE[:1], "1410", "POINT", "128140"),
    (Mark.LINE, SQUARE[:3], "1410", "POLYLINE", None),
    (Mark.MULTIPOINT, SQUARE[:3], "1501", "MULTIPOINT", None),
    (Outline.POLYLINE, KITE, "1410", "POLYLINE", "111041"),
    (Outline.BOX, SQUARE[:3:2], "1410", "POLYLINE", "75958009"),
    (Outline.CIRCLE, SQUARE[:2], "1410", "CIRCLE", "111041"),
    (Outline.ELLIPSE, ELLIPSE, "1410", "ELLIPSE", "111041"),
]
IN_SPACE = [
    (Mark.POINT, FLAT[:1], "1410", "POINT", "128140"),
    (Mark.LINE, FLAT[:3], "1410", "POLYLINE", None),
    (Mark.MULTIPOINT, FLAT[:3], "1501", "MULTIPOINT", None),
    (Outline.POLYGON, FLAT, "1410", "POLYGON", "111041"),
    (Outline.ELLIPSE, ELLIPSE_3D, "1410", "ELLIPSE", "111041"),
    (Outline.ELLIPSOID, ELLIPSOID, "1411", "ELLIPSOID", "111041"),
]


#: Of pixels of 2 x 2 mm.
AREAS = {
    Outline.POLYLINE: 40.0,
    Outline.BOX: 64.0,
    Outline.CIRCLE: 64 * math.pi,
    Outline.ELLIPSE: 32 * math.pi,
}


def results_of(shape: Mark | Outline, points, where) -> Results:
    finding = Finding(NODULE, ONE)
    area = AREAS.get(shape) if isinstance(where, ImageReference) else None
    size = (Measurement(code("SCT", "42798000"), area, code("UCUM", "mm2"), ONE),) if area else ()
    if isinstance(shape, Mark):
        return Results((), size, findings=(finding,), locations=(Location(shape, points, where, ONE),))
    return Results((), size, findings=(finding,), regions=(Region(shape, points, where, ONE),))


def notes_on(shape: Mark | Outline) -> list[str]:
    """The judge notes that a line is open: a reader is to know that none was forgotten to close."""
    return ["AIR-107-LINE"] if shape is Mark.LINE else []


def group_of(judge, report):
    (group,) = judge.named(report, "125007")
    return group, group.ContentTemplateSequence[0].TemplateIdentifier


@pytest.mark.requirement("AIR-102", "AIR-113", "AIR-114", "AIR-EC-010")
@pytest.mark.parametrize(("shape", "points", "template", "graphic", "purpose"), ON_IMAGE)
def test_what_is_drawn_on_an_image_comes_back(judge, images, shape, points, template, graphic, purpose) -> None:
    shown = ImageReference(str(images[3].SOPInstanceUID))
    (report,) = judge(results_of(shape, points, shown), notes_on(shape))
    _, found = group_of(judge, report)
    assert found == template
    (region,) = judge.named(report, "111030")
    assert (region.ValueType, region.GraphicType) == ("SCOORD", graphic)
    expected = Region(shape, points, shown, ONE).graphic_points if shape is Outline.BOX else points
    assert [float(value) for value in region.GraphicData] == [value for point in expected for value in point]
    (selected,) = region.ContentSequence
    assert selected.RelationshipType == "SELECTED FROM"
    assert selected.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == images[3].SOPInstanceUID
    assert [item.ConceptCodeSequence[0].CodeValue for item in judge.named(report, "130400")] == (
        [purpose] if purpose else []
    )


@pytest.mark.requirement("AIR-104", "AIR-110", "AIR-111")
@pytest.mark.parametrize(("shape", "points", "template", "graphic", "purpose"), IN_SPACE)
def test_what_is_drawn_in_space_comes_back(judge, images, shape, points, template, graphic, purpose) -> None:
    (report,) = judge(results_of(shape, points, Space(str(images[0].FrameOfReferenceUID))), notes_on(shape))
    group, found = group_of(judge, report)
    assert found == template
    (region,) = (item for item in group.ContentSequence if item.ValueType == "SCOORD3D")
    assert region.GraphicType == graphic
    assert "ContentSequence" not in region
    assert region.ReferencedFrameOfReferenceUID == images[0].FrameOfReferenceUID
    assert [float(value) for value in region.GraphicData] == [value for point in points for value in point]
    if template == "1411":
        assert region.ConceptNameCodeSequence[0].CodeValue == "121231"
        assert images[0].SeriesInstanceUID == judge.named(report, "121232")[0].UID
    assert bool(judge.named(report, "130400")) == bool(purpose)


@pytest.mark.requirement("AIR-109", "AIR-110")
def test_outlines_on_several_slices_make_one_volume(judge, images) -> None:
    stack = tuple(
        Region(Outline.POLYLINE, KITE, ImageReference(str(image.SOPInstanceUID)), ONE) for image in images[2:5]
    )
    (report,) = judge(Results(findings=(Finding(NODULE, ONE),), regions=stack))
    assert group_of(judge, report)[1] == "1411"
    assert [
        item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in judge.named(report, "111030")
    ] == [image.SOPInstanceUID for image in images[2:5]]


def test_flat_polygons_make_one_surface(judge, images) -> None:
    space = Space(str(images[0].FrameOfReferenceUID))
    other = tuple((x, y, z + 3) for x, y, z in FLAT)
    regions = tuple(Region(Outline.POLYGON, points, space, ONE) for points in (FLAT, other))
    (report,) = judge(Results(findings=(Finding(NODULE, ONE),), regions=regions))
    assert [item.ReferencedFrameOfReferenceUID for item in judge.named(report, "121231")] == [
        images[0].FrameOfReferenceUID
    ] * 2


@pytest.mark.requirement("AIR-103")
def test_points_outside_of_their_image_are_refused(judge, images) -> None:
    shown = ImageReference(str(images[0].SOPInstanceUID))
    with pytest.raises(IllegalResult, match="24 columns and 20 rows"):
        judge(results_of(Mark.POINT, ((20.0, 24.0),), shown))


def test_a_space_that_no_image_is_in_is_refused(judge) -> None:
    with pytest.raises(IllegalResult, match="Frame of Reference"):
        judge(results_of(Mark.POINT, FLAT[:1], SPACE))


@pytest.mark.requirement("AIR-119")
def test_a_frame_of_a_multi_frame_image_is_named(judge, multi_frame) -> None:
    judge.context = dataclasses.replace(judge.context, images=(multi_frame,))
    (report,) = judge(results_of(Mark.POINT, SQUARE[:1], ImageReference("1.2.40.2", (5,))))
    reference = judge.named(report, "111030")[0].ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedFrameNumber == 5
    with pytest.raises(IllegalResult, match="it has 12"):
        judge(results_of(Mark.POINT, SQUARE[:1], ImageReference("1.2.40.2", (13,))))


def test_images_without_a_frame_of_reference_can_be_drawn_on(judge, projection) -> None:
    judge.context = dataclasses.replace(judge.context, images=(projection,))
    (report,) = judge(results_of(Outline.BOX, SQUARE[:3:2], ImageReference(str(projection.SOPInstanceUID))))
    selected = judge.named(report, "111030")[0].ContentSequence[0]
    assert selected.ReferencedSOPSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
