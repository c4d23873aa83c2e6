"""Which frames are shown, and what is drawn where on them, by values."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
from pydicom import Dataset

from actors.evidence_creator.pictures.frames import Frame, Frames
from actors.evidence_creator.pictures.panels import MOST_PANELS, choose
from actors.evidence_creator.pictures.shapes import Area, Line, Marks, area, seen_on
from profiles.air import (
    Finding,
    ImageReference,
    KeyImages,
    Location,
    Mark,
    Outline,
    ParametricMap,
    Region,
    Results,
    Segmentation,
    SeriesReference,
    Space,
    Tracking,
)
from profiles.dicom import code

ONE, NODULE = Tracking("One"), code("SCT", "27925004")


def keys(results: Results, images: list[Dataset]) -> list[tuple[str, int]]:
    return [panel.frame.key for panel in choose(results, Frames(images)).panels]


def space_of(image: Dataset) -> Space:
    return Space(str(image.FrameOfReferenceUID))


def at(image: Dataset, column: float, row: float) -> tuple[float, ...]:
    """The point in space of a place on an axial image."""
    across, down = float(image.PixelSpacing[1]), float(image.PixelSpacing[0])
    x, y, z = (float(part) for part in image.ImagePositionPatient)
    return x + (column - 0.5) * across, y + (row - 0.5) * down, z


@pytest.mark.requirement("AIR-ID-005")
def test_a_segment_is_shown_on_the_slice_of_its_largest_extent_and_wherever_it_is_seen(images, uids, segment) -> None:
    wide, small = segment("Wide", (2, 9)), segment("Small", (6, 7), (1, 3), (1, 3))
    wide.mask[7, 10:15, 2:5] = True
    shown = choose(Results((Segmentation((wide, small), uids),)), Frames(images))
    assert [panel.frame.key[0] for panel in shown.panels] == [uids[7], uids[6]]
    assert [[number for number, _ in panel.drawings] for panel in shown.panels] == [[1], [1, 2]]
    assert shown.panels[0].reasons == ["largest extent of 1 Wide"]


@pytest.mark.requirement("AIR-ID-005")
def test_slices_of_a_multi_frame_source_are_its_frames(multi_frame, segment) -> None:
    uid = str(multi_frame.SOPInstanceUID)
    found = Segmentation((segment("A", (5, 6)),), (uid,), multi_frame=True)
    shown = choose(Results((found,)), Frames([multi_frame]))
    assert [panel.frame.key for panel in shown.panels] == [(uid, 6)]
    assert shown.panels[0].frame.reference == ImageReference(uid, (6,))
    assert shown.panels[0].frame.title == "Image 1 frame 6, series 7 Small (enhanced conversion)"
    assert shown.panels[0].frame.aspect == pytest.approx(2)
    assert shown.panels[0].frame.sides() == ("L", "P")
    assert shown.panels[0].frame.greys().max() == 1


@pytest.mark.requirement("AIR-ID-004")
def test_what_is_drawn_in_space_is_shown_on_the_nearest_slice(images, uids) -> None:
    third = at(images[3], 5, 6)
    point = Location(Mark.POINT, ((third[0], third[1], third[2] + 1.2),), space_of(images[0]), ONE)
    assert keys(Results(findings=(Finding(NODULE, ONE),), locations=(point,)), images) == [(uids[3], 1)]
    drawn = seen_on(point, Frame(images[3], 1))
    assert isinstance(drawn, Marks)
    assert drawn.points.tolist() == [[pytest.approx(5), pytest.approx(6)]]
    assert seen_on(point, Frame(images[5], 1)) is None


@pytest.mark.requirement("AIR-ID-005")
def test_a_stack_of_outlines_is_shown_at_the_largest_and_drawn_slice_by_slice(images, uids) -> None:
    def square(image: Dataset, size: float) -> Region:
        corners = ((2, 2), (2 + size, 2), (2 + size, 2 + size), (2, 2 + size), (2, 2))
        return Region(Outline.POLYGON, tuple(at(image, *corner) for corner in corners), space_of(image), ONE)

    stack = tuple(square(images[index], size) for index, size in ((2, 3), (3, 6), (4, 4)))
    shown = choose(Results(regions=stack, findings=(Finding(NODULE, ONE),)), Frames(images))
    assert [panel.frame.key[0] for panel in shown.panels] == [uids[3]]
    ((number, line),) = shown.panels[0].drawings
    assert number == 1
    assert isinstance(line, Line)
    assert line.points[2].tolist() == [pytest.approx(8), pytest.approx(8)]


@pytest.mark.requirement("AIR-ID-004")
def test_a_line_that_crosses_slices_is_drawn_on_each(images) -> None:
    line = Location(Mark.LINE, (at(images[2], 1, 1), at(images[6], 9, 9)), space_of(images[0]), ONE)
    assert isinstance(seen_on(line, Frame(images[2], 1)), Line)
    assert seen_on(line, Frame(images[9], 1)) is None


@pytest.mark.requirement("AIR-ID-005")
def test_an_ellipsoid_is_cut_by_the_slice(images, uids) -> None:
    x, y, z = at(images[4], 12, 10)
    ends = ((x - 8, y, z), (x + 8, y, z), (x, y - 16, z), (x, y + 16, z), (x, y, z - 4), (x, y, z + 4))
    body = Region(Outline.ELLIPSOID, ends, space_of(images[0]), ONE)
    assert keys(Results(regions=(body,), findings=(Finding(NODULE, ONE),)), images) == [(uids[4], 1)]
    cut = seen_on(body, Frame(images[4], 1))
    assert isinstance(cut, Area)
    rows, columns = np.nonzero(cut.values >= cut.level)
    # half axes of 8 and 16 mm on pixels of 2 and 4 mm: four pixels to each side of the middle
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (8, 16, 6, 14)
    assert seen_on(body, Frame(images[6], 1)) is None


@pytest.mark.parametrize(
    ("outline", "points", "box"),
    [
        (Outline.BOX, ((3, 4), (9, 8)), (3, 9, 4, 8)),
        (Outline.CIRCLE, ((10, 10), (13, 10)), (7, 13, 7, 13)),
        (Outline.ELLIPSE, ((4, 10), (16, 10), (10, 8), (10, 12)), (4, 16, 8, 12)),
        (Outline.POLYLINE, ((1, 1), (5, 1), (5, 7), (1, 1)), (1, 5, 1, 7)),
    ],
    ids=lambda value: str(value) if isinstance(value, Outline) else "",
)
@pytest.mark.requirement("AIR-ID-005")
def test_an_outline_on_an_image_is_drawn_where_it_was_stated(images, uids, outline, points, box) -> None:
    region = Region(outline, points, ImageReference(uids[2]), ONE)
    drawn = seen_on(region, Frame(images[2], 1))
    assert isinstance(drawn, Line)
    low, high = drawn.points.min(axis=0), drawn.points.max(axis=0)
    assert (low[0], high[0], low[1], high[1]) == pytest.approx(box, abs=0.02)
    assert seen_on(region, Frame(images[3], 1)) is None


@pytest.mark.requirement("AIR-ID-004")
def test_radiographs_of_one_thing_are_all_shown(radiograph, images) -> None:
    other = images[1]
    del other.FrameOfReferenceUID, other.ImagePositionPatient
    views = [str(radiograph.SOPInstanceUID), str(other.SOPInstanceUID)]
    marks = tuple(Location(Mark.POINT, ((3.5, 4.5),), ImageReference(uid), ONE) for uid in views)
    results = Results(findings=(Finding(NODULE, ONE),), locations=marks)
    assert keys(results, [radiograph, other]) == [(uid, 1) for uid in views]
    frame = Frame(radiograph, 1)
    assert frame.space == ""
    assert seen_on(Location(Mark.POINT, ((3, 4, 5),), Space("1.2.3"), ONE), frame) is None
    assert frame.sides() == ("L", "F")
    assert frame.aspect == pytest.approx(1.5)
    assert frame.greys()[10, 10] == 1


@pytest.mark.requirement("AIR-ID-006")
def test_a_map_is_shown_at_its_greatest_value_in_real_world_values(images, uids) -> None:
    values = np.zeros((12, 20, 24), dtype=np.uint16)
    values[8, 3, 4], values[2, 3, 4] = 100, 90
    found = ParametricMap(
        values, code("DCM", "130404"), code("UCUM", "1"), uids, ONE, "Saliency", slope=0.5, intercept=-10
    )
    (panel,) = choose(Results(maps=(found,), findings=(Finding(NODULE, ONE),)), Frames(images)).panels
    assert panel.frame.key == (uids[8], 1)
    assert panel.heat.limits == (-10, 40)
    assert panel.heat.values[3, 4] == 40
    turned = dataclasses.replace(found, slope=-0.5)
    (panel,) = choose(Results(maps=(turned,), findings=(Finding(NODULE, ONE),)), Frames(images)).panels
    assert panel.frame.key == (uids[0], 1)
    assert panel.heat.limits == (-60, -10)


@pytest.mark.requirement("AIR-ID-007")
def test_key_images_and_images_of_findings_are_shown_and_missing_ones_counted(images, uids) -> None:
    results = Results(
        findings=(Finding(NODULE, ONE, images=(ImageReference(uids[1]),)),),
        key_images=(
            KeyImages((ImageReference(uids[4]), ImageReference("1.2.3")), "why"),
            KeyImages((SeriesReference(str(images[0].SeriesInstanceUID)),), "all"),
        ),
    )
    shown = choose(results, Frames(images))
    assert [panel.frame.key[0] for panel in shown.panels] == [uids[1], uids[4], uids[6]]
    assert (shown.missing, shown.drawn) == (1, ())
    assert choose(results, Frames([])).missing == 4


@pytest.mark.requirement("AIR-ID-007")
def test_what_is_too_much_for_a_picture_is_counted(multi_frame) -> None:
    uid = str(multi_frame.SOPInstanceUID)
    copies = []
    for number in range(5):
        copies.append(copy.deepcopy(multi_frame))
        copies[-1].SOPInstanceUID = f"{uid[:-1]}{number}"
    references = tuple(ImageReference(str(one.SOPInstanceUID), (frame,)) for one in copies for frame in range(1, 13))
    shown = choose(Results(key_images=(KeyImages(references, "all"),)), Frames(copies))
    assert (len(shown.panels), shown.further) == (MOST_PANELS, 60 - MOST_PANELS)


@pytest.mark.requirement("AIR-ID-005")
def test_a_probability_below_one_half_is_outlined_at_half_of_its_greatest(segment) -> None:
    assert area(np.array([[0.0, 0.2]])).level == pytest.approx(0.1)
    assert area(np.array([[0.0, 0.9]])).level == 0.5
    assert area(np.zeros((2, 2))) is None


@pytest.mark.parametrize(
    ("orientation", "sides"),
    [
        ([1, 0, 0, 0, 1, 0], ("L", "P")),
        ([0, 1, 0, 0, 0, -1], ("P", "F")),
        ([0.8, 0.6, 0, 0, 0, -1], ("LP", "F")),
    ],
    ids=["axial", "sagittal", "oblique"],
)
@pytest.mark.requirement("AIR-ID-004")
def test_sides_of_the_patient_follow_from_the_orientation(images, orientation, sides) -> None:
    images[0].ImageOrientationPatient = orientation
    assert Frame(images[0], 1).sides() == sides


@pytest.mark.requirement("AIR-ID-010")
def test_a_window_of_one_value_does_not_hide_the_image(images) -> None:
    images[0].WindowCenter, images[0].WindowWidth = 500, 1
    assert Frame(images[0], 1).greys().max() == 1


@pytest.mark.requirement("AIR-ID-010")
def test_a_frame_without_window_is_shown_over_nearly_all_its_values(images) -> None:
    image = images[0]
    del image.WindowCenter, image.WindowWidth
    pixels = np.linspace(100, 300, 480).reshape(20, 24).astype(np.int16)
    image.set_pixel_data(pixels, "MONOCHROME2", 16)
    greys = Frame(image, 1).greys()
    assert (greys.min(), greys.max()) == (0, 1)
    assert greys[10, 0] == pytest.approx(0.5, abs=0.03)


@pytest.mark.requirement("AIR-ID-010")
def test_a_colour_image_keeps_its_colours(images) -> None:
    image = images[0]
    del image.WindowCenter, image.WindowWidth
    pixels = np.zeros((20, 24, 3), dtype=np.uint8)
    pixels[..., 1] = 255
    image.set_pixel_data(pixels, "RGB", 8)
    assert Frame(image, 1).greys()[3, 3].tolist() == [0, 1, 0]


@pytest.mark.requirement("AIR-ID-010")
def test_pixels_that_are_not_at_hand_or_cannot_be_decoded_are_not_drawn(images) -> None:
    images[0].PixelData = b"\0"
    del images[1].PixelData
    assert Frame(images[0], 1).greys() is None
    assert Frame(images[1], 1).greys() is None
    assert Frames(images).find((str(images[2].SOPInstanceUID), 2)) is None
