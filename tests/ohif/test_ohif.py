"""OHIF, a viewer of others, shows segmentations and reports of ours over the images. Screenshots are kept."""

import base64
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from connectathon.waiting import eventually

pytestmark = pytest.mark.tier2
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


@pytest.fixture
def look(browser, department):
    """Opens a series of the study in OHIF; nothing may be asked of another host, refused or broken meanwhile."""
    wrong, opened = [], []

    def start(series):
        opened.append(browser.new_context(viewport={"width": 1400, "height": 900}))
        page = opened[-1].new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: wrong.append(f"error {error}"))
        page.on("response", lambda one: wrong.append(f"{one.status} {one.url}") if one.status >= 400 else None)
        ours = (department.url, "data:", "blob:")
        page.on("request", lambda one: None if one.url.startswith(ours) else wrong.append(one.url))
        page.goto(
            f"{department.url}/ohif/viewer?StudyInstanceUIDs={department.study}&initialSeriesInstanceUID={series}"
        )
        page.get_by_role("button", name="Confirm and hide").click()  # the notice of investigational use
        return page

    yield start
    for one in opened:
        one.close()
    assert wrong == []


def keep(page, folder, name):
    """A screenshot beside the test's files; ``KEEP_PICTURES`` set to anything renews the one of the handbook."""
    page.screenshot(path=folder / name)
    if os.environ.get("KEEP_PICTURES"):
        with Image.open(folder / name) as picture:
            picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(PICTURES / name, optimize=True)


def drawn(page):
    """What the viewer painted, without the words around it, as whole numbers."""
    canvas = page.locator("canvas.cornerstone-canvas").first
    content = base64.b64decode(canvas.evaluate("one => one.toDataURL('image/png')").partition(",")[2])
    assert content, "the viewer has painted nothing yet"
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def instance_shown(page):
    """The Instance Number in the corner of the viewport."""
    found = re.search(r"I:(\d+)", page.locator("[data-cy=viewport-overlay-bottom-right]").inner_text())
    assert found, "the viewer does not say yet which slice it shows"
    return int(found[1])


def overlap(one, other):
    """Intersection over union."""
    return (one & other).sum() / max(1, (one | other).sum())


def fit(image, shape):
    """How large the viewer shows a pixel: across and down; the image is whole, and its middle in the middle."""
    down, across = (float(part) for part in image.PixelSpacing)
    scale = min(shape[1] / (image.Columns * across), shape[0] / (image.Rows * down))
    return scale * across, scale * down


def where_it_belongs(mask, image, shape):
    """A mask of one slice, as large as the viewer draws the image."""
    (rows, row_inside), (columns, column_inside) = (
        _pixels(length, count, size)
        for length, count, size in zip(shape, mask.shape, fit(image, shape)[::-1], strict=True)
    )
    return mask[rows][:, columns] & row_inside[:, None] & column_inside


def _pixels(length, count, size):
    """Which row or column each point of the screen shows, and whether there is one."""
    places = np.floor((np.arange(length) + 0.5 - length / 2) / size + count / 2).astype(int)
    return places.clip(0, count - 1), (places >= 0) & (places < count)


def lines_and_shapes(page):
    """The numbers of every line and shape that the viewer drew over the image."""
    found = page.evaluate(
        """() => [...document.querySelectorAll('svg.svg-layer :is(polyline, ellipse, line)')].map(one =>
            ['points', 'cx', 'cy', 'rx', 'ry', 'x1', 'y1', 'x2', 'y2'].map(name => one.getAttribute(name)).join(' '))"""
    )
    return [np.array([float(number) for number in re.findall(r"-?[\d.]+", row)]) for row in found]


def expected(department, shape):
    """The same numbers as they should be, by the name of each thing."""
    image = department.images[department.drawn_on]
    size, middle = np.array(fit(image, shape)), np.array([image.Columns, image.Rows]) / 2
    named = {}
    for one in department.shapes:
        points = (np.array(getattr(one, "graphic_points", one.points)) - middle) * size + np.array(shape[::-1]) / 2
        if one.graphic_type == "CIRCLE":  # as the viewer says it: centre and radii
            points = np.array([points[0], [points[1, 0] - points[0, 0]] * 2])
        if one.graphic_type == "ELLIPSE":
            points = np.array([points.mean(axis=0), [np.ptp(points[:, 0]) / 2, np.ptp(points[:, 1]) / 2]])
        named[one.of.identifier] = points.ravel()
    return named


@pytest.mark.requirement("AIR-ID-005")
def test_a_segmentation_lies_on_the_voxels_it_was_made_from(department, segmentation, look, tmp_path):
    page = look(segmentation[0].SeriesInstanceUID)
    numbers = [int(one.InstanceNumber) for one in department.images]

    def both():
        index, colours = numbers.index(instance_shown(page)), drawn(page)
        warmth = colours[..., 0] - colours[..., 2]
        for mask, shown in zip(department.masks, (warmth > 40, warmth < -40), strict=True):
            shared = overlap(shown, where_it_belongs(mask[index], department.images[index], shown.shape))
            assert shared > 0.97, f"slice {index}, {shown.sum()} of {shown.shape} pixels coloured, {shared:.0%} shared"
        return True

    eventually(both, 120, "both segments to be drawn where they belong")
    page.locator("[data-cy=panelSegmentation-btn]").click()
    labels = page.locator("[data-cy=data-row-title]")
    eventually(lambda: labels.all_inner_texts() == ["Brain part", "Lesion core"], 60, "the segments to be listed")
    keep(page, tmp_path, "ohif-segmentation.png")


@pytest.mark.requirement("AIR-ID-005", "AIR-ID-007")
def test_a_report_is_drawn_where_and_with_the_words_that_it_has(department, report, look, tmp_path):
    page = look(report[0].SeriesInstanceUID)
    page.get_by_text("Long axis").wait_for()
    words = " ".join(page.locator("svg.svg-layer text").all_text_contents())
    for place, one in enumerate(department.shapes):
        kind, unit = ("Length", "mm") if place > 3 else ("Area", "mm2")
        assert one.of.identifier in words
        assert f"{kind}: {104.2345 + place} {unit}" in words, "as the algorithm wrote it, not rounded"
    assert words.count("Finding: Lesion of Brain") == 6
    assert words.count("1 more not drawn here: see the page of results") == 1

    def all_there():
        assert instance_shown(page) == int(department.images[department.drawn_on].InstanceNumber)
        there = lines_and_shapes(page)
        for name, wanted in expected(department, drawn(page).shape[:2]).items():
            near = [
                one for one in there if len(one) >= len(wanted) and np.abs(one[-len(wanted) :] - wanted).max() < 1.5
            ]
            assert near, (name, wanted, there)
        return True

    eventually(all_there, 30, "everything to be drawn where it belongs")
    keep(page, tmp_path, "ohif-report.png")


@pytest.mark.requirement("AIR-ID-005", "AIR-ID-007")
def test_a_report_without_places_on_images_can_be_read(department, segmentation, look, tmp_path):
    page = look(segmentation[1].SeriesInstanceUID)
    page.get_by_text("Imaging Measurement Report").wait_for()
    text = page.locator("[data-cy=viewport-grid]").inner_text()
    for line in ("Tracking Identifier: Brain part", "Tracking Identifier: Lesion core", "Algorithm Version: 1.0.2"):
        assert line in text
    assert len(re.findall(r"Volume: \d+\.\d+ mL", text)) == 2
    keep(page, tmp_path, "ohif-report-in-words.png")
