"""Where the pixels of a frame lie in the patient (PS3.3 section C.7.6.2.1.1). LPS coordinates in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profiles.dicom import JsonDataset, get, get_all, item, items, text

Vector = NDArray[np.float64]
_PARALLEL = 0.9995
_SHORTEST = 0.5  # of a direction that should have length 1
_ORIENTATION, _POSITION, _SPACING = 6, 3, 2


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane of one frame.

    Attributes:
        origin: centre of the first pixel (Image Position (Patient)).
        along_row: unit vector of growing column index.
        along_column: unit vector of growing row index.
        row_spacing: millimetres from one row to the next (first value of Pixel Spacing).
        column_spacing: millimetres from one column to the next.
    """

    origin: Vector
    along_row: Vector
    along_column: Vector
    row_spacing: float
    column_spacing: float

    @property
    def normal(self) -> Vector:
        """Unit vector through the plane."""
        return np.cross(self.along_row, self.along_column)

    def points(self, columns: NDArray[Any], rows: NDArray[Any]) -> Vector:
        """Patient coordinates of pixel centres; shape of the indices plus a last axis of 3."""
        across = np.asarray(columns, np.float64)[..., None] * self.column_spacing * self.along_row
        down = np.asarray(rows, np.float64)[..., None] * self.row_spacing * self.along_column
        found: Vector = self.origin + across + down
        return found

    def pixels(self, points: Vector) -> tuple[Vector, Vector]:
        """Fractional column and row of points (projected on the plane along its normal)."""
        offset = points - self.origin
        return offset @ self.along_row / self.column_spacing, offset @ self.along_column / self.row_spacing

    def distance(self, other: Plane) -> float:
        """Signed distance from this plane to another one's origin, along this one's normal."""
        return float((other.origin - self.origin) @ self.normal)

    def faces(self, normal: Vector) -> bool:
        """Whether the plane lies across a direction; turns and flips in the plane do not matter."""
        return bool(abs(self.normal @ normal) > _PARALLEL)

    def parallel_to(self, other: Plane) -> bool:
        """Whether two planes lie in the same direction."""
        return self.faces(other.normal)


def plane(position: Sequence[Any], orientation: Sequence[Any], spacing: Sequence[Any]) -> Plane | None:
    """A plane from Image Position, Image Orientation and Pixel Spacing, or None when one is missing or useless."""
    if len(position) != _POSITION or len(orientation) != _ORIENTATION or len(spacing) != _SPACING:
        return None
    try:
        origin, directions, steps = (np.array([float(v) for v in part]) for part in (position, orientation, spacing))
    except (TypeError, ValueError):
        return None
    lengths = np.linalg.norm(directions[:3]), np.linalg.norm(directions[3:])
    if min(lengths) < _SHORTEST or min(steps) <= 0 or not np.isfinite([*origin, *directions, *steps]).all():
        return None
    return Plane(origin, directions[:3] / lengths[0], directions[3:] / lengths[1], float(steps[0]), float(steps[1]))


@dataclass(frozen=True, eq=False)
class Slice:
    """One frame of the source images.

    Attributes:
        instance: its SOP Instance UID.
        frame: its number in the instance, from 1.
        rows: height in pixels.
        columns: width in pixels.
        plane: where it lies; None for images without position, such as radiographs.
        header: the instance's metadata, for rescaling and windows.
    """

    instance: str
    frame: int
    rows: int
    columns: int
    plane: Plane | None
    header: JsonDataset


def slices_of(series: Sequence[JsonDataset]) -> list[Slice]:
    """The frames of a series in their order through the patient, else in the order of their numbers.

    Args:
        series: metadata of the instances (WADO-RS), single-frame or multi-frame.
    """
    found = [one for instance in series for one in _frames(instance)]
    first = next((one.plane for one in found if one.plane), None)
    if first is not None and all(one.plane is not None and first.parallel_to(one.plane) for one in found):
        through = _towards_head(first)
        return sorted(found, key=lambda one: float(one.plane.origin @ through) if one.plane else 0.0)
    return sorted(found, key=lambda one: (int(get(one.header, "InstanceNumber", 0) or 0), one.frame))


def _towards_head(first: Plane) -> Vector:
    """The normal, turned so that its largest part points to left, back or head."""
    normal = first.normal
    return normal if normal[int(np.argmax(np.abs(normal)))] > 0 else -normal


def _frames(instance: JsonDataset) -> list[Slice]:
    rows, columns = int(get(instance, "Rows", 0) or 0), int(get(instance, "Columns", 0) or 0)
    if not rows or not columns:
        return []
    uid = text(instance, "SOPInstanceUID")
    count = int(get(instance, "NumberOfFrames", 1) or 1)
    shared = item(instance, "SharedFunctionalGroupsSequence")
    groups = items(instance, "PerFrameFunctionalGroupsSequence")
    if not groups:
        place = _plane(instance, instance, instance)
        return [Slice(uid, number, rows, columns, place, instance) for number in range(1, count + 1)]
    return [
        Slice(
            uid,
            number,
            rows,
            columns,
            _plane(
                item(group, "PlanePositionSequence") or item(shared, "PlanePositionSequence"),
                item(group, "PlaneOrientationSequence") or item(shared, "PlaneOrientationSequence"),
                item(group, "PixelMeasuresSequence") or item(shared, "PixelMeasuresSequence"),
            ),
            instance,
        )
        for number, group in enumerate(groups, 1)
    ]


def _plane(position: JsonDataset, orientation: JsonDataset, measures: JsonDataset) -> Plane | None:
    return plane(
        get_all(position, "ImagePositionPatient"),
        get_all(orientation, "ImageOrientationPatient"),
        get_all(measures, "PixelSpacing"),
    )


def gap(slices: Sequence[Slice]) -> float:
    """The usual distance between neighbouring slices, in millimetres; 0 when there is none."""
    planes = [one.plane for one in slices if one.plane]
    steps = [abs(a.distance(b)) for a, b in pairwise(planes)]
    return float(np.median(steps)) if steps else 0.0
