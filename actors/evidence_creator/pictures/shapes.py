"""What of a thing is seen on a frame: lines, marks and areas in its columns and rows (0, 0 is the outer corner)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actors.evidence_creator.pictures.frames import Frame
from profiles.air import Location, Mark, Outline, Region, Space

Points = NDArray[np.float64]
_ROUND = 73
_HALF = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """Points that are joined; shape (n, 2)."""

    points: Points


@dataclass(frozen=True, eq=False, slots=True)
class Marks:
    """Points that are marked one by one; shape (n, 2)."""

    points: Points


@dataclass(frozen=True, eq=False, slots=True)
class Area:
    """A number from 0 to 1 for each pixel, outlined where it passes a level, and filled the stronger the greater."""

    values: NDArray[np.floating | np.bool_]
    level: float = _HALF


Drawing = Line | Marks | Area


def seen_on(shape: Location | Region, frame: Frame) -> Drawing | None:
    """What of a place or outline is seen on a frame; None when it lies elsewhere."""
    if not isinstance(shape.where, Space):
        named = shape.where.frames or (1,)
        on_it = frame.key[0] == shape.where.sop_instance_uid and frame.number in named
        return _drawing(shape, np.array(_traced(shape))) if on_it else None
    if frame.space != shape.where.frame_of_reference_uid:
        return None
    if isinstance(shape, Region) and shape.outline is Outline.ELLIPSOID:
        return _cut(shape, frame)
    traced = frame.to_image(_traced(shape))
    near = np.abs(traced[:, 2]) <= frame.reach
    if isinstance(shape, Location) and shape.mark is not Mark.LINE:
        traced = traced[near]
    return _drawing(shape, traced[:, :2]) if near.any() else None


def area(mask: NDArray[np.floating | np.bool_]) -> Area | None:
    """A slice of a segment; None when it is empty. What stays below one half is outlined at half of its greatest."""
    greatest = float(mask.max())
    if greatest <= 0:
        return None
    return Area(mask, _HALF if greatest > _HALF else greatest / 2)


def _drawing(shape: Location | Region, points: Points) -> Drawing:
    marked = isinstance(shape, Location) and shape.mark is not Mark.LINE
    return Marks(points) if marked else Line(points)


def _traced(shape: Location | Region) -> Sequence[Sequence[float]] | Points:
    """The points of a shape; circles and ellipses become many."""
    if not isinstance(shape, Region) or shape.outline not in (Outline.CIRCLE, Outline.ELLIPSE):
        return shape.graphic_points if isinstance(shape, Region) else shape.points
    points = np.array(shape.points, dtype=np.float64)
    if shape.outline is Outline.CIRCLE:
        centre, along = points[0], points[1] - points[0]
        across = np.array([-along[1], along[0]])
    else:
        centre = points[:2].mean(axis=0)
        along, across = (points[1] - points[0]) / 2, (points[3] - points[2]) / 2
    angles = np.linspace(0, 2 * np.pi, _ROUND)[:, None]
    return np.asarray(centre + np.cos(angles) * along + np.sin(angles) * across)


def _cut(shape: Region, frame: Frame) -> Area | None:
    """Where the plane of the frame cuts an ellipsoid: the nearer to its middle, the greater the value."""
    ends = np.array(shape.points, dtype=np.float64).reshape(3, 2, 3)
    centre, axes = ends.mean(axis=(0, 1)), (ends[:, 1] - ends[:, 0]) / 2
    rows, columns = frame.size
    grid = np.stack(np.meshgrid(np.arange(columns) + _HALF, np.arange(rows) + _HALF), axis=-1).reshape(-1, 2)
    offsets = (frame.to_space(grid) - centre) @ (axes / (axes**2).sum(axis=1)[:, None]).T
    outside = (offsets**2).sum(axis=1).reshape(rows, columns)
    return area(np.clip(1 - outside / 2, 0, 1) * (outside < 1))
