"""Plane and space: what the rules for regions measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
PLANE, SPACE = 2, 3
"""Coordinates of a point."""

_MOST_POINTS, _BOX_POINTS = 2000, 5
_SAME = 1e-6


def is_closed(data: Sequence[float], each: int) -> bool:
    """Whether a line ends where it begins."""
    return all(abs(start - end) < _SAME for start, end in zip(data[:each], data[-each:], strict=True))


def shoelace(points: Points) -> float:
    """Area that a closed line encloses, in squares of its unit; the sign says which way round."""
    x, y = points[:, 0] - points[0, 0], points[:, 1] - points[0, 1]
    return float(np.dot(x[:-1], y[1:]) - np.dot(y[:-1], x[1:])) / 2


def is_box(points: Points) -> bool:
    """Whether a closed line of four sides is a rectangle along the axes."""
    if len(points) != _BOX_POINTS or not np.allclose(points[0], points[-1]):
        return False
    steps = np.abs(np.diff(points, axis=0)) > _SAME
    alternates = bool((steps[:, 0] != steps[:, 1]).all() and (steps[:-1, 0] != steps[1:, 0]).all())
    return alternates and abs(shoelace(points)) > 0


def crosses_itself(points: Points) -> bool:
    """Whether two sides of a closed line cross; not looked at when there are very many."""
    if len(points) > _MOST_POINTS:
        return False
    start, end = points[:-1], points[1:]
    for index in range(len(start) - 2):
        others = slice(index + 2, len(start) - 1 if index == 0 else len(start))
        if _cross(start[index], end[index], start[others], end[others]):
            return True
    return False


def _side(origin: Points, to: Points, points: Points) -> Points:
    direction = to - origin
    found: Points = direction[..., 0] * (points[..., 1] - origin[..., 1]) - direction[..., 1] * (
        points[..., 0] - origin[..., 0]
    )
    return found


def _cross(start: Points, end: Points, starts: Points, ends: Points) -> bool:
    """Whether one side properly crosses any of the others."""
    apart = _side(start, end, starts) * _side(start, end, ends) < 0
    other = _side(starts, ends, start[np.newaxis]) * _side(starts, ends, end[np.newaxis]) < 0
    return bool((apart & other).any())


def off_plane_mm(data: Sequence[float]) -> float:
    """How far points lie from the plane that fits them best."""
    points = np.asarray(data, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(points).all():
        return 0.0
    centred = points - points.mean(axis=0)
    across = np.linalg.svd(centred, full_matrices=False)[2][-1]
    return float(np.abs(centred @ across).max())
