"""Quantities and explanations voxel by voxel (RAD TF-3 section 6.5.3.6): what becomes a Parametric Map."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profiles.air.errors import require
from profiles.air.values import FindingSite, Tracking, content_label, require_code, require_content_label, require_label
from profiles.dicom import Code

_LUT_LABEL_LIMIT = 16
_STORED = (np.float32, np.float64, np.uint16)


class Qualification(StrEnum):
    """What a map may be used for (Content Qualification, 0018,9004)."""

    PRODUCT = "PRODUCT"
    RESEARCH = "RESEARCH"
    SERVICE = "SERVICE"


@dataclass(frozen=True, eq=False, slots=True)
class ParametricMap:
    """A number for each voxel of a source series (PS3.3 A.75).

    Attributes:
        values: shape (slices, rows, columns), floating point or unsigned integers of 16 bits.
        quantity: what the numbers are, CID 7180, e.g. saliency (130404, DCM).
        unit: UCUM; (1, UCUM) when there is none.
        source_instance_uids: the source slices' SOP Instance UIDs, in the order of the first axis.
        of: the identity of the thing that the map is about.
        label: short name of the quantity, as a legend shows it.
        slope: real world value = slope * stored value + intercept (0040,9225).
        intercept: see ``slope`` (0040,9224).
        content_label: Content Label (0070,0080), VR CS; of the label when empty.
        description: Content Description (0070,0081).
        qualification: what it may be used for.
        multi_frame: the one source instance holds the slices as its frames.
        site: the anatomy that it shows, with its side (Frame Anatomy, PS3.3 A.75.4).
    """

    values: NDArray[Any]
    quantity: Code
    unit: Code
    source_instance_uids: tuple[str, ...]
    of: Tracking
    label: str
    slope: float = 1.0
    intercept: float = 0.0
    content_label: str = ""
    description: str = ""
    qualification: Qualification = Qualification.RESEARCH
    multi_frame: bool = False
    site: FindingSite | None = None

    def __post_init__(self) -> None:
        require_code(self.quantity, "The quantity of a map")
        require_code(self.unit, "The unit of a map")
        require(
            self.unit.scheme == "UCUM",
            f"The map has a unit of scheme {self.unit.scheme!r}; units are UCUM (PS3.16 section 7.2.2), and "
            "code('UCUM', '1') where there is none.",
        )
        require_label(self.label, "The label of a map")
        require(
            len(self.label) <= _LUT_LABEL_LIMIT,
            f"The label of a map has {len(self.label)} characters; LUT Label (0040,9210), VR SH, allows 16.",
        )
        if not self.content_label:
            object.__setattr__(self, "content_label", content_label(self.label, "VALUES"))
        require_content_label(self.content_label)
        if self.description:
            require_label(self.description, "Content Description")
        require(
            self.qualification in tuple(Qualification),
            f"Content Qualification is {self.qualification!r}; PS3.3 C.8.13.2 allows {', '.join(Qualification)}.",
        )
        self._require_values()
        uids = self.source_instance_uids
        require(
            len(set(uids)) == len(uids) == (1 if self.multi_frame else self.values.shape[0]),
            f"The map has {self.values.shape[0]} slices but {len(uids)} source instances are named; name one per "
            "slice, in order and once, or the one whose frames are the slices, with multi_frame=True.",
        )

    @property
    def value_range(self) -> tuple[float, float]:
        """The least and the greatest stored value."""
        return float(self.values.min()), float(self.values.max())

    def _require_values(self) -> None:
        require(
            isinstance(self.values, np.ndarray)
            and self.values.ndim == 3  # noqa: PLR2004
            and self.values.size > 0
            and self.values.dtype in _STORED,
            "The values of a map must be an array of shape (slices, rows, columns) of float32, float64 or uint16 "
            "(PS3.3 A.75.3); convert them, and shift negative integers with the intercept.",
        )
        require(
            bool(np.isfinite(self.value_range).all()),
            "The map holds NaN or infinity; viewers cannot show them. Put a number there that says so, such as 0.",
        )
        require(
            bool(np.isfinite([self.slope, self.intercept]).all()) and self.slope != 0,
            f"The slope is {self.slope}, the intercept {self.intercept}; both are finite, and the slope is not 0 "
            "(PS3.3 C.7.6.16.2.11).",
        )
