"""Rules for points, contours and segments in the tree, as far as the report alone shows them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.air.books import OBJECT
from conformance.air.geometry import PLANE, SPACE, crosses_itself, is_box, is_closed, off_plane_mm, shoelace
from conformance.air.reading import in_group, numbers, rows, whole, words
from conformance.air.result import Item, Result, classes
from conformance.air.tree import pointed_at
from conformance.rules import Breach

_PURPOSE, _OUTLINE, _BOUNDED = ("130400", "DCM"), ("111041", "DCM"), ("75958009", "SCT")
_REGION, _SEGMENT, _FRAME, _SURFACE = "111030", "121191", "121214", "121231"
_FLAT = {"POLYGON", "ELLIPSE"}
_COPLANAR_MM = 1e-2
_NUMBERS_2D = {"POINT": (2, 2), "MULTIPOINT": (2, 0), "POLYLINE": (4, 0), "CIRCLE": (4, 4), "ELLIPSE": (8, 8)}
_NUMBERS_3D = {
    "POINT": (3, 3),
    "MULTIPOINT": (3, 0),
    "POLYLINE": (6, 0),
    "POLYGON": (9, 0),
    "ELLIPSE": (12, 12),
    "ELLIPSOID": (18, 18),
}
"""Least and greatest number of coordinates; 0 for no limit."""


def graphics(result: Result, value_type: str) -> Iterator[tuple[Item, str, list[float]]]:
    """Graphics with their type and coordinates."""
    for found in result.items:
        if found.value_type == value_type and not found.by_reference:
            yield found, words(found.dataset, "GraphicType"), numbers(found.dataset, "GraphicData")


def _miscounted(found: Item, kind: str, given: int, limits: dict[str, tuple[int, int]], each: int) -> Iterator[Breach]:
    if kind and kind not in limits:
        yield found.path, f"{kind} is no graphic type here"
    elif kind and given:
        least, most = limits[kind]
        if given % each or given < least or (most and given > most):
            yield found.path, f"{kind} has {given} coordinates"


@OBJECT.rule("AIR-100")
def _count_2d(result: Result) -> Iterator[Breach]:
    for found, kind, data in graphics(result, "SCOORD"):
        yield from _miscounted(found, kind, len(data), _NUMBERS_2D, 2)


@OBJECT.rule("AIR-101")
def _count_3d(result: Result) -> Iterator[Breach]:
    for found, kind, data in graphics(result, "SCOORD3D"):
        yield from _miscounted(found, kind, len(data), _NUMBERS_3D, 3)
        if kind == "POLYGON" and data and len(data) % 3 == 0 and not is_closed(data, 3):
            yield found.path, "POLYGON does not end with its first point"


@OBJECT.rule("AIR-102")
def _selected_from(result: Result) -> Iterator[Breach]:
    for found, _, _ in graphics(result, "SCOORD"):
        selected = [child for child in found.children if child.relationship == "SELECTED FROM"]
        targets = [pointed_at(result, child) if child.by_reference else child for child in selected]
        if not any(target is not None and target.value_type == "IMAGE" for target in targets):
            yield found.path, "is selected from no image"
    for found, _, _ in graphics(result, "SCOORD3D"):
        if any(child.relationship == "SELECTED FROM" for child in found.children):
            yield found.path, "a 3D graphic is selected from an item"


@OBJECT.rule("AIR-104")
def _frame_of_reference(result: Result) -> Iterator[Breach]:
    for found, _, _ in graphics(result, "SCOORD3D"):
        if not words(found.dataset, "ReferencedFrameOfReferenceUID"):
            yield found.path, "names no frame of reference"


@OBJECT.rule("AIR-106")
def _coplanar(result: Result) -> Iterator[Breach]:
    for found, kind, data in graphics(result, "SCOORD3D"):
        if (
            kind in _FLAT
            and len(data) >= SPACE * SPACE
            and len(data) % SPACE == 0
            and off_plane_mm(data) > _COPLANAR_MM
        ):
            yield found.path, f"the points of the {kind} lie up to {off_plane_mm(data):.2f} mm off their plane"


def _purpose(found: Item) -> Item | None:
    return found.parent.child(*_PURPOSE) if found.parent is not None else None


def _says(purpose: Item | None, *codes: tuple[str, str]) -> bool:
    return purpose is not None and (purpose.code.value, purpose.code.scheme) in codes


def _polylines(result: Result) -> Iterator[tuple[Item, list[float], int]]:
    """Lines of more than two points, with their coordinates and how many each point has."""
    for value_type, each in (("SCOORD", 2), ("SCOORD3D", 3)):
        for found, kind, data in graphics(result, value_type):
            if kind == "POLYLINE" and len(data) > 2 * each and len(data) % each == 0:
                yield found, data, each


@OBJECT.rule("AIR-107")
def _closed_outline(result: Result) -> Iterator[Breach]:
    for found, data, each in _polylines(result):
        if not is_closed(data, each) and _says(_purpose(found), _OUTLINE, _BOUNDED):
            yield found.path, "an outline does not end with its first point"


@OBJECT.rule("AIR-107-LINE")
def _open_line(result: Result) -> Iterator[Breach]:
    for found, data, each in _polylines(result):
        if not is_closed(data, each) and not _says(_purpose(found), _OUTLINE, _BOUNDED):
            yield found.path, "is an open line"


@OBJECT.rule("AIR-108")
def _simple_contour(result: Result) -> Iterator[Breach]:
    for found, data, each in _polylines(result):
        if each == PLANE and is_closed(data, each):
            points = np.asarray(data).reshape(-1, 2)
            if abs(shoelace(points)) == 0:
                yield found.path, "a contour encloses nothing"
            elif crosses_itself(points):
                yield found.path, "a contour crosses itself"


def _template(group: Item) -> str:
    return next((words(row, "TemplateIdentifier") for row in rows(group.dataset, "ContentTemplateSequence")), "")


def _is_planar(group: Item) -> bool:
    return _template(group) == "1410" or group.child(_FRAME) is not None


def _regions(group: Item) -> list[Item]:
    return [found for found in group.children if found.named(_REGION) or found.named(_FRAME)]


@OBJECT.rule("AIR-109")
def _one_region(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        given = len(_regions(group)) + sum(found.named("130488") for found in group.children)
        if _is_planar(group) and given != 1:
            yield group.path, f"a planar group has {given} regions"


@OBJECT.rule("AIR-110")
def _one_kind_of_region(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        if _is_planar(group):
            continue
        counts = {concept: len(group.all_named(concept)) for concept in (_SEGMENT, _SURFACE, _REGION)}
        kinds = [concept for concept, count in counts.items() if count]
        if len(kinds) > 1 or counts[_SEGMENT] > 1:
            yield group.path, "mixes kinds of regions, or refers to several segments"
        elif not kinds and _template(group) == "1411" and not group.child("130488"):
            yield group.path, "a volumetric group has no region"


@OBJECT.rule("AIR-111")
def _segment_sources(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        if not any(group.child(concept) for concept in (_SEGMENT, _SURFACE, _FRAME)):
            continue
        images, series = group.all_named("121233"), group.all_named("121232")
        planar = group.child(_FRAME) is not None
        if bool(images) == bool(series) or len(series) > 1 or (planar and len(images) != 1):
            yield group.path, "must name either the source images or the source series of its segment"


@OBJECT.rule("AIR-112")
def _segment_number(result: Result) -> Iterator[Breach]:
    for found in result.items:
        for concept, keyword in ((_SEGMENT, "ReferencedSegmentNumber"), (_FRAME, "ReferencedFrameNumber")):
            if found.named(concept) and found.reference.get(keyword) in (None, ""):
                yield found.path, f"has no {keyword}"


def _stands_for_something(found: Item) -> bool:
    """A point or what encloses a region; CID 219 has nothing to say of open lines and of several points."""
    each = {"SCOORD": PLANE, "SCOORD3D": SPACE}.get(found.value_type, 0)
    kind, data = words(found.dataset, "GraphicType"), numbers(found.dataset, "GraphicData")
    line = kind == "POLYLINE" and each and len(data) % each == 0 and not is_closed(data, each)
    return bool(each) and kind != "MULTIPOINT" and not line


@OBJECT.rule("AIR-113")
def _geometric_purpose(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        drawn = any(found.named(_REGION) and _stands_for_something(found) for found in group.children)
        purpose = group.child(*_PURPOSE)
        if drawn and purpose is None:
            yield group.path, "does not say what its geometry stands for"
        elif purpose is not None and not in_group(purpose.code, 219):
            yield purpose.path, f"the purpose {purpose.code} is not of CID 219"


@OBJECT.rule("AIR-114")
def _bounding_box(result: Result) -> Iterator[Breach]:
    for found, data, each in _polylines(result):
        purpose = _purpose(found)
        if each == PLANE and is_box(np.asarray(data).reshape(-1, 2)) and purpose and not _says(purpose, _BOUNDED):
            yield found.path, f"a box is said to be {purpose.code.meaning}"


@OBJECT.rule("AIR-119")
def _single_frames(result: Result) -> Iterator[Breach]:
    for found, row in result.references:
        frames = classes().get(words(row, "ReferencedSOPClassUID"), {}).get("frames")
        if frames == "single" and whole(row, "ReferencedFrameNumber") is not None:
            yield found.path, "names a frame of an image that has one"
