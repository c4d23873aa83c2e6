"""Rules for points, contours and segments: each defect breaks its own rule alone."""

import copy

import pytest

from tests.conformance.air_parts import OUTLINE, SQUARE, on_image, purpose
from tests.conformance.breaking import Defects, broken, coded, drop, expected_of, named

DEFECTS = Defects()


def group_of(objects, name):
    """A measurement group by its Tracking Identifier."""
    groups = named(objects.sr, "126010").ContentSequence
    return next(row for row in groups if named(row, "112039").TextValue == name)


def box(objects):
    """The contour on an image, without the numbers that were measured on it."""
    drop(objects.sr, "126011")
    drop(group_of(objects, "Box"), "42798000")
    return next(row for row in group_of(objects, "Box").ContentSequence if row.ValueType == "SCOORD")


def plate(objects):
    """The contour in space."""
    return next(row for row in group_of(objects, "Plate").ContentSequence if row.ValueType == "SCOORD3D")


@DEFECTS.breaks("AIR-100", on="drawn")
def half_a_point(objects):
    box(objects).GraphicData = list(SQUARE[:-1])


@DEFECTS.breaks("AIR-100", on="drawn")
def circle_of_three_points(objects):
    found = box(objects)
    found.GraphicType, found.GraphicData = "CIRCLE", list(SQUARE[:6])


@DEFECTS.breaks("AIR-100", on="drawn")
def graphic_type_of_our_own(objects):
    box(objects).GraphicType = "BOX"


@DEFECTS.breaks("AIR-101", on="drawn")
def polygon_that_is_not_closed(objects):
    plate(objects).GraphicData = plate(objects).GraphicData[:-3]


@DEFECTS.breaks("AIR-101", on="drawn")
def ellipse_of_five_points(objects):
    plate(objects).GraphicType = "ELLIPSE"


@DEFECTS.breaks("AIR-102", on="drawn")
def region_of_no_image(objects):
    del box(objects).ContentSequence


@DEFECTS.breaks("AIR-104", on="drawn")
def region_in_no_space(objects):
    del plate(objects).ReferencedFrameOfReferenceUID


@DEFECTS.breaks("AIR-106", on="drawn")
def polygon_that_is_bent(objects):
    data = list(plate(objects).GraphicData)
    data[3] += 0.5
    data[4] += 0.5
    data[5] += 0.5
    plate(objects).GraphicData = data


@DEFECTS.breaks("AIR-107", on="drawn")
def outline_that_is_open(objects):
    box(objects).GraphicData = list(SQUARE[:-2])


@DEFECTS.breaks("AIR-107-LINE", on="drawn")
def line(objects):
    box(objects).GraphicData = list(SQUARE[:-2])
    named(group_of(objects, "Box"), "130400").ConceptCodeSequence = [coded("130490", "DCM", "Centerline")]


@DEFECTS.breaks("AIR-108", on="drawn")
def contour_like_an_eight(objects):
    box(objects).GraphicData = [4.0, 4.0, 10.0, 9.0, 10.0, 4.0, 4.0, 8.0, 4.0, 4.0]


@DEFECTS.breaks("AIR-108", on="drawn")
def contour_around_nothing(objects):
    box(objects).GraphicData = [4.0, 4.0, 10.0, 4.0, 7.0, 4.0, 4.0, 4.0]


@DEFECTS.breaks("AIR-109", on="drawn")
def two_regions_of_a_planar_group(objects):
    box(objects)
    group_of(objects, "Box").ContentSequence.append(on_image(objects.images[3]))


@DEFECTS.breaks("AIR-109", on="drawn")
def planar_group_of_no_region(objects):
    place = group_of(objects, "Plate")
    place.ContentSequence = [row for row in place.ContentSequence if row.ValueType != "SCOORD3D"]


@DEFECTS.breaks("AIR-110")
def two_segments_in_one_group(objects):
    group = named(objects.sr, "125007")
    group.ContentSequence.append(copy.deepcopy(named(group, "121191")))
    group.ContentSequence[-1].ObservationUID = "2.25.9"


@DEFECTS.breaks("AIR-111")
def segment_without_its_source(objects):
    drop(objects.sr, "121232")


@DEFECTS.breaks("AIR-112")
def segment_without_its_number(objects):
    del named(objects.sr, "121191").ReferencedSOPSequence[0].ReferencedSegmentNumber


@DEFECTS.breaks("AIR-110")
def segment_and_contour_in_one_group(objects):
    named(objects.sr, "125007").ContentSequence.extend([on_image(objects.images[2]), purpose()])


@DEFECTS.breaks("AIR-110")
def volume_of_no_region(objects):
    group = named(objects.sr, "125007")
    drop(group, "121191")
    drop(group, "121232")
    drop(group, "118565006")


def slice_group(objects):
    """The group about a frame of the segmentation."""
    groups = named(objects.sr, "126010").ContentSequence
    return next(
        row
        for row in groups
        if any(one.ConceptNameCodeSequence[0].CodeValue == "121214" for one in row.ContentSequence)
    )


@DEFECTS.breaks("AIR-111", on="drawn")
def frame_of_two_source_images(objects):
    place = slice_group(objects)
    place.ContentSequence.append(copy.deepcopy(named(place, "121233")))


@DEFECTS.breaks("AIR-112", on="drawn")
def frame_without_its_number(objects):
    del named(objects.sr, "121214").ReferencedSOPSequence[0].ReferencedFrameNumber


@DEFECTS.breaks("AIR-113", on="drawn")
def geometry_without_a_purpose(objects):
    drop(group_of(objects, "Plate"), "130400")


@DEFECTS.breaks("AIR-113", on="drawn")
def geometry_for_a_strange_purpose(objects):
    named(group_of(objects, "Plate"), "130400").ConceptCodeSequence = [coded("113041", "DCM", "ADC")]


@DEFECTS.breaks("AIR-114", on="drawn")
def box_that_is_called_an_outline(objects):
    named(group_of(objects, "Box"), "130400").ConceptCodeSequence = [coded(*OUTLINE)]


@DEFECTS.breaks("AIR-119", on="drawn")
def frame_of_a_single_frame_image(objects):
    named(objects.sr, "121112").ReferencedSOPSequence[0].ReferencedFrameNumber = 1


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
