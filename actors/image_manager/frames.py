"""Frames of stored instances: as raw native pixels, and rendered for people (PS3.18 sections 8.7.3.3 and 8.3.5)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.image_manager.index import InstanceRow
from profiles.dicom import JsonDataset, get, get_all
from profiles.errors import BadInput, NotFound

_WIDEST = 8192
_COLOUR_AXES = 3
_FULL_WINDOW = (1.0, 99.5)  # percentiles shown when an image names no window


def frame_numbers(text: str, frames: int) -> list[int]:
    """The frame list of a URL, counted from 1.

    Raises:
        BadInput: when it is no list of numbers.
        NotFound: when the instance has no such frame.
    """
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts):
        raise BadInput("Frames are named by a comma-separated list of numbers from 1 (PS3.18 section 10.4.1.1.6).")
    numbers = [int(part) for part in parts]
    for number in numbers:
        if not 1 <= number <= frames:
            raise NotFound(f"The instance has {frames} frame(s); frame {number} does not exist.")
    return numbers


def native_frame(path: Path, row: InstanceRow, header: JsonDataset, number: int) -> bytes:
    """One frame as native little endian pixels; a 1-bit frame is packed from its own first byte on.

    Args:
        path: the instance's file.
        row: its row of the index.
        header: its header.
        number: from 1.
    """
    if row.pixel_offset is None:
        return _decoded_frame(path, number)
    bits = (
        int(get(header, "Rows", 0))
        * int(get(header, "Columns", 0))
        * int(get(header, "SamplesPerPixel", 1))
        * int(get(header, "BitsAllocated", 0))
    )
    if str(get(header, "PhotometricInterpretation", "")) == "YBR_FULL_422":
        bits = bits * 2 // 3
    first_bit = (number - 1) * bits
    start, end = first_bit // 8, (first_bit + bits + 7) // 8
    with path.open("rb") as stream:
        stream.seek(row.pixel_offset + start)
        content = stream.read(end - start)
    return content if first_bit % 8 == 0 and bits % 8 == 0 else _repacked(content, first_bit % 8, bits)


def _repacked(content: bytes, shift: int, bits: int) -> bytes:
    import numpy as np

    unpacked = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[shift : shift + bits]
    return np.packbits(unpacked, bitorder="little").tobytes()


def _decoded_frame(path: Path, number: int) -> bytes:
    from pydicom.pixels.utils import pixel_array

    try:
        pixels = pixel_array(path, index=number - 1, raw=True)
    except (RuntimeError, NotImplementedError, AttributeError, ValueError) as error:
        raise NotFound(
            "The instance has no pixel data that can be decoded here (PS3.18 section 8.7.3.3); retrieve it whole."
        ) from error
    return bytes(pixels.tobytes())


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a frame shall be rendered (PS3.18 section 8.3.5.1).

    Attributes:
        media_type: ``image/png`` or ``image/jpeg``.
        window: centre and width in modality units; None for the image's own, or its percentiles 1 to 99.5.
        size: largest width and height in pixels; None for the image's own.
        quality: of JPEG, 1 to 100.
    """

    media_type: str = "image/png"
    window: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    quality: int = 90

    @classmethod
    def parse(cls, media_type: str, window: str | None, viewport: str | None, quality: str | None) -> Rendering:
        """Read the query parameters ``window=centre,width[,shape]``, ``viewport=width,height`` and ``quality``.

        Raises:
            BadInput: when one is malformed.
        """
        try:
            shown = None if not window else (float(window.split(",")[0]), float(window.split(",")[1]))
            size = None if not viewport else (int(viewport.split(",")[0]), int(viewport.split(",")[1]))
            level = 90 if not quality else int(quality)
        except (ValueError, IndexError) as error:
            raise BadInput(
                "window is centre,width[,LINEAR]; viewport is width,height in pixels; quality is 1 to 100 "
                "(PS3.18 section 8.3.5.1)."
            ) from error
        wide = size is not None and not all(0 < side <= _WIDEST for side in size)
        if (shown and shown[1] <= 0) or wide or level not in range(1, 101):
            raise BadInput(
                f"Window width, viewport and quality must be positive; a viewport is at most {_WIDEST} pixels wide."
            )
        return cls(media_type, shown, size, level)


def render(path: Path, header: JsonDataset, number: int, rendering: Rendering) -> bytes:
    """A frame as a picture for people.

    Raises:
        NotFound: when the instance has no pixels that can be decoded here.
    """
    import numpy as np
    from PIL import Image
    from pydicom.pixels.utils import pixel_array

    try:
        pixels = np.asarray(pixel_array(path, index=number - 1))
    except (RuntimeError, NotImplementedError, AttributeError, ValueError) as error:
        raise NotFound("The instance has no pixels that can be rendered (PS3.18 section 10.4.1.1.3).") from error
    if pixels.ndim == _COLOUR_AXES:  # colour, as RGB
        picture = Image.fromarray(pixels.astype(np.uint8))
    else:
        picture = Image.fromarray(_grey(pixels, header, rendering.window))
    if rendering.size:
        picture.thumbnail(rendering.size)
    buffer = io.BytesIO()
    if rendering.media_type == "image/jpeg":
        picture.save(buffer, "JPEG", quality=rendering.quality)
    else:
        picture.save(buffer, "PNG")
    return buffer.getvalue()


def _grey(pixels: Any, header: JsonDataset, window: tuple[float, float] | None) -> Any:
    import numpy as np

    values = pixels * float(get(header, "RescaleSlope", 1)) + float(get(header, "RescaleIntercept", 0))
    window = window or _own_window(get_all(header, "WindowCenter"), get_all(header, "WindowWidth"))
    if window:
        low, high = window[0] - window[1] / 2, window[0] + window[1] / 2
    elif int(get(header, "BitsAllocated", 16)) == 1:
        low, high = 0.0, 1.0
    else:
        low, high = (float(one) for one in np.percentile(values, _FULL_WINDOW))
    shown = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255
    if str(get(header, "PhotometricInterpretation", "")) == "MONOCHROME1":
        shown = 255 - shown
    return shown.astype(np.uint8)


def _own_window(centers: Sequence[Any], widths: Sequence[Any]) -> tuple[float, float] | None:
    if not centers or not widths or float(widths[0]) <= 0:
        return None
    return float(centers[0]), float(widths[0])
