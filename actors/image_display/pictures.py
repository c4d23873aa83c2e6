"""Pixels as pictures: grey slices, transparent masks with an outline, and both laid over each other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from actors.image_display.colours import Colour
from actors.image_display.planes import Plane
from actors.image_display.segmentation import Mask
from profiles.dicom import JsonDataset, get

Grey = NDArray[np.uint8]
FILL_ALPHA = 70
OUTLINE_ALPHA = 255
_FINE_BELOW = ((420, 3), (840, 2))  # longest side in pixels, factor of enlargement
_PERCENTILES = (0.5, 99.7)
_AXES = (("R", "L"), ("A", "P"), ("F", "H"))
_OBLIQUE_ABOVE = 0.3


@dataclass(frozen=True, slots=True)
class Window:
    """Values shown from black to white."""

    low: float
    high: float

    @classmethod
    def around(cls, values: NDArray[Any]) -> Window:
        """A window over nearly all values of some slices."""
        low, high = (float(one) for one in np.percentile(values, _PERCENTILES))
        return cls(low, max(high, low + 1e-6))


def values_of(content: bytes, header: JsonDataset) -> NDArray[np.float32] | None:
    """Modality values of one native grey frame, or None when the bytes are not that.

    Args:
        content: the frame as WADO-RS gave it.
        header: metadata of its instance: rows, columns, bits, rescale (PS3.3 sections C.7.6.3 and C.11.1).
    """
    rows, columns = int(get(header, "Rows", 0)), int(get(header, "Columns", 0))
    bits, signed = int(get(header, "BitsAllocated", 0)), int(get(header, "PixelRepresentation", 0))
    if bits not in {8, 16, 32} or len(content) not in {rows * columns * bits // 8, rows * columns * bits // 8 + 1}:
        return None
    kind = np.dtype(f"<{'i' if signed else 'u'}{bits // 8}")
    pixels = np.frombuffer(content, kind, count=rows * columns).reshape(rows, columns)
    return rescaled(pixels, header)


def rescaled(pixels: NDArray[Any], header: JsonDataset) -> NDArray[np.float32]:
    """Stored values as modality values (PS3.3 section C.11.1)."""
    slope, intercept = float(get(header, "RescaleSlope", 1) or 1), float(get(header, "RescaleIntercept", 0) or 0)
    return pixels.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def grey(values: NDArray[Any], window: Window, inverted: bool = False) -> Grey:
    """Values as 8-bit grey; ``inverted`` for MONOCHROME1."""
    shown = np.clip((values - window.low) / (window.high - window.low), 0, 1) * 255
    return (255 - shown if inverted else shown).astype(np.uint8)


def enlargement(rows: int, columns: int) -> int:
    """How many picture pixels one mask pixel gets, so that outlines stay thin."""
    return next((factor for below, factor in _FINE_BELOW if max(rows, columns) <= below), 1)


def enlarged(mask: Mask, factor: int) -> Mask:
    """The mask with each pixel as a square of ``factor`` pixels."""
    return mask if factor == 1 else np.kron(mask, np.ones((factor, factor), np.bool_)).astype(np.bool_)


def outline(mask: Mask) -> Mask:
    """The pixels of a mask that touch something outside of it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: Mask = mask & ~inner
    return edge


def mask_picture(mask: Mask, colour: Colour) -> bytes:
    """A PNG of a mask alone: transparent outside, half transparent inside, its outline opaque."""
    shown = enlarged(mask, enlargement(*mask.shape))
    picture = np.zeros((*shown.shape, 4), np.uint8)
    picture[shown] = (*colour, FILL_ALPHA)
    picture[outline(shown)] = (*colour, OUTLINE_ALPHA)
    return png(picture)


def laid_over(slice_: Grey, masks: Sequence[tuple[Mask, Colour]]) -> NDArray[np.uint8]:
    """A grey slice with masks over it, as RGB; masks have the slice's size or are all larger by one whole factor."""
    shown = np.repeat(slice_[:, :, None], 3, axis=2).astype(np.float32)
    share = FILL_ALPHA / 255
    for mask, colour in masks:
        shown[mask] = shown[mask] * (1 - share) + np.array(colour, np.float32) * share
        shown[outline(mask)] = colour
    return shown.astype(np.uint8)


def overlay_picture(slice_: Grey, masks: Sequence[tuple[Mask, Colour]], place: Plane | None) -> bytes:
    """A PNG of a slice with its masks, enlarged, with square pixels."""
    factor = enlargement(*slice_.shape)
    large = np.asarray(Image.fromarray(slice_).resize((slice_.shape[1] * factor, slice_.shape[0] * factor), 2))
    picture = Image.fromarray(laid_over(large, [(enlarged(mask, factor), colour) for mask, colour in masks]))
    if place is not None:
        height = round(picture.width * slice_.shape[0] * place.row_spacing / (slice_.shape[1] * place.column_spacing))
        picture = picture.resize((picture.width, max(1, height)))
    return png(np.asarray(picture))


def png(picture: NDArray[np.uint8]) -> bytes:
    """An array as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def side_letters(place: Plane) -> dict[str, str]:
    """Which side of the patient is at each edge of a slice: right, left, anterior, posterior, head, foot."""

    def letters(direction: NDArray[Any]) -> tuple[str, str]:
        order = [axis for axis in np.argsort(-np.abs(direction)) if abs(direction[axis]) > _OBLIQUE_ABOVE]
        ends = [_AXES[axis] if direction[axis] > 0 else _AXES[axis][::-1] for axis in order]
        return "".join(end[0] for end in ends), "".join(end[1] for end in ends)

    left, right = letters(place.along_row)
    top, bottom = letters(place.along_column)
    return {"left": left, "right": right, "top": top, "bottom": bottom}
