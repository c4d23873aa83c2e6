"""What an algorithm may report, as values that cannot be built wrong (AIR, RAD TF-3 section 6.5.3).

Segmentations and measurements today. Further primitives (findings, points, regions, parametric maps) join as further
tuples of :class:`Results`; what ties primitives together is the :class:`Tracking` that they share (section 6.5.3.7).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profiles.air.errors import require
from profiles.dicom import Code, code
from profiles.tables import read_table

Mask = NDArray[np.bool_]

_LABEL_LIMIT = 64
_UID = re.compile(r"^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$")
_UID_LIMIT = 64


def _require_code(value: Code | None, what: str) -> None:
    complete = value is not None and value.value.strip() and value.scheme.strip() and value.meaning.strip()
    require(
        bool(complete),
        f"{what} needs a code value, a coding scheme and a meaning (PS3.3 section 8); take it from "
        "profiles.dicom.code(scheme, value).",
    )


def _require_label(value: str, what: str) -> None:
    require(bool(value.strip()), f"{what} is empty; give it words that a reader will recognise.")
    require(
        len(value) <= _LABEL_LIMIT and "\\" not in value and value.isprintable(),
        f"{what} has {len(value)} characters; VR LO allows {_LABEL_LIMIT} printable ones without backslash "
        "(PS3.5 section 6.2). Shorten it.",
    )


def require_uid(value: str, what: str) -> None:
    """Refuse a text that is no UID (PS3.5 section 9.1).

    Raises:
        IllegalResult: when it is none.
    """
    require(
        bool(_UID.match(value)) and len(value) <= _UID_LIMIT,
        f"{what} is no UID: digits and dots, no leading zeros, at most {_UID_LIMIT} characters (PS3.5 section 9.1).",
    )


@dataclass(frozen=True, slots=True)
class Tracking:
    """The identity of one thing found, the same wherever it is reported (TID 1410/1411/1501, SEG 0062,0020-0021).

    Attributes:
        identifier: words that tell it from other things in the same study, e.g. ``Brain``.
        uid: kept from an earlier report of the same thing; made from study, thing and algorithm when empty.
    """

    identifier: str
    uid: str = ""

    def __post_init__(self) -> None:
        _require_label(self.identifier, "Tracking Identifier")
        if self.uid:
            require_uid(self.uid, "Tracking Unique Identifier")


@dataclass(frozen=True, slots=True)
class FindingSite:
    """Where in the body (TID 1419): the anatomy, and the side when it is a paired one."""

    location: Code
    laterality: Code | None = None

    def __post_init__(self) -> None:
        _require_code(self.location, "Finding Site")
        if self.laterality is not None:
            _require_code(self.laterality, "Laterality")


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """One labelled set of voxels (PS3.3 C.8.20.4).

    Attributes:
        label: words for a reader.
        category: Segmented Property Category (CID 7150), e.g. anatomical structure.
        property_type: Segmented Property Type (CID 7151), e.g. brain.
        mask: booleans of shape (slices, rows, columns), on the voxels of the source series.
        tracking: the identity of the thing, shared by its measurements.
        sites: where it is; left out when the property type says so itself.
        colour: recommended display colour as red, green, blue, 0 to 255.
    """

    label: str
    category: Code
    property_type: Code
    mask: Mask
    tracking: Tracking
    sites: tuple[FindingSite, ...] = ()
    colour: tuple[int, int, int] = (255, 196, 0)

    def __post_init__(self) -> None:
        _require_label(self.label, "Segment Label")
        _require_code(self.category, "Segmented Property Category")
        _require_code(self.property_type, "Segmented Property Type")
        require(
            isinstance(self.mask, np.ndarray) and self.mask.ndim == 3 and self.mask.dtype == np.bool_,  # noqa: PLR2004
            f"The mask of {self.label!r} must be an array of booleans of shape (slices, rows, columns); "
            "threshold probabilities first, e.g. probabilities > 0.5.",
        )
        require(
            bool(self.mask.any()),
            f"The mask of {self.label!r} is empty. An empty segment says nothing (air.md 7.1): report that the thing "
            "was not found, or refuse the input.",
        )
        require(
            len(self.colour) == 3 and all(0 <= part <= 255 for part in self.colour),  # noqa: PLR2004
            f"The colour of {self.label!r} must be three numbers from 0 to 255.",
        )


@dataclass(frozen=True, eq=False, slots=True)
class Segmentation:
    """Segments on the voxels of one source series; becomes one Segmentation instance of type BINARY (PS3.3 A.51).

    Attributes:
        segments: in the order of their numbers, from 1.
        source_instance_uids: the source slices' SOP Instance UIDs, in the order of the masks' first axis.
        content_label: Content Label (0070,0080), VR CS.
        description: Content Description (0070,0081).
    """

    segments: tuple[Segment, ...]
    source_instance_uids: tuple[str, ...]
    content_label: str = "SEGMENTATION"
    description: str = ""

    def __post_init__(self) -> None:
        require(bool(self.segments), "A segmentation needs at least one segment.")
        shapes = {segment.mask.shape for segment in self.segments}
        require(len(shapes) == 1, f"All segments of a segmentation share one shape; these have {sorted(shapes)}.")
        require(
            len(self.source_instance_uids) == self.segments[0].mask.shape[0],
            f"The masks have {self.segments[0].mask.shape[0]} slices but {len(self.source_instance_uids)} source "
            "instances are named; name one per slice, in order.",
        )
        require(len(set(self.source_instance_uids)) == len(self.source_instance_uids), "A source slice is named twice.")
        require(
            bool(re.fullmatch(r"[A-Z0-9_ ]{1,16}", self.content_label)),
            f"Content Label {self.content_label!r} is no VR CS: at most 16 of A-Z, 0-9, space and underscore.",
        )

    @property
    def segments_overlap(self) -> bool:
        """Whether a voxel belongs to more than one segment (Segments Overlap, 0062,0013)."""
        count = sum(segment.mask.astype(np.uint8) for segment in self.segments)
        return bool(np.max(count) > 1)


@cache
def _quantities() -> dict[tuple[str, str], dict[str, str]]:
    return {(row["scheme"], row["value"]): row for row in read_table("profiles.dicom", "quantities")}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number with its unit (TID 300/1419).

    Attributes:
        name: the quantity, e.g. volume.
        value: as the algorithm computed it; written unchanged.
        unit: a UCUM code.
        of: the identity of what was measured: a segment of the same results.
        method: how it was measured (370129005, SCT), if a code says it.
        derivation: mean, maximum, … (121401, DCM), when the number is a statistic.
        sites: where, when other than the measured thing's own.
    """

    name: Code
    value: float
    unit: Code
    of: Tracking
    method: Code | None = None
    derivation: Code | None = None
    sites: tuple[FindingSite, ...] = ()

    def __post_init__(self) -> None:
        _require_code(self.name, "Measurement name")
        _require_code(self.unit, "Measurement unit")
        for optional, what in ((self.method, "Measurement Method"), (self.derivation, "Derivation")):
            if optional is not None:
                _require_code(optional, what)
        require(
            self.unit.scheme == "UCUM",
            f"{self.name.meaning} has a unit of scheme {self.unit.scheme!r}; units are UCUM (PS3.16 section 7.2.2), "
            "e.g. code('UCUM', 'mL').",
        )
        require(
            math.isfinite(self.value),
            f"{self.name.meaning} is {self.value}; leave out what could not be measured (PS3.3 C.18.1).",
        )
        row = _quantities().get((self.name.scheme, self.name.value))
        if row:
            self._require_fit(row)

    def _require_fit(self, row: dict[str, str]) -> None:
        units = row["units"].split()
        require(
            self.unit.value in units,
            f"{self.name.meaning} is given in {self.unit.value!r}; {row['source']} allows {', '.join(units)}.",
        )
        require(
            self.value >= float(row["minimum"]),
            f"{self.name.meaning} is {self.value:g} {self.unit.value}, below {row['minimum']}; check the computation.",
        )


@dataclass(frozen=True, eq=False, slots=True)
class Results:
    """Everything that one run of an algorithm reports.

    Attributes:
        segmentations: labelled voxels.
        measurements: numbers; each is of something that a segmentation of the same results holds.
        figures: further numbers for logs and the workitem's performed parameters, not part of the result objects.
    """

    segmentations: tuple[Segmentation, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(
            bool(self.segmentations or self.measurements),
            "The results are empty. An algorithm that found nothing says so in a finding; one that could not run "
            "refuses its input with a reason.",
        )
        names = [segment.tracking.identifier for found in self.segmentations for segment in found.segments]
        require(
            len(set(names)) == len(names),
            "Two segments share a Tracking Identifier; one identity is one thing (RAD TF-3 section 6.5.3.7). "
            "Name them apart.",
        )
        strays = {row.of.identifier for row in self.measurements} - set(names)
        require(
            not strays,
            f"There are measurements of {', '.join(sorted(strays))}, which no segment carries as its Tracking "
            "Identifier; measure what was segmented, or add the segment.",
        )

    def measurements_of(self, tracking: Tracking) -> tuple[Measurement, ...]:
        """The measurements of one thing, in their order."""
        return tuple(row for row in self.measurements if row.of.identifier == tracking.identifier)


@dataclass(frozen=True, slots=True)
class AlgorithmIdentification:
    """Which algorithm made a result: Contributing Equipment, TID 4019 and SEG say the same (AIR Table 6.5.3.1-1).

    Attributes:
        name: Manufacturer's Model Name = Algorithm Name.
        version: Software Versions = Algorithm Version.
        manufacturer: who answers for the algorithm.
        device_uid: of this very build; another when the model is changed or trained again. Made from name, version
            and ``build`` when empty.
        build: what tells builds of one version apart, e.g. the digest of the weights.
        family: CID 7162.
    """

    name: str
    version: str
    manufacturer: str
    device_uid: str = ""
    build: str = ""
    family: Code = field(default_factory=lambda: code("DCM", "123110"))

    def __post_init__(self) -> None:
        _require_label(self.name, "Algorithm Name")
        _require_label(self.version, "Algorithm Version")
        _require_label(self.manufacturer, "Algorithm manufacturer")
        _require_code(self.family, "Algorithm Family")
        if not self.device_uid:
            from profiles.air.identifiers import derived_uid

            object.__setattr__(
                self, "device_uid", derived_uid("algorithm", self.manufacturer, self.name, self.version, self.build)
            )
        require_uid(self.device_uid, "Device UID")
