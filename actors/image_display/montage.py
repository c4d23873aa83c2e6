"""One picture of a result: the mask over an axial, a coronal and a sagittal plane through its middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from actors.image_display.colours import Colour
from actors.image_display.pictures import Window, grey, laid_over, png
from actors.image_display.planes import Slice, Vector

_TALLEST = 460  # pixels of the tallest panel
_GAP, _BAND = 10, 26
_HALF = 0.5
_GROUND, _INK, _DIM = (14, 17, 21), (235, 238, 242), (160, 168, 178)
#: Name, axis across, axis down with its sign, axis through, and the letters left, right, top, bottom.
_PLANES = (
    ("axial", 0, 1, 1, 2, "RLAP"),
    ("coronal", 0, 2, -1, 1, "RLHF"),
    ("sagittal", 1, 2, -1, 0, "APHF"),
)


@dataclass(frozen=True, eq=False)
class Volume:
    """Slices that lie along each other, as one block.

    Attributes:
        slices: with their planes, in order.
        values: modality values, indexed slice, row, column.
        labels: segment numbers at the same places; 0 is none.
    """

    slices: Sequence[Slice]
    values: NDArray[np.float32]
    labels: NDArray[np.uint8]

    def _indices(self, points: Vector) -> tuple[Vector, Vector, Vector]:
        """Fractional slice, row and column of points."""
        planes = [one.plane for one in self.slices if one.plane]
        first = planes[0]
        stops = np.array([first.distance(one) for one in planes])
        order = np.argsort(stops)
        through = (points - first.origin) @ first.normal
        index = np.interp(through, stops[order], np.arange(len(stops))[order], left=-1.0, right=-1.0)
        # where the slices are sheared (gantry tilt), each one starts elsewhere
        starts = np.array([one.origin for one in planes])
        nearest = starts[np.clip(np.rint(index).astype(np.int64), 0, len(planes) - 1)]
        offset = points - nearest
        return index, offset @ first.along_column / first.row_spacing, offset @ first.along_row / first.column_spacing

    def sampled(self, points: Vector) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]]:
        """Values between voxels, labels of the nearest voxel, and where the block is, at points of the patient."""
        index, row, column = self._indices(points)
        shape = self.values.shape
        inside = (index >= 0) & _within(row, shape[1]) & _within(column, shape[2])
        nearest = tuple(
            np.clip(np.rint(axis).astype(np.int64), 0, size - 1)
            for axis, size in zip((index, row, column), shape, strict=True)
        )
        return self._between(index, row, column), np.where(inside, self.labels[nearest], 0), inside

    def _between(self, index: Vector, row: Vector, column: Vector) -> NDArray[np.float32]:
        found = np.zeros(index.shape, np.float32)
        low = [
            np.clip(np.floor(axis), 0, max(size - 2, 0)).astype(np.int64)
            for axis, size in zip((index, row, column), self.values.shape, strict=True)
        ]
        share = [np.clip(axis - start, 0, 1) for axis, start in zip((index, row, column), low, strict=True)]
        for corner in range(8):
            steps = [(corner >> axis) & 1 for axis in range(3)]
            weight = np.ones(index.shape)
            for part, step in zip(share, steps, strict=True):
                weight = weight * (part if step else 1 - part)
            at = tuple(
                np.minimum(start + step, size - 1)
                for start, step, size in zip(low, steps, self.values.shape, strict=True)
            )
            found += (weight * self.values[at]).astype(np.float32)
        return found

    def corners(self) -> tuple[Vector, Vector]:
        """The smallest and the largest patient coordinates."""
        ends = []
        for one in (self.slices[0], self.slices[-1]):
            if one.plane:
                columns, rows = np.meshgrid([0, one.columns - 1], [0, one.rows - 1])
                ends.append(one.plane.points(columns, rows).reshape(-1, 3))
        points = np.concatenate(ends)
        return points.min(axis=0), points.max(axis=0)

    def middle(self) -> Vector:
        """The centre of all labelled voxels, else of the block."""
        counts = self.labels.reshape(len(self.slices), -1).any(axis=1)
        if not counts.any():
            low, high = self.corners()
            return (low + high) / 2
        total, weight = np.zeros(3), 0
        for index in map(int, np.flatnonzero(counts)):
            place = self.slices[index].plane
            rows, columns = np.nonzero(self.labels[index])
            if place is not None:
                total += place.points(np.array([columns.mean()]), np.array([rows.mean()]))[0] * rows.size
                weight += rows.size
        return total / max(weight, 1)


def _within(axis: Vector, size: int) -> NDArray[np.bool_]:
    return (axis >= -_HALF) & (axis <= size - _HALF)


def montage(volume: Volume, window: Window, colours: dict[int, Colour], caption: Sequence[str]) -> bytes:
    """A PNG with the three planes side by side.

    Args:
        volume: the images and the mask.
        window: values from black to white.
        colours: of the segments, by number.
        caption: lines of text below the planes; no patient data.
    """
    low, high = volume.corners()
    step = float((high - low).max()) / _TALLEST
    middle = volume.middle()
    panels = [
        (name, letters, _panel(volume, window, colours, (across, down, sign, through), middle, step))
        for name, across, down, sign, through, letters in _PLANES
    ]
    tallest = max(picture.shape[0] for _, _, picture in panels)
    width = sum(picture.shape[1] for _, _, picture in panels) + _GAP * (len(panels) + 1)
    height = tallest + 2 * _GAP + _BAND * (len(caption) + 1)
    sheet = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(16), ImageFont.load_default(14)
    left = _GAP
    for name, letters, picture in panels:
        top = _GAP + (tallest - picture.shape[0]) // 2
        sheet.paste(Image.fromarray(picture), (left, top))
        _letter(draw, letters, (left, top, picture.shape[1], picture.shape[0]), small)
        draw.text((left + picture.shape[1] / 2, tallest + _GAP + 4), name, _DIM, small, anchor="ma")
        left += picture.shape[1] + _GAP
    for number, line in enumerate(caption):
        where = (_GAP, tallest + 2 * _GAP + _BAND * (number + 1) - 4)
        draw.text(where, line, _INK if number == 0 else _DIM, font if number == 0 else small)
    return png(np.asarray(sheet))


def _panel(
    volume: Volume,
    window: Window,
    colours: dict[int, Colour],
    plane: tuple[int, int, int, int],
    middle: Vector,
    step: float,
) -> NDArray[np.uint8]:
    across, down, sign, through = plane
    low, high = volume.corners()
    columns = np.arange(low[across], high[across] + step / 2, step)
    rows = np.arange(low[down], high[down] + step / 2, step)
    points = np.empty((len(rows), len(columns), 3))
    points[..., across] = columns[None, :]
    points[..., down] = (rows if sign > 0 else rows[::-1])[:, None]
    points[..., through] = middle[through]
    values, labels, inside = volume.sampled(points)
    shown = np.where(inside, grey(values, window), 0).astype(np.uint8)
    return laid_over(shown, [(labels == number, colour) for number, colour in colours.items()])


def _letter(
    draw: ImageDraw.ImageDraw,
    letters: str,
    box: tuple[int, int, int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Sides of the patient at the edges of a panel."""
    left, top, width, height = box
    places = (
        (left + 5, top + height / 2, "lm"),
        (left + width - 5, top + height / 2, "rm"),
        (left + width / 2, top + 4, "ma"),
        (left + width / 2, top + height - 4, "md"),
    )
    for letter, (across, down, anchor) in zip(letters, places, strict=True):
        draw.text((across, down), letter, _INK, font, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))
