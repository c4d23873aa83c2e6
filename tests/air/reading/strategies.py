"""Legal results of all kinds over a small study, for hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from profiles.air import (
    Comment,
    Confidence,
    Evaluation,
    Finding,
    FindingSite,
    Fraction,
    ImageReference,
    KeyImages,
    Location,
    Mark,
    Measurement,
    NormalRange,
    Outline,
    ParametricMap,
    Priority,
    PriorityHint,
    Qualification,
    Region,
    Results,
    Segment,
    Segmentation,
    SeriesReference,
    Space,
    Tracking,
    Uncertainty,
)
from profiles.air.errors import IllegalResult
from profiles.dicom import Code, code
from tests.air.reading.conftest import Study

_SIGNS = st.characters(codec="utf-8", categories=("L", "N", "P"), exclude_characters="\\")


def words(longest: int) -> SearchStrategy[str]:
    return st.text(_SIGNS, min_size=1, max_size=longest)


def maybe(of: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.none() | of


def several(of: SearchStrategy[Any], most: int = 2) -> SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=most).map(tuple)


CODES = st.sampled_from(
    [
        Code("27925004", "SCT", "Nodule"),
        Code("36118008", "SCT", "Pneumothorax"),
        Code("12738006", "SCT", "Brain"),
        Code("39607008", "SCT", "Lung"),
        Code("RID5741", "RADLEX", "Solid"),
    ]
) | st.builds(Code, words(12), st.just("99TEST"), words(20))
SIDES = st.sampled_from([code("SCT", "24028007"), code("SCT", "7771000"), code("SCT", "51440002")])
SITES = st.builds(FindingSite, CODES, maybe(SIDES), maybe(CODES))
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
UNITS = st.sampled_from([code("UCUM", "mm"), code("UCUM", "mL"), code("UCUM", "%"), code("UCUM", "1")])
COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
CONTENT_LABELS = st.from_regex(r"[A-Z]([A-Z0-9_]{0,14}[A-Z0-9])?", fullmatch=True)
LOCAL = st.builds(Code, words(12), st.just("99TEST"), words(20))
PURPOSES = st.sampled_from([Code("111010", "DCM", "Center"), Code("130490", "DCM", "Centerline")])


@st.composite
def normal_ranges(draw: DrawFn) -> NormalRange:
    ends = sorted(draw(st.lists(NUMBERS, min_size=2, max_size=2)))
    absent = draw(st.sampled_from([None, 0, 1]))
    return NormalRange(*(None if place == absent else end for place, end in enumerate(ends)))


def measurements(of: Tracking) -> SearchStrategy[Measurement]:
    tracked = st.just(of)
    free = st.builds(
        Measurement,
        LOCAL,
        NUMBERS,
        UNITS,
        tracked,
        method=maybe(CODES),
        derivation=maybe(st.sampled_from([Code("373098007", "SCT", "Mean"), Code("56851009", "SCT", "Maximum")])),
        sites=several(SITES, 1),
        uncertainty=maybe(st.builds(Uncertainty, st.floats(0, 1e3), st.floats(0, 1e3))),
        normal=maybe(normal_ranges()),
        normality=maybe(st.just(Code("17621005", "SCT", "Normal"))),
    )
    volume = st.builds(
        Measurement, st.just(code("SCT", "118565006")), st.floats(0, 1e5), st.just(code("UCUM", "mL")), tracked
    )
    return free | volume


def evaluations(of: Tracking | None) -> SearchStrategy[Evaluation]:
    return st.builds(Evaluation, LOCAL, CODES, st.just(of), several(st.tuples(LOCAL, CODES)))


def comments(of: Tracking | None) -> SearchStrategy[Comment]:
    return st.builds(Comment, words(200), st.just(of))


@st.composite
def findings(draw: DrawFn, of: Tracking, what: Code | None, drawn: bool, references: Any) -> Finding:
    present = drawn or draw(st.booleans())
    return Finding(
        what or draw(CODES),
        of,
        present,
        draw(several(SITES)),
        draw(maybe(CODES)),
        draw(maybe(st.just(Code("24484000", "SCT", "Severe")))) if present else None,
        draw(
            maybe(
                st.builds(
                    Confidence, st.floats(0, 100), st.sampled_from([code("DCM", "111012"), code("DCM", "111047")])
                )
            )
        ),
        () if drawn else draw(several(references)),
    )


def references(study: Study) -> SearchStrategy[ImageReference]:
    def build(image: Any) -> SearchStrategy[ImageReference]:
        count = int(image.get("NumberOfFrames", 0) or 0)
        frames = st.lists(st.integers(1, count), unique=True, max_size=3).map(tuple) if count else st.just(())
        return st.builds(ImageReference, st.just(str(image.SOPInstanceUID)), frames)

    return st.sampled_from(list(study.images)).flatmap(build)


def _flat(draw: DrawFn, shape: str) -> tuple[tuple[float, ...], ...]:
    """Points on an image of 20 rows and 24 columns, in quarters of a pixel, as single precision holds them."""
    near = st.integers(0, 80).map(lambda part: part / 4)
    point = st.tuples(near, near)
    if shape == "BOX":
        left, top = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
        return ((left, top), (left + draw(st.integers(1, 10)), top + draw(st.integers(1, 10))))
    if shape == "CIRCLE":
        return tuple(draw(st.lists(point, min_size=2, max_size=2, unique=True)))
    if shape == "ELLIPSE":
        long, x, y = draw(st.integers(2, 8)), 10, 10
        short = draw(st.integers(1, long))
        return ((x - long, y), (x + long, y), (x, y - short), (x, y + short))
    fewest = {"POINT": 1, "MULTIPOINT": 2, "LINE": 2, "POLYLINE": 3}[shape]
    points = draw(st.lists(point, min_size=fewest, max_size=1 if shape == "POINT" else fewest + 3, unique=True))
    return (*points, points[0]) if shape == "POLYLINE" else tuple(points)


def _in_space(draw: DrawFn, shape: str) -> tuple[tuple[float, ...], ...]:
    whole = st.integers(-50, 50).map(float)
    point = st.tuples(whole, whole, whole)
    x, y, z = draw(point)
    long, short = draw(st.integers(2, 9)), draw(st.integers(1, 2))
    if shape == "ELLIPSE":
        return ((x - long, y, z), (x + long, y, z), (x, y - short, z), (x, y + short, z))
    if shape == "ELLIPSOID":
        return (
            *((x - long, y, z), (x + long, y, z), (x, y - short, z), (x, y + short, z)),
            (x, y, z - 1),
            (x, y, z + 1),
        )
    if shape == "POLYGON":
        return ((x, y, z), (x + long, y, z), (x + long, y + short, z + short), (x, y + short, z + short), (x, y, z))
    fewest = {"POINT": 1, "MULTIPOINT": 2, "LINE": 2}[shape]
    return tuple(draw(st.lists(point, min_size=fewest, max_size=1 if shape == "POINT" else fewest + 2, unique=True)))


@st.composite
def shapes(draw: DrawFn, study: Study, of: Tracking) -> tuple[Region | Location, ...]:
    """What one thing is drawn as: outlines of one kind, or places, all on images or all in space."""
    space = study.images[0].get("FrameOfReferenceUID")
    three = bool(space) and draw(st.booleans())
    outlines = ["POLYGON", "ELLIPSE", "ELLIPSOID"] if three else ["POLYLINE", "CIRCLE", "ELLIPSE", "BOX"]
    shape = draw(st.sampled_from([*outlines, "POINT", "MULTIPOINT", "LINE"]))
    count = 1 if shape == "ELLIPSOID" else draw(st.integers(1, 3))
    alone = count == 1 and shape != "MULTIPOINT"
    purpose = draw(maybe(PURPOSES)) if shape != "BOX" and (alone or shape in outlines) else None
    made: list[Region | Location] = []
    for _ in range(count):
        points = _in_space(draw, shape) if three else _flat(draw, shape)
        where = Space(str(space)) if three else draw(references(study))
        try:
            if shape in outlines:
                made.append(Region(Outline(shape), points, where, of, purpose))
            else:
                made.append(Location(Mark(shape), points, where, of, purpose))
        except IllegalResult:
            continue
    return tuple(made) if len(made) == count else ()


def _size(study: Study) -> tuple[int, int, int]:
    first = study.images[0]
    slices = int(first.get("NumberOfFrames", 0) or 0) or len(study.images)
    return slices, int(first.Rows), int(first.Columns)


def _uids(study: Study) -> tuple[str, ...]:
    return tuple(str(image.SOPInstanceUID) for image in study.images)


@st.composite
def segmentations(draw: DrawFn, study: Study, things: list[Tracking]) -> Segmentation:
    """Segments of these things: masks that may overlap, probabilities, or a label map."""
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["BINARY", "FRACTIONAL", "LABELMAP"]))
    fraction = draw(st.sampled_from(list(Fraction))) if kind == "FRACTIONAL" else None
    size = _size(study)
    labels = numbers.integers(0, len(things) + 1, size)
    segments = []
    for number, of in enumerate(things, start=1):
        mask = labels == number if kind == "LABELMAP" else numbers.random(size) > 0.7
        if size[0] > 4:
            mask[:2] = False
        mask[size[0] - 1, 0, number] = True
        if kind == "LABELMAP":
            labels[size[0] - 1, 0, number] = number
            mask[size[0] - 1, 0, 1 : len(things) + 1] = np.arange(1, len(things) + 1) == number
        voxels = mask * (numbers.integers(1, 256, size) / 255) if fraction else mask
        segments.append(
            Segment(
                draw(words(64)), draw(CODES), draw(CODES), voxels, of, draw(several(SITES)), draw(COLOURS), fraction
            )
        )
    return Segmentation(
        tuple(segments),
        _uids(study),
        draw(st.just("") | CONTENT_LABELS),
        draw(st.just("") | words(64)),
        kind == "LABELMAP",
        "NumberOfFrames" in study.images[0],
    )


@st.composite
def maps(draw: DrawFn, study: Study, of: Tracking) -> ParametricMap:
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = numbers.integers(0, 1000, _size(study)).astype(draw(st.sampled_from([np.float32, np.float64, np.uint16])))
    if values.dtype != np.uint16:
        values += numbers.random(values.shape).astype(values.dtype)
    return ParametricMap(
        values,
        draw(st.sampled_from([code("DCM", "130404"), Code("113041", "DCM", "Apparent Diffusion Coefficient")])),
        draw(UNITS),
        _uids(study),
        of,
        draw(words(16)),
        draw(st.sampled_from([1.0, 0.5, -2.0])),
        draw(st.sampled_from([0.0, -1000.0])),
        draw(st.just("") | CONTENT_LABELS),
        draw(st.just("") | words(64)),
        draw(st.sampled_from(list(Qualification))),
        "NumberOfFrames" in study.images[0],
        draw(maybe(SITES)),
    )


def key_images(study: Study) -> SearchStrategy[KeyImages]:
    whole = st.just(SeriesReference(str(study.images[0].SeriesInstanceUID)))
    chosen = st.lists(references(study), min_size=1, max_size=3, unique_by=lambda one: one.sop_instance_uid)
    titles = st.sampled_from([code("DCM", "113000"), code("DCM", "113013")])
    return st.builds(KeyImages, chosen.map(tuple) | whole.map(lambda one: (one,)), words(80), titles)


@st.composite
def results(draw: DrawFn, study: Study) -> Results:
    """Things of every kind, what is said of them, and what is said of the whole study."""
    names = draw(st.lists(words(60), min_size=1, max_size=4, unique=True))
    numbered = [
        Tracking(name, f"2.25.{4711 + place}" if draw(st.booleans()) else "") for place, name in enumerate(names)
    ]
    parts: dict[str, Any] = {"regions": [], "locations": [], "findings": [], "maps": []}
    kinds = {of.identifier: draw(st.sampled_from(["segment", "drawn", "found", "mapped"])) for of in numbered}
    segmented = [of for of in numbered if kinds[of.identifier] == "segment"]
    made = draw(segmentations(study, segmented)) if segmented else None
    property_types = {one.tracking.identifier: one.property_type for one in made.segments} if made else {}
    for of in numbered:
        kind = kinds[of.identifier]
        drawn = draw(shapes(study, of)) if kind == "drawn" else ()
        parts["regions"] += [shape for shape in drawn if isinstance(shape, Region)]
        parts["locations"] += [shape for shape in drawn if isinstance(shape, Location)]
        if kind == "mapped":
            parts["maps"].append(draw(maps(study, of)))
        if not (drawn or kind in ("segment", "mapped")) or draw(st.booleans()):
            has_place = bool(drawn) or kind == "segment"
            parts["findings"].append(
                draw(findings(of, property_types.get(of.identifier), has_place, references(study)))
            )
    said = {
        "measurements": [row for of in numbered for row in draw(several(measurements(of)))],
        "evaluations": [
            *(row for of in numbered for row in draw(several(evaluations(of)))),
            *draw(several(evaluations(None))),
        ],
        "comments": [
            *(row for of in numbered for row in draw(several(comments(of), 1))),
            *draw(several(comments(None))),
        ],
    }
    absent = all(not one.present for one in parts["findings"]) and len(parts["findings"]) == len(numbered)
    drawn_at_all = made or parts["regions"] or parts["locations"] or parts["maps"]
    return Results(
        segmentations=(made,) if made else (),
        priority=draw(maybe(st.builds(PriorityHint, st.sampled_from(Priority), st.just("") | words(40)))),
        nothing_found=bool(absent and not drawn_at_all and draw(st.booleans())),
        key_images=draw(several(key_images(study), 1)),
        **{name: tuple(found) for name, found in {**parts, **said}.items()},
    )
