"""Places and outlines, on an image or in space (RAD TF-3 sections 6.5.3.4 and 6.5.3.5; PS3.3 C.18.6 and C.18.9).

On an image a point is (column, row): 0, 0 is the outer corner of the first pixel and 0.5, 0.5 its middle. In space it
is (x, y, z) in mm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from profiles.air.errors import require
from profiles.air.values import ImageReference, Tracking, require_code, require_uid
from profiles.dicom import Code
from profiles.tables import read_table

Points = tuple[tuple[float, ...], ...]

_FLAT_MM = 1e-2
_SQUARE = 1e-3


class Mark(StrEnum):
    """How a location is drawn."""

    POINT = "POINT"
    MULTIPOINT = "MULTIPOINT"
    LINE = "LINE"


class Outline(StrEnum):
    """How a region is drawn."""

    POLYLINE = "POLYLINE"
    CIRCLE = "CIRCLE"
    ELLIPSE = "ELLIPSE"
    BOX = "BOX"
    POLYGON = "POLYGON"
    ELLIPSOID = "ELLIPSOID"


@dataclass(frozen=True, slots=True)
class Space:
    """The patient's space, in which points of several images can be told (Frame of Reference)."""

    frame_of_reference_uid: str

    def __post_init__(self) -> None:
        require_uid(self.frame_of_reference_uid, "Frame of Reference UID")


@dataclass(frozen=True, slots=True)
class Location:
    """A point, several points or a line (SCOORD or SCOORD3D).

    Attributes:
        mark: how it is drawn.
        points: (column, row) each on an image, (x, y, z) each in space.
        where: the image, or the space.
        of: the identity of the thing that is there.
        purpose: what the points mean, CID 219; a point stands for its thing when None.
    """

    mark: Mark
    points: Points
    where: ImageReference | Space
    of: Tracking
    purpose: Code | None = None

    def __post_init__(self) -> None:
        _require_legal(self.mark, self.points, self.where, self.purpose)

    @property
    def graphic_type(self) -> str:
        """Graphic Type (0070,0023)."""
        return _row(self.mark, self.where)["graphic_type"]


@dataclass(frozen=True, slots=True)
class Region:
    """An outline: closed polyline, circle, ellipse or box on an image; flat polygon, ellipse or ellipsoid in space.

    Several regions of one thing make a stack of outlines, or a surface (TID 1411).

    Attributes:
        outline: how it is drawn.
        points: closed polylines and polygons repeat their first point; a circle is centre and a point on it; an ellipse
            the ends of its major, then of its minor axis; an ellipsoid the ends of three axes; a box two corners.
        where: the image, or the space.
        of: the identity of the thing.
        purpose: CID 219; bounded by for a box, else outline, when None.
    """

    outline: Outline
    points: Points
    where: ImageReference | Space
    of: Tracking
    purpose: Code | None = None

    def __post_init__(self) -> None:
        _require_legal(self.outline, self.points, self.where, self.purpose)
        if self.outline is Outline.BOX:
            (left, top), (right, bottom) = self.points
            require(left < right and top < bottom, "A box is its upper left and its lower right corner, in this order.")
        if self.outline in (Outline.POLYLINE, Outline.POLYGON):
            _require_closed(self.points)
        if self.outline is Outline.POLYGON:
            _require_flat(self.points)
        if self.outline in (Outline.ELLIPSE, Outline.ELLIPSOID):
            _require_axes(self.points)
        if self.outline is Outline.CIRCLE:
            require(self.points[0] != self.points[1], "The circle has no radius; give its centre and a point on it.")

    @property
    def graphic_type(self) -> str:
        """Graphic Type (0070,0023)."""
        return _row(self.outline, self.where)["graphic_type"]

    @property
    def graphic_points(self) -> Points:
        """The points of Graphic Data; a box becomes the closed polyline of its corners."""
        if self.outline is not Outline.BOX:
            return self.points
        (left, top), (right, bottom) = self.points
        return ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))


@cache
def _rows() -> dict[tuple[str, int], dict[str, str]]:
    return {(row["shape"], int(row["dimensions"])): row for row in read_table("profiles.air", "graphics")}


def _row(shape: str, where: ImageReference | Space) -> dict[str, str]:
    return _rows().get((shape, 3 if isinstance(where, Space) else 2), {})


def _require_legal(shape: str, points: Points, where: ImageReference | Space, purpose: Code | None) -> None:
    row, dimensions = _row(shape, where), 3 if isinstance(where, Space) else 2
    place = "in space" if isinstance(where, Space) else "on an image"
    known = sorted(name for name, number in _rows() if number == dimensions)
    require(bool(row), f"{shape} is not drawn {place}; PS3.3 C.18.6 and C.18.9 know {', '.join(known)} there.")
    require(
        all(len(point) == dimensions and all(math.isfinite(part) for part in point) for point in points),
        f"Each point {place} is {dimensions} finite numbers ({row['source']}); look for NaN and mixed-up coordinates.",
    )
    fewest, most = int(row["fewest"]), int(row["most"] or len(points))
    require(
        fewest <= len(points) <= most,
        f"{shape} has {len(points)} points; {row['source']} demands {row['points']}.",
    )
    require(
        dimensions == 3 or all(part >= 0 for point in points for part in point),  # noqa: PLR2004
        "A point on an image is left of or above it; coordinates begin at 0 (PS3.3 C.18.6.1.2).",
    )
    if purpose is not None:
        require_code(purpose, "Geometric purpose of region")


def _require_closed(points: Points) -> None:
    require(
        points[0] == points[-1],
        "The outline is open; repeat its first point at the end (PS3.3 C.18.6.1.2 and C.18.9.1.2).",
    )
    corners = np.array(points[:-1])
    require(
        np.linalg.matrix_rank(corners - corners[0], tol=1e-6) > 1,
        "The outline encloses nothing, its points lie on one line; report a line as a location, or mend the outline.",
    )


def _require_flat(points: Points) -> None:
    corners = np.array(points)
    distances = np.linalg.svd(corners - corners.mean(axis=0))[2][-1] @ (corners - corners.mean(axis=0)).T
    require(
        float(np.abs(distances).max()) < _FLAT_MM,
        "The points of the polygon do not lie in one plane (PS3.3 C.18.9.1.2); split it into flat ones.",
    )


def _require_axes(points: Points) -> None:
    ends: NDArray[np.float64] = np.array(points, dtype=np.float64).reshape(-1, 2, len(points[0]))
    axes, centres = ends[:, 1] - ends[:, 0], ends.mean(axis=1)
    lengths = np.linalg.norm(axes, axis=1)
    require(bool((lengths > 0).all()), "An axis has no length; give the two ends of each axis.")
    require(
        bool(np.linalg.norm(centres - centres[0], axis=1).max() <= _SQUARE * lengths.max() + 1e-9),
        "The axes do not halve each other; give the two ends of each axis, axis by axis (PS3.3 C.18.6.1.2).",
    )
    cosines = np.abs((axes / lengths[:, None]) @ (axes / lengths[:, None]).T - np.eye(len(axes)))
    require(bool(cosines.max() <= _SQUARE), "The axes are not at right angles (PS3.3 C.18.6.1.2 and C.18.9.1.2).")
    require(
        len(axes) > 2 or lengths[0] >= lengths[1],  # noqa: PLR2004
        "The first axis of an ellipse is the major one (PS3.3 C.18.6.1.2); swap the axes.",
    )
