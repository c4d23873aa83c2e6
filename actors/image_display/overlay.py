"""Which pixels of a source slice belong to a segment: frames of the segmentation brought onto the slice.

A frame belongs to the slice at whose place it lies; where positions are missing or the frames of reference differ, to
the image that its Derivation Image macro names (PS3.3 section C.7.6.16.2.6). A frame that lies elsewhere than the image
it names is drawn where it lies, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from actors.image_display.planes import Plane, Slice, Vector, gap
from actors.image_display.segmentation import Mask, MaskFrame, Segmentation
from profiles.dicom import text

_SLACK = 0.05  # of a slice, for rounded positions


class Overlay:
    """A segmentation over one source series.

    Args:
        segmentation: the result.
        slices: the source frames, in the order in which they are shown.
    """

    def __init__(self, segmentation: Segmentation, slices: Sequence[Slice]) -> None:
        self.segmentation, self.slices = segmentation, slices
        self._by_image = {(one.instance, one.frame): index for index, one in enumerate(slices)}

    @cached_property
    def same_space(self) -> bool:
        """Whether positions of both can be compared: same Frame of Reference (PS3.3 section C.7.4.1)."""
        own = str(self.segmentation.dataset.get("FrameOfReferenceUID", ""))
        theirs = {text(one.header, "FrameOfReferenceUID") for one in self.slices}
        return bool(own) and theirs == {own}

    @cached_property
    def _reach(self) -> float:
        """How far from its plane a frame still counts, in millimetres."""
        return (self.segmentation.thickness or gap(self.slices) or 1.0) * (0.5 + _SLACK)

    def _by_place(self, frame: MaskFrame) -> bool:
        return frame.plane is not None and self.same_space

    @cached_property
    def _normal(self) -> Vector | None:
        """The direction across the segmentation's frames, where places can be compared."""
        frame = next((one.plane for one in self.segmentation.frames if one.plane), None)
        return frame.normal if frame is not None and self.same_space else None

    def _lies_across(self, one: Slice) -> bool:
        """Whether the slice lies in another direction than the frames, so that they must be cut."""
        return self._normal is not None and one.plane is not None and not one.plane.faces(self._normal)

    @cached_property
    def _places(self) -> tuple[Vector, Vector]:
        """Origins and normals of the slices that lie along the frames; not-a-number for all others."""
        nowhere = np.full(3, np.nan)
        along = [one.plane if one.plane and not self._lies_across(one) else None for one in self.slices]
        return (
            np.array([one.origin if one else nowhere for one in along]).reshape(-1, 3),
            np.array([one.normal if one else nowhere for one in along]).reshape(-1, 3),
        )

    @cached_property
    def _frames(self) -> dict[int, list[MaskFrame]]:
        """Frames by slice, for slices that lie along the frames."""
        found: dict[int, list[MaskFrame]] = {}
        for frame in self.segmentation.frames:
            for index in self._slices_at(frame):
                found.setdefault(index, []).append(frame)
        return found

    def _slices_at(self, frame: MaskFrame) -> list[int]:
        if not self._by_place(frame) or frame.plane is None:
            return sorted({self._by_image[image] for image in frame.images if image in self._by_image})
        origins, normals = self._places
        away = np.abs(((frame.plane.origin - origins) * normals).sum(axis=1))
        return [int(index) for index in np.flatnonzero(away <= self._reach)]

    @cached_property
    def contradictions(self) -> int:
        """Frames that name images of this series but lie at none of them."""
        count = 0
        for frame in self.segmentation.frames:
            named = {self._by_image[image] for image in frame.images if image in self._by_image}
            named = {index for index in named if not self._lies_across(self.slices[index])}
            if named and self._by_place(frame) and not named & set(self._slices_at(frame)):
                count += 1
        return count

    @cached_property
    def touched(self) -> list[int]:
        """Indices of the slices on which the segmentation has a frame, in order."""
        across = {index for index, one in enumerate(self.slices) if self._lies_across(one)}
        return sorted(across | set(self._frames))

    def mask(self, index: int, segment: int) -> Mask:
        """The pixels of a slice that belong to a segment.

        Args:
            index: of the slice, from 0.
            segment: Segment Number.

        Returns:
            Truth values of the slice's own rows and columns.
        """
        one = self.slices[index]
        if one.plane is not None and self._lies_across(one):
            return self._cut(one, one.plane, segment)
        found: Mask = np.zeros((one.rows, one.columns), np.bool_)
        frames = [frame for frame in self._frames.get(index, []) if frame.segment in (segment, 0)]
        for frame in self._nearest(one, frames):
            found |= self._on_slice(one, frame, segment)
        return found

    def _nearest(self, one: Slice, frames: list[MaskFrame]) -> list[MaskFrame]:
        """Of several frames within reach the nearest, and of two equally near ones that which names the image."""
        placed = [frame for frame in frames if self._by_place(frame)]
        if not placed or one.plane is None:
            return frames

        def rank(frame: MaskFrame) -> tuple[float, bool]:
            away = abs(one.plane.distance(frame.plane)) if one.plane and frame.plane else 0.0
            return round(away, 3), (one.instance, one.frame) not in frame.images

        return [min(placed, key=rank)]

    def _on_slice(self, one: Slice, frame: MaskFrame, segment: int) -> Mask:
        mask = self.segmentation.mask(frame, segment)
        if not self._by_place(frame) or frame.plane is None or one.plane is None:
            return _same_size(mask, one)
        columns, rows = frame.plane.pixels(_grid(one, one.plane))
        return _sampled(mask, columns, rows)

    def _cut(self, one: Slice, place: Plane, segment: int) -> Mask:
        """A slice through frames that lie across it: every pixel takes the frame nearest to it."""
        frames = [frame for frame in self.segmentation.frames if frame.plane and frame.segment in (segment, 0)]
        points = _grid(one, place)
        nearest = np.full(points.shape[:2], self._reach)
        found: Mask = np.zeros(points.shape[:2], np.bool_)
        for frame in frames:
            if frame.plane is None:
                continue
            away = np.abs((points - frame.plane.origin) @ frame.plane.normal)
            closer = away <= nearest
            if closer.any():
                columns, rows = frame.plane.pixels(points)
                found[closer] = _sampled(self.segmentation.mask(frame, segment), columns, rows)[closer]
                nearest[closer] = away[closer]
        return found


def _grid(one: Slice, place: Plane) -> np.ndarray:
    rows, columns = np.mgrid[0 : one.rows, 0 : one.columns]
    return place.points(columns, rows)


def _sampled(mask: Mask, columns: np.ndarray, rows: np.ndarray) -> Mask:
    """The mask at fractional pixel places, by nearest neighbour; outside is nothing."""
    column, row = np.rint(columns).astype(np.int64), np.rint(rows).astype(np.int64)
    inside = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
    found: Mask = np.zeros(column.shape, np.bool_)
    found[inside] = mask[row[inside], column[inside]]
    return found


def _same_size(mask: Mask, one: Slice) -> Mask:
    """A frame without position covers its image pixel for pixel, or not at all."""
    return mask if mask.shape == (one.rows, one.columns) else np.zeros((one.rows, one.columns), np.bool_)
