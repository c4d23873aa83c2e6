"""The images that an engine is given: series by their headers, and one series as a volume in patient space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from ai_engines.refusal import Refused
from profiles.dicom import code

Volume = NDArray[np.float32]

_FORMAT = "110521"  # Objects incorrectly formatted
_TYPE = "110522"  # Object Types not supported
_INCOMPLETE = "110523"  # Object Set incomplete
_SAME_DIRECTION = 1e-3
_MILLIMETRE = 1e-3


@dataclass(frozen=True, eq=False)
class Series:
    """One series of the study, by the headers of its instances.

    Attributes:
        uid: Series Instance UID.
        headers: the instances without their pixels, in no order.
        paths: their files, in the order of ``headers``.
    """

    uid: str
    headers: tuple[Dataset, ...]
    paths: tuple[Path, ...]

    def text(self, keyword: str) -> str:
        """An attribute of the first instance as text; empty when absent."""
        return str(self.headers[0].get(keyword, "") or "")

    def number(self, keyword: str) -> float | None:
        """An attribute of the first instance as a number; None when absent or none."""
        try:
            return float(self.text(keyword))
        except ValueError:
            return None

    @property
    def words(self) -> str:
        """Descriptions of the series in lower case, to look for words in."""
        return " ".join(
            self.text(keyword) for keyword in ("SeriesDescription", "ProtocolName", "BodyPartExamined", "ImageType")
        ).lower()


def _header(path: Path) -> Dataset:
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, AttributeError, OSError, EOFError, ValueError, KeyError) as error:
        raise _unreadable() from error
    if not all(header.get(keyword) for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID")):
        raise _unreadable()
    return header


def _unreadable() -> Refused:
    return Refused(
        code("DCM", _FORMAT),
        "One of the input files is no readable DICOM file (PS3.10 section 7); have the archive or the modality send it "
        "again.",
        check="readable",
    )


def read_study(directory: Path) -> tuple[Series, ...]:
    """All series below a directory, by their headers.

    Raises:
        Refused: when a file is no DICOM file, or there is none.
    """
    found: dict[str, list[tuple[Dataset, Path]]] = {}
    for path in sorted(entry for entry in directory.rglob("*") if entry.is_file()):
        header = _header(path)
        uid = str(header.SeriesInstanceUID)
        found.setdefault(uid, []).append((header, path))
    if not found:
        raise Refused(code("DCM", _INCOMPLETE), "There are no input images; check the workitem's inputs.", check="any")
    return tuple(
        Series(uid, tuple(header for header, _ in rows), tuple(path for _, path in rows)) for uid, rows in found.items()
    )


@dataclass(frozen=True, eq=False)
class StudyImages:
    """One series as a volume in the patient's coordinate system (LPS, PS3.3 C.7.6.2.1.1).

    Attributes:
        series: the series it was made from.
        slices: headers of the source slices, along the slice normal; the first axis of ``volume``.
        paths: their files, in the same order.
        affine: 4x4, from array indexes (slice, row, column) to millimetres.
        spacing: millimetres between voxels along (slice, row, column).
        slice_gap_irregularity: largest deviation of a gap between slices from their median, as part of it.
    """

    series: Series
    slices: tuple[Dataset, ...]
    paths: tuple[Path, ...]
    affine: NDArray[np.float64]
    spacing: tuple[float, float, float]
    slice_gap_irregularity: float

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def source_instance_uids(self) -> tuple[str, ...]:
        """SOP Instance UIDs of the slices, in order."""
        return tuple(str(header.SOPInstanceUID) for header in self.slices)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return (len(self.slices), int(self.slices[0].Rows), int(self.slices[0].Columns))

    @cached_property
    def volume(self) -> Volume:
        """The values, rescaled as the images say (Modality LUT), of shape (slices, rows, columns).

        Raises:
            Refused: when a slice's pixels cannot be decoded.
        """
        values = np.empty(self.shape, dtype=np.float32)
        for index, path in enumerate(self.paths):
            values[index] = _pixels(path)
        return values


def _pixels(path: Path) -> Volume:
    try:
        image = pydicom.dcmread(path)
        stored: Volume = np.asarray(image.pixel_array, dtype=np.float32)
    except Exception as error:  # decoders raise what they like
        raise Refused(
            code("DCM", _FORMAT),
            f"The pixels of a slice cannot be decoded ({type(error).__name__}); have the archive or the modality send "
            "it again.",
            check="decodable",
        ) from error
    slope, intercept = float(image.get("RescaleSlope", 1) or 1), float(image.get("RescaleIntercept", 0) or 0)
    return stored * np.float32(slope) + np.float32(intercept)


def volume_of(series: Series) -> StudyImages:
    """Put the slices of a series in order along their normal.

    Raises:
        Refused: when they are no stack of parallel single-frame slices in one frame of reference.
    """
    _require_stack(series)
    first = series.headers[0]
    row_direction = np.array([float(value) for value in first.ImageOrientationPatient[:3]])
    column_direction = np.array([float(value) for value in first.ImageOrientationPatient[3:]])
    normal = np.cross(row_direction, column_direction)
    positions = np.array([[float(value) for value in header.ImagePositionPatient] for header in series.headers])
    along = positions @ normal
    order = np.argsort(along)
    gaps = np.diff(along[order])
    if len(order) > 1 and gaps.min() < _MILLIMETRE:
        raise Refused(
            code("DCM", _FORMAT),
            "Two slices lie at the same place; give one series of one acquisition.",
            check="distinct-positions",
        )
    median = float(np.median(gaps)) if len(gaps) else (series.number("SliceThickness") or 1.0)
    row_spacing, column_spacing = (float(value) for value in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = (
        (positions[order[-1]] - positions[order[0]]) / max(len(order) - 1, 1) if len(order) > 1 else normal * median
    )
    affine[:3, 1], affine[:3, 2] = column_direction * row_spacing, row_direction * column_spacing
    affine[:3, 3] = positions[order[0]]
    return StudyImages(
        series=series,
        slices=tuple(series.headers[index] for index in order),
        paths=tuple(series.paths[index] for index in order),
        affine=affine,
        spacing=(float(np.linalg.norm(affine[:3, 0])), row_spacing, column_spacing),
        slice_gap_irregularity=float(np.abs(gaps - median).max() / median) if len(gaps) else 0.0,
    )


def _require_stack(series: Series) -> None:
    needed = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "Rows", "Columns")
    if any(int(header.get("NumberOfFrames", 1) or 1) > 1 for header in series.headers):
        raise Refused(
            code("DCM", _TYPE),
            "The series holds multi-frame images; send it as single-frame images.",
            check="single-frame",
        )
    if any(not header.get(keyword) for header in series.headers for keyword in needed):
        raise Refused(
            code("DCM", _FORMAT),
            "A slice lacks position, orientation or pixel spacing (PS3.3 C.7.6.2); it cannot be placed in the patient.",
            check="image-plane",
        )
    first = series.headers[0]
    same: Sequence[str] = ("FrameOfReferenceUID", "Rows", "Columns")
    if any(header.get(keyword) != first.get(keyword) for header in series.headers for keyword in same) or any(
        not np.allclose(
            np.array(header[keyword].value, dtype=float),
            np.array(first[keyword].value, dtype=float),
            atol=_SAME_DIRECTION,
        )
        for header in series.headers
        for keyword in ("ImageOrientationPatient", "PixelSpacing")
    ):
        raise Refused(
            code("DCM", _FORMAT),
            "The slices of the series differ in orientation, size, spacing or frame of reference; they are no one "
            "volume.",
            check="one-stack",
        )
