"""The frames of the source images: their greys, the shape of their pixels, and where they lie in the patient."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from profiles.air import ImageReference

Key = tuple[str, int]
_PERCENTILES = (0.5, 99.5)
_AXES = (("R", "L"), ("A", "P"), ("F", "H"))
_OBLIQUE_ABOVE = 0.3
_UNDECODABLE = (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One frame of one source image.

    Attributes:
        dataset: the image, with its pixels if they are to be seen.
        number: of the frame, from 1.
    """

    dataset: Dataset
    number: int

    @property
    def key(self) -> Key:
        """SOP Instance UID and frame number."""
        return str(self.dataset.SOPInstanceUID), self.number

    @property
    def reference(self) -> ImageReference:
        """The frame as results refer to it."""
        several = int(self.dataset.get("NumberOfFrames", 1) or 1) > 1
        return ImageReference(self.key[0], (self.number,) if several else ())

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.dataset.Rows), int(self.dataset.Columns)

    @property
    def space(self) -> str:
        """Frame of Reference UID; empty where there is none, as on radiographs."""
        return str(self.dataset.get("FrameOfReferenceUID", "") or "") if self._plane else ""

    @property
    def title(self) -> str:
        """Words that tell the frame from others of the study."""
        series, description = self.dataset.get("SeriesNumber"), str(self.dataset.get("SeriesDescription", "") or "")
        frame = f" frame {self.number}" if self.reference.frames else ""
        words = ["series", "" if series is None else str(series), description]
        return f"Image {self.dataset.get('InstanceNumber') or '?'}{frame}, {' '.join(filter(None, words))}"

    @property
    def aspect(self) -> float:
        """How many times as high as wide a pixel is (Pixel Spacing, else Pixel Aspect Ratio)."""
        spacing = self._spacing or self.dataset.get("PixelAspectRatio") or (1, 1)
        return float(spacing[0]) / float(spacing[1]) if min(float(part) for part in spacing) > 0 else 1.0

    @property
    def reach(self) -> float:
        """How far from its plane something in space still belongs to the frame, in mm."""
        measures = self._macro("PixelMeasuresSequence")
        thickness = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 1.0
        return float(thickness) / 2 + 1e-3

    def greys(self) -> NDArray[np.float64] | None:
        """The pixels from 0 to 1 through the image's own window; None when they are not at hand, or not decodable.

        Returns:
            Shape (rows, columns), or (rows, columns, 3) of a colour image.
        """
        if not any(keyword in self.dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
            return None
        import highdicom as hd

        for windowed in [True, False] if self._has_window else [False]:
            try:
                with np.errstate(divide="ignore", invalid="ignore"):
                    image = hd.Image.from_dataset(copy.copy(self.dataset), copy=False)
                    values = image.get_frame(
                        self.number,
                        apply_real_world_transform=False,
                        apply_voi_transform=windowed,
                        apply_icc_profile=False,
                    )
            except _UNDECODABLE:
                continue
            if np.isfinite(values).all():  # a window of width 1 divides by zero in highdicom
                return _stretched(np.asarray(values, dtype=np.float64), windowed)
        return None

    def sides(self) -> tuple[str, str]:
        """Which side of the patient lies to the right of, and below, the picture; empty when unknown."""
        if self._plane:
            along = self._plane[1]
            return _letters(along[:3]), _letters(along[3:])
        said = [str(part) for part in self.dataset.get("PatientOrientation") or ()]
        return (said[0], said[1]) if len(said) == len(_AXES) - 1 else ("", "")

    def to_image(self, points: Sequence[Sequence[float]] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Points in space as (column, row, distance from the plane in mm)."""
        import highdicom as hd

        transform = hd.spatial.ReferenceToImageTransformer(*self._plane)
        return np.asarray(transform(np.array(points, dtype=np.float64)))

    def to_space(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (column, row) of the frame in space."""
        import highdicom as hd

        return np.asarray(hd.spatial.ImageToReferenceTransformer(*self._plane)(points))

    @property
    def _plane(self) -> tuple[list[float], ...]:
        """Position, orientation and spacing; empty when one of them is missing."""
        position = self._macro("PlanePositionSequence").get("ImagePositionPatient")
        orientation = self._macro("PlaneOrientationSequence").get("ImageOrientationPatient")
        spacing = self._macro("PixelMeasuresSequence").get("PixelSpacing")
        if not (position and orientation and spacing):
            return ()
        return _numbers(position), _numbers(orientation), _numbers(spacing)

    @property
    def _spacing(self) -> Any:
        return self._macro("PixelMeasuresSequence").get("PixelSpacing") or self.dataset.get("ImagerPixelSpacing")

    @property
    def _has_window(self) -> bool:
        places = (self.dataset, self._macro("FrameVOILUTSequence"))
        return any(keyword in place for place in places for keyword in ("WindowCenter", "VOILUTSequence"))

    def _macro(self, name: str) -> Dataset:
        """A functional group of the frame, or the image itself where it has none (PS3.3 C.7.6.16)."""
        own = self.dataset.get("PerFrameFunctionalGroupsSequence") or []
        groups = [*own[self.number - 1 : self.number], *(self.dataset.get("SharedFunctionalGroupsSequence") or [])]
        return next((group[name][0] for group in groups if group.get(name)), self.dataset)


class Frames:
    """All frames of the images that are at hand.

    Args:
        images: with their pixels.
    """

    def __init__(self, images: Iterable[Dataset]) -> None:
        self._images = {str(image.SOPInstanceUID): image for image in images}

    def find(self, key: Key) -> Frame | None:
        """The frame, or None when it is not at hand."""
        image = self._images.get(key[0])
        if image is None or not 1 <= key[1] <= int(image.get("NumberOfFrames", 1) or 1):
            return None
        return Frame(image, key[1])

    def nearest(self, space: str, points: Sequence[Sequence[float]]) -> Frame | None:
        """The frame of a Frame of Reference that lies nearest to points in it, seen on the whole."""
        found = [frame for frame in self._all() if frame.space == space]
        return min(found, key=lambda frame: _away(frame, points), default=None)

    def middle(self, series_instance_uid: str) -> Frame | None:
        """The frame in the middle of a series."""
        found = [frame for frame in self._all() if str(frame.dataset.SeriesInstanceUID) == series_instance_uid]
        found.sort(key=lambda frame: (int(frame.dataset.get("InstanceNumber") or 0), frame.number))
        return found[len(found) // 2] if found else None

    def _all(self) -> list[Frame]:
        return [
            Frame(image, number)
            for image in self._images.values()
            for number in range(1, int(image.get("NumberOfFrames", 1) or 1) + 1)
        ]


def _away(frame: Frame, points: Sequence[Sequence[float]]) -> float:
    return round(float(np.abs(frame.to_image(points)[:, 2]).mean()), 3)


def _stretched(values: NDArray[np.float64], windowed: bool) -> NDArray[np.float64]:
    """Values from 0 to 1: as the window says, as colours are, or over nearly all of them."""
    low, high = (0.0, 1.0) if windowed else (0.0, 255.0)
    if not windowed and values.ndim == 2:  # noqa: PLR2004
        low, high = np.percentile(values, _PERCENTILES)
        if low == high:
            low, high = values.min(), values.max()
    return np.clip((values - low) / max(high - low, 1e-9), 0, 1)


def _letters(direction: Sequence[float]) -> str:
    """The side of the patient that a direction points to; two letters when it is oblique."""
    order = sorted(range(3), key=lambda axis: -abs(direction[axis]))
    return "".join(_AXES[axis][direction[axis] > 0] for axis in order if abs(direction[axis]) > _OBLIQUE_ABOVE)


def _numbers(values: Sequence[Any]) -> list[float]:
    return [float(value) for value in values]
