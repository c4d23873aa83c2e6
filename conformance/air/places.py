"""Rules for points and measurements in the images and segmentations that they refer to."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from conformance.air.books import SET
from conformance.air.frames import frame_segment, normal_of, voxel_ml
from conformance.air.geometry import PLANE, SPACE, is_closed, shoelace
from conformance.air.reading import first_row, numbers, uid_of, whole, words
from conformance.air.references import measured_segments
from conformance.air.regions import graphics
from conformance.air.result import Item, Result, ResultSet
from conformance.rules import Breach

_TOLERANCE = 0.05
_VOLUME, _AREAS = ("118565006", "SCT"), {"42798000", "131184002"}
_MILLILITRES = {"ml": 1.0, "cm3": 1.0, "mm3": 1e-3, "dm3": 1e3}
_SQUARE_MM = {"mm2": 1.0, "cm2": 100.0}
_OUTSIDE, _EXACT = 1.0, 1e-3
_BEYOND_SLICE_MM = 5.0
_ENDS_OF_AXES = 4


def _sizes(subject: ResultSet) -> dict[str, tuple[float, float]]:
    """Columns and rows of images, as the images or the Image Library of the report say."""
    found: dict[str, tuple[float, float]] = {}
    for library in subject.this.root.all_named("111028"):
        for entry in library.all_below():
            high, wide = (_number_below(entry, concept) for concept in ("110910", "110911"))
            if high and wide:
                found[uid_of(entry.reference)] = wide, high
    for image in subject.images:
        wide, high = whole(image.dataset, "Columns"), whole(image.dataset, "Rows")
        if wide and high:
            found[image.uid] = wide, high
    return found


def _number_below(entry: Item, concept: str) -> float | None:
    found = entry.child(concept)
    return _number(found) if found is not None else None


def _number(found: Item) -> float | None:
    value = numbers(first_row(found.dataset, "MeasuredValueSequence"), "NumericValue")
    return value[0] if len(value) == 1 and math.isfinite(value[0]) else None


def _outside(subject: ResultSet) -> Iterator[tuple[Item, float]]:
    """2D graphics with how many pixels they reach beyond their image."""
    sizes = _sizes(subject) if subject.this.kind == "sr" else {}
    for found, _, data in graphics(subject.this, "SCOORD") if sizes else ():
        whole_slide = words(found.dataset, "PixelOriginInterpretation") == "VOLUME"
        for child in found.children:
            size = sizes.get(uid_of(child.reference))
            if size is not None and data and len(data) % 2 == 0 and not whole_slide:
                points = np.asarray(data).reshape(-1, 2)
                yield found, float(max((-points).max(), (points - np.asarray(size)).max()))


@SET.rule("AIR-103")
def _in_the_image(subject: ResultSet) -> Iterator[Breach]:
    for found, beyond in _outside(subject):
        if beyond > _OUTSIDE:
            yield found.path, f"reaches {beyond:.1f} pixels beyond the image"


@SET.rule("AIR-103-EDGE")
def _at_the_edge(subject: ResultSet) -> Iterator[Breach]:
    for found, beyond in _outside(subject):
        if _EXACT < beyond <= _OUTSIDE:
            yield found.path, f"reaches {beyond:.2f} pixels beyond the image"


def _frames_of_reference(subject: ResultSet) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = defaultdict(list)
    for image in subject.siblings:
        found[words(image.dataset, "FrameOfReferenceUID")].append(image)
    found.pop("", None)
    return found


def _spatial(subject: ResultSet) -> Iterator[tuple[Item, list[float], str]]:
    for found, _, data in graphics(subject.this, "SCOORD3D") if subject.this.kind == "sr" else ():
        frame = words(found.dataset, "ReferencedFrameOfReferenceUID")
        if frame and data and len(data) % 3 == 0:
            yield found, data, frame


@SET.rule("AIR-104-KNOWN")
def _known_space(subject: ResultSet) -> Iterator[Breach]:
    known = _frames_of_reference(subject)
    for found, _, frame in _spatial(subject) if known else ():
        if frame not in known:
            yield found.path, "names a frame of reference of none of the images"


@SET.rule("AIR-105")
def _near_slices(subject: ResultSet) -> Iterator[Breach]:
    known = _frames_of_reference(subject)
    for found, data, frame in _spatial(subject):
        stacks = _stacks(known.get(frame, []))
        points = np.asarray(data).reshape(-1, 3)
        if stacks and not any(_is_near(points, across, heights) for across, heights in stacks):
            yield found.path, "has points far from every slice of its frame of reference"


Stack = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The direction across parallel slices, and their heights along it in mm."""


def _stacks(images: list[Result]) -> list[Stack]:
    grouped: dict[tuple[float, ...], list[float]] = defaultdict(list)
    for image in images:
        place = numbers(image.dataset, "ImagePositionPatient")
        across = normal_of(numbers(image.dataset, "ImageOrientationPatient"))
        if across is not None and len(place) == SPACE:
            grouped[tuple(np.round(across, 3))].append(float(np.dot(across, place)))
    return [(np.asarray(across), np.unique(np.asarray(heights))) for across, heights in grouped.items()]


def _is_near(points: NDArray[np.float64], across: NDArray[np.float64], heights: NDArray[np.float64]) -> bool:
    step = float(np.median(np.diff(heights))) if len(heights) > 1 else 0.0
    apart = np.abs((points @ across)[:, np.newaxis] - heights[np.newaxis, :]).min(axis=1)
    return bool((apart <= step / 2 + _BEYOND_SLICE_MM).all())


@SET.rule("AIR-115")
def _size(subject: ResultSet) -> Iterator[Breach]:
    for group, region, segmentation, number in measured_segments(subject):
        for found in group.all_named(*_VOLUME) if region.named("121191") else ():
            stated, stored = _stated(found, _MILLILITRES), _stored_ml(segmentation, number)
            if stated is not None and stored and abs(stated - stored) / stored > _TOLERANCE:
                yield found.path, f"states {stated:.1f} mL; the stored segment has {stored:.1f} mL"
    for group in subject.this.groups if subject.this.kind == "sr" else ():
        drawn = _drawn_mm2(subject, group)
        for found in group.children if drawn else ():
            stated = _stated(found, _SQUARE_MM) if found.concept.value in _AREAS else None
            if stated is not None and drawn and abs(stated - drawn) / drawn > _TOLERANCE:
                yield found.path, f"states {stated:.1f} mm2; the contour encloses {drawn:.1f} mm2"


def _stated(found: Item, factors: dict[str, float]) -> float | None:
    """The value of a NUM item in the unit whose factor is 1."""
    factor, value = factors.get(found.unit.value.lower()), _number(found)
    return value * factor if factor is not None and value is not None and found.value_type == "NUM" else None


def _stored_ml(segmentation: Result, number: int) -> float | None:
    """Volume of a BINARY segment from its pixels and Pixel Measures; None when they cannot be read."""
    counts, shown = segmentation.foreground, [frame_segment(groups) for groups in segmentation.frames]
    if counts is None or None in shown:
        return None
    parts = [
        (count, voxel_ml(groups))
        for count, groups, segment in zip(counts, segmentation.frames, shown, strict=True)
        if segment == number
    ]
    return sum(count * (voxel or 0.0) for count, voxel in parts) if all(voxel for _, voxel in parts) else None


def _drawn_mm2(subject: ResultSet, group: Item) -> float | None:
    """Area of the one contour of a group on an image of known pixel size; None when there is none."""
    drawn = [found for found in group.children if found.value_type == "SCOORD"]
    if len(drawn) != 1:
        return None
    images = [subject.together.target(child.reference) for child in drawn[0].children]
    spacing = numbers(images[0].dataset, "PixelSpacing") if len(images) == 1 and images[0] is not None else []
    data, kind = numbers(drawn[0].dataset, "GraphicData"), words(drawn[0].dataset, "GraphicType")
    if len(spacing) != PLANE or len(data) < 2 * PLANE or len(data) % PLANE:
        return None
    points = np.asarray(data).reshape(-1, 2) * np.asarray([spacing[1], spacing[0]])
    return _AREA_OF[kind](points) if kind in _AREA_OF else None


def _polygon(points: NDArray[np.float64]) -> float | None:
    return abs(shoelace(points)) if is_closed([float(part) for part in points.ravel()], 2) else None


def _circle(points: NDArray[np.float64]) -> float:
    return math.pi * float(np.sum((points[1] - points[0]) ** 2))


def _ellipse(points: NDArray[np.float64]) -> float | None:
    if len(points) != _ENDS_OF_AXES:
        return None
    axes = [float(np.linalg.norm(points[one + 1] - points[one])) for one in (0, 2)]
    return math.pi * axes[0] * axes[1] / 4


_AREA_OF = {"POLYLINE": _polygon, "CIRCLE": _circle, "ELLIPSE": _ellipse}
