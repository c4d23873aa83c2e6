"""Locations and regions from SCOORD and SCOORD3D content items (PS3.3 C.18.6 and C.18.9)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from profiles.air.errors import IllegalResult, require
from profiles.air.geometry import Location, Mark, Outline, Points, Region, Space
from profiles.air.reading.items import Item, word
from profiles.air.values import ImageReference, Tracking
from profiles.dicom import Code

Shape = Location | Region

_BOUNDED, _OUTLINE, _REPRESENTATIVE = "75958009", "111041", "128140"
_CORNERS = 4
_FLAT = 1e-6
_MEANT = {Outline.BOX: _BOUNDED, Mark.POINT: _REPRESENTATIVE}
_OTHERS: dict[str, Outline | Mark] = {
    "POINT": Mark.POINT,
    "MULTIPOINT": Mark.MULTIPOINT,
    "CIRCLE": Outline.CIRCLE,
    "ELLIPSE": Outline.ELLIPSE,
    "ELLIPSOID": Outline.ELLIPSOID,
    "POLYGON": Outline.POLYGON,
}


def image_under(found: Item) -> ImageReference | None:
    """The image that the coordinates were selected from; None when it is not stated."""
    for child in found.children():
        uid, _ = child.referenced
        if uid:
            return ImageReference(uid, child.numbers("ReferencedFrameNumber"))
    return None


def shape_in(found: Item, of: Tracking, purpose: Code | None, otherwise: ImageReference | None) -> Shape:
    """A location or region.

    An open polyline is a line, a closed one an outline; a rectangle that is said to bound the thing is a box. One said
    to be an outline is closed where its last point is missing.

    Args:
        found: the SCOORD or SCOORD3D.
        of: the thing that is there.
        purpose: Geometric purpose of region (130400, DCM) of the group.
        otherwise: the image, when the coordinates name none.

    Raises:
        IllegalResult: when the coordinates are on no image, or are illegal.
    """
    three = found.kind == "SCOORD3D"
    points = _points(found, 3 if three else 2)
    space = Space(word(found.dataset, "ReferencedFrameOfReferenceUID")) if three else None
    where: ImageReference | Space | None = space or image_under(found) or otherwise
    if where is None:
        raise IllegalResult("The coordinates name no image that they were selected from (PS3.3 Table A.35.13-2).")
    return _form(word(found.dataset, "GraphicType"), points, three, purpose)(where=where, of=of)


def _points(found: Item, dimensions: int) -> Points:
    data = found.dataset.get("GraphicData")
    numbers = [float(part) for part in (data if isinstance(data, list) or hasattr(data, "__iter__") else [data])]
    require(
        bool(numbers) and len(numbers) % dimensions == 0,
        f"Graphic Data has {len(numbers)} numbers, no multiple of {dimensions} (PS3.3 C.18.6.1.2).",
    )
    return tuple(tuple(numbers[start : start + dimensions]) for start in range(0, len(numbers), dimensions))


def _form(graphic: str, points: Points, three: bool, purpose: Code | None) -> Callable[..., Shape]:
    shape: Outline | Mark
    if graphic == "POLYLINE":
        shape, points = _polyline(points, three, purpose)
    elif graphic in _OTHERS:
        shape = Mark.POINT if graphic == "MULTIPOINT" and len(points) == 1 else _OTHERS[graphic]
    else:
        raise IllegalResult("Graphic Type is none of PS3.3 C.18.6.1.1 and C.18.9.1.1.")
    usual = _MEANT.get(shape, "" if isinstance(shape, Mark) else _OUTLINE)
    kept = None if purpose is not None and purpose.value == usual else purpose
    if isinstance(shape, Mark):
        return partial(Location, shape, points, purpose=kept)
    return partial(Region, shape, points, purpose=kept)


def _polyline(points: Points, three: bool, purpose: Code | None) -> tuple[Outline | Mark, Points]:
    meant = purpose.value if purpose else ""
    corners = points[:-1] if points[0] == points[-1] else points
    if three or len({*corners}) < 3:  # noqa: PLR2004
        return Mark.LINE, points
    left, right = min(x for x, _ in corners), max(x for x, _ in corners)
    top, bottom = min(y for _, y in corners), max(y for _, y in corners)
    walk = [(left, top), (right, top), (right, bottom), (left, bottom)]
    turned = [walk, [walk[0], *reversed(walk[1:])]]
    if meant == _BOUNDED and any(_turns(corners, way) for way in turned):
        return Outline.BOX, ((left, top), (right, bottom))
    closed = points[0] == points[-1]
    if closed and _on_a_line(corners):
        return Mark.LINE, points
    if closed or meant in (_OUTLINE, _BOUNDED):
        return Outline.POLYLINE, (*corners, corners[0])
    return Mark.LINE, points


def _turns(corners: Points, walk: list[tuple[float, float]]) -> bool:
    """Whether the corners are these, from any of them on."""
    return len(corners) == _CORNERS and any(list(corners) == walk[start:] + walk[:start] for start in range(_CORNERS))


def _on_a_line(corners: Points) -> bool:
    (x, y), *others = corners
    far_x, far_y = max(others, key=lambda point: abs(point[0] - x) + abs(point[1] - y))
    return all(abs((px - x) * (far_y - y) - (py - y) * (far_x - x)) < _FLAT for px, py in others)
