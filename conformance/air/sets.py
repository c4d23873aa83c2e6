"""Rules over a set of objects: reports, segmentations and the images that they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from conformance.air.reading import (
    Item,
    first_code,
    frame_groups,
    frame_segment,
    frame_size,
    groups_of,
    in_groups,
    kind_of,
    plain_pixels,
    references_of,
    rows,
    whole,
    words,
)
from conformance.rules import Breach, Rulebook

_SAME = {"PatientID", "PatientName", "AccessionNumber", "StudyInstanceUID"}
_TOLERANCE = 0.05
_MILLILITRES = {"ml": 1.0, "cm3": 1.0, "mm3": 1e-3, "dm3": 1e3}


@dataclass(frozen=True)
class ResultSet:
    """One object, and everything else in the set."""

    this: Dataset
    instances: dict[str, Dataset]

    @property
    def images(self) -> list[Dataset]:
        """The source images in the set."""
        return [found for found in self.instances.values() if kind_of(found) == "image"]


SET: Rulebook[ResultSet] = Rulebook("air_rules", ["set"])


def _measured_segments(subject: ResultSet) -> Iterator[tuple[Item, Item, Dataset, int]]:
    """Groups with their referenced segment, its segmentation when it is in the set, and its number."""
    if kind_of(subject.this) != "sr":
        return
    for group in groups_of(subject.this):
        for found in group.children:
            reference = next(iter(rows(found.dataset, "ReferencedSOPSequence")), Dataset())
            segmentation = subject.instances.get(words(reference, "ReferencedSOPInstanceUID"))
            number = whole(reference, "ReferencedSegmentNumber")
            if found.named("121191") and segmentation is not None and number is not None:
                yield group, found, segmentation, number


@SET.rule("AIR-117")
def _segment_exists(subject: ResultSet) -> Iterator[Breach]:
    for _, found, segmentation, number in _measured_segments(subject):
        if number not in {whole(row, "SegmentNumber") for row in rows(segmentation, "SegmentSequence")}:
            yield found.path, f"refers to segment {number}, which its segmentation does not declare"


@SET.rule("AIR-118")
def _class_of_references(subject: ResultSet) -> Iterator[Breach]:
    if kind_of(subject.this) != "sr":
        return
    for found, reference in references_of(subject.this):
        target = subject.instances.get(words(reference, "ReferencedSOPInstanceUID"))
        if target is not None and words(target, "SOPClassUID") != words(reference, "ReferencedSOPClassUID"):
            yield found.path, "names another SOP class than that of the instance"


@SET.rule("AIR-136")
def _shared_tracking(subject: ResultSet) -> Iterator[Breach]:
    for group, _, segmentation, number in _measured_segments(subject):
        tracked = group.child("112040")
        for segment in rows(segmentation, "SegmentSequence"):
            uid = words(segment, "TrackingUID")
            if whole(segment, "SegmentNumber") == number and uid and tracked and tracked.value != uid:
                yield group.path, f"has another Tracking UID than segment {number} that it measures"


@SET.rule("AIR-141")
def _frame_of_reference(subject: ResultSet) -> Iterator[Breach]:
    if kind_of(subject.this) != "seg":
        return
    own = words(subject.this, "FrameOfReferenceUID")
    sources = {
        words(row, "ReferencedSOPInstanceUID")
        for series in rows(subject.this, "ReferencedSeriesSequence")
        for row in rows(series, "ReferencedInstanceSequence")
    }
    for uid in sorted(sources):
        source = subject.instances.get(uid)
        if source is not None and words(source, "FrameOfReferenceUID") != own:
            yield "FrameOfReferenceUID", "differs from that of the source images"
            return


@SET.rule("AIR-210")
def _same_subject(subject: ResultSet) -> Iterator[Breach]:
    images = subject.images
    if kind_of(subject.this) == "image" or not images:
        return
    for keyword in sorted(_SAME):
        if words(subject.this, keyword) not in {words(image, keyword) for image in images}:
            yield keyword, "differs from that of the source images"


@SET.rule("AIR-212")
def _referenced(subject: ResultSet) -> Iterator[Breach]:
    reports = [found for found in subject.instances.values() if kind_of(found) == "sr"]
    if kind_of(subject.this) != "seg" or not reports:
        return
    uid = words(subject.this, "SOPInstanceUID")
    if not any(
        words(reference, "ReferencedSOPInstanceUID") == uid
        for report in reports
        for _, reference in references_of(report)
    ):
        yield "SOPInstanceUID", "no report of the set refers to this segmentation"


@SET.rule("AIR-115")
def _volume(subject: ResultSet) -> Iterator[Breach]:
    for group, _, segmentation, number in _measured_segments(subject):
        for found in group.children:
            if found.value_type != "NUM" or not found.named("118565006", "SCT"):
                continue
            stated, stored = _stated_ml(found), _stored_ml(segmentation, number)
            if stated is not None and stored and abs(stated - stored) / stored > _TOLERANCE:
                yield found.path, f"states {stated:.1f} mL; the stored segment has {stored:.1f} mL"


def _stated_ml(found: Item) -> float | None:
    value = next(iter(rows(found.dataset, "MeasuredValueSequence")), None)
    if value is None:
        return None
    factor = _MILLILITRES.get(first_code(value, "MeasurementUnitsCodeSequence").value.lower())
    try:
        return float(words(value, "NumericValue")) * factor if factor else None
    except ValueError:
        return None


def _stored_ml(segmentation: Dataset, number: int) -> float | None:
    """Volume of a BINARY segment from its pixels and Pixel Measures; None when they cannot be read."""
    size, frames, pixels = frame_size(segmentation), frame_groups(segmentation), plain_pixels(segmentation)
    shown = [frame_segment(groups) for groups in frames]
    if words(segmentation, "SegmentationType") != "BINARY" or pixels is None or None in shown:
        return None
    bits = np.unpackbits(np.frombuffer(pixels, dtype=np.uint8), bitorder="little")
    if len(bits) < size * len(frames):
        return None
    counts = bits[: size * len(frames)].reshape(len(frames), size).sum(axis=1)
    voxels = [
        (float(count), _voxel_ml(groups))
        for count, groups, segment in zip(counts, frames, shown, strict=True)
        if segment == number
    ]
    return sum(count * (voxel or 0.0) for count, voxel in voxels) if all(voxel for _, voxel in voxels) else None


def _voxel_ml(groups: list[Dataset]) -> float | None:
    """Volume of one voxel of a frame."""
    measures = in_groups(groups, "PixelMeasuresSequence")
    spacing = measures.get("PixelSpacing") or []
    depth = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness")
    try:
        row, column = (float(part) for part in spacing)
        return row * column * float(depth) / 1000.0
    except (TypeError, ValueError):
        return None
