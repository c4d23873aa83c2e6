"""Read a Segmentation object (PS3.3 section A.51; label maps A.51.5) frame by frame, without decoding all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from actors.image_display.colours import from_cielab, of_number
from actors.image_display.planes import Plane, plane
from profiles.errors import BadInput

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Segment:
    """What one segment stands for (PS3.3 section C.8.20.4)."""

    number: int
    label: str
    kind: str = ""
    algorithm: str = ""
    colour: tuple[int, int, int] = (0, 200, 180)
    tracking_id: str = ""
    tracking_uid: str = ""


@dataclass(frozen=True, eq=False)
class MaskFrame:
    """One frame of the segmentation.

    Attributes:
        index: from 0, in the order of the pixel data.
        segment: the segment it belongs to; 0 in label maps, where every frame holds all segments.
        plane: where it lies.
        images: SOP Instance UID and frame number of the images it was derived from.
    """

    index: int
    segment: int
    plane: Plane | None
    images: tuple[tuple[str, int], ...] = field(default=())


class Segmentation:
    """A SEG instance.

    Args:
        dataset: the whole instance, pixels included.

    Raises:
        BadInput: when it is no segmentation that can be read.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.uid = str(dataset.SOPInstanceUID)
        self.type = str(dataset.get("SegmentationType", ""))
        self.rows, self.columns = int(dataset.get("Rows", 0)), int(dataset.get("Columns", 0))
        if "PixelData" not in dataset or self.type not in {"BINARY", "FRACTIONAL", "LABELMAP"} or not self.rows:
            raise BadInput(
                "The segmentation has no pixels that can be read (PS3.3 section C.8.20.2: Segmentation Type is BINARY, "
                "FRACTIONAL or LABELMAP)."
            )

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """All segments but a label map's background."""
        found = [_segment(one) for one in self.dataset.get("SegmentSequence", [])]
        return tuple(one for one in found if one.number > 0)

    @cached_property
    def frames(self) -> tuple[MaskFrame, ...]:
        """All frames with their place and origin."""
        shared = _first(self.dataset, "SharedFunctionalGroupsSequence")
        groups = list(self.dataset.get("PerFrameFunctionalGroupsSequence", [])) or [Dataset()]
        return tuple(self._frame(number, group, shared) for number, group in enumerate(groups))

    def _frame(self, index: int, group: Dataset, shared: Dataset) -> MaskFrame:
        def macro(name: str) -> Dataset:
            return _first(group, name) or _first(shared, name)

        segment = 0
        if self.type != "LABELMAP":
            segment = int(macro("SegmentIdentificationSequence").get("ReferencedSegmentNumber", 1))
        place = plane(
            macro("PlanePositionSequence").get("ImagePositionPatient") or [],
            macro("PlaneOrientationSequence").get("ImageOrientationPatient") or [],
            macro("PixelMeasuresSequence").get("PixelSpacing") or [],
        )
        sources = macro("DerivationImageSequence").get("SourceImageSequence", [])
        images = [
            (str(one.get("ReferencedSOPInstanceUID", "")), number)
            for one in sources
            for number in _numbers(one.get("ReferencedFrameNumber"))
        ]
        return MaskFrame(index, segment, place, tuple(images))

    @cached_property
    def thickness(self) -> float:
        """Millimetres that one frame stands for across its plane; 0 when nothing says so."""
        shared = _first(self.dataset, "SharedFunctionalGroupsSequence")
        groups = list(self.dataset.get("PerFrameFunctionalGroupsSequence", []))
        measures = _first(shared, "PixelMeasuresSequence") or _first(
            groups[0] if groups else Dataset(), "PixelMeasuresSequence"
        )
        return float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0.0)

    @property
    def referenced_series(self) -> list[str]:
        """Series Instance UIDs of the images it was made from (PS3.3 section C.12.2)."""
        return [str(one.SeriesInstanceUID) for one in self.dataset.get("ReferencedSeriesSequence", [])]

    def mask(self, frame: MaskFrame, segment: int) -> Mask:
        """The pixels of one frame that belong to a segment; a fractional one counts from half of its maximum."""
        if self.type == "BINARY" and not self.dataset.file_meta.TransferSyntaxUID.is_compressed:
            return self._bits[frame.index]
        pixels = np.asarray(self._pixels(frame.index))
        if self.type == "LABELMAP":
            return np.asarray(pixels == segment, np.bool_)
        if self.type == "FRACTIONAL":
            return np.asarray(pixels >= int(self.dataset.get("MaximumFractionalValue", 255)) / 2, np.bool_)
        return np.asarray(pixels > 0, np.bool_)

    @cached_property
    def _bits(self) -> _PackedFrames:
        return _PackedFrames(bytes(self.dataset.PixelData), self.rows, self.columns)

    def _pixels(self, index: int) -> Any:
        try:
            return pixel_array(self.dataset, index=index)
        except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
            raise BadInput("The segmentation's pixels cannot be decoded (PS3.5 section 8.2).") from error


@dataclass(frozen=True, slots=True)
class _PackedFrames:
    """1-bit frames, which run on without padding, the first pixel in the lowest bit (PS3.5 section 8.1.1)."""

    content: bytes
    rows: int
    columns: int

    def __getitem__(self, index: int) -> Mask:
        bits = self.rows * self.columns
        start = index * bits
        packed = np.frombuffer(self.content[start // 8 : (start + bits + 7) // 8], np.uint8)
        found = np.unpackbits(packed, bitorder="little")[start % 8 : start % 8 + bits]
        if found.size != bits:
            raise BadInput("The segmentation's pixel data are shorter than its number of frames (PS3.5 section 8.1.1).")
        return found.reshape(self.rows, self.columns).astype(np.bool_)


def _segment(one: Dataset) -> Segment:
    number = int(one.get("SegmentNumber", 0))
    lab = one.get("RecommendedDisplayCIELabValue")
    algorithm = _first(one, "SegmentationAlgorithmIdentificationSequence")
    name = str(algorithm.get("AlgorithmName") or one.get("SegmentAlgorithmName", ""))
    return Segment(
        number=number,
        label=str(one.get("SegmentLabel", "")) or f"segment {number}",
        kind=str(_first(one, "SegmentedPropertyTypeCodeSequence").get("CodeMeaning", "")),
        algorithm=f"{name} {algorithm.get('AlgorithmVersion', '')}".strip(),
        colour=from_cielab([int(value) for value in lab]) if lab is not None and len(lab) else of_number(number),
        tracking_id=str(one.get("TrackingID", "")),
        tracking_uid=str(one.get("TrackingUID", "")),
    )


def _first(dataset: Dataset, keyword: str) -> Dataset:
    found = dataset.get(keyword)
    return found[0] if found else Dataset()


def _numbers(value: Any) -> list[int]:
    if value is None or value == "":
        return [1]
    return (
        [int(one) for one in value] if isinstance(value, list | tuple) or hasattr(value, "__iter__") else [int(value)]
    )
