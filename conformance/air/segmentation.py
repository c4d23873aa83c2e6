"""Rules for Segmentation instances."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from pydicom import Dataset

from conformance.air.reading import (
    algorithms_of,
    first_code,
    frame_groups,
    frame_segment,
    frame_size,
    frame_sources,
    is_tiled_full,
    plain_pixels,
    rows,
    whole,
    words,
)
from conformance.rules import Breach, Rulebook
from profiles.dicom import Code

SEGMENTATION: Rulebook[Dataset] = Rulebook("air_rules", ["seg"])

_BITS = {"BINARY": 1, "FRACTIONAL": 8}
_FORBIDDEN = (
    "ModalityLUTSequence",
    "RescaleSlope",
    "VOILUTSequence",
    "WindowCenter",
    "PixelPaddingValue",
)
_FIRST_OVERLAY, _LAST_OVERLAY = 0x6000, 0x60FF


def _segments(dataset: Dataset) -> list[tuple[str, Dataset]]:
    return [(f"SegmentSequence[{number}]", row) for number, row in enumerate(rows(dataset, "SegmentSequence"), start=1)]


@SEGMENTATION.rule("AIR-011")
def _manufacturer(dataset: Dataset) -> Iterator[Breach]:
    if not words(dataset, "Manufacturer").strip():
        yield "Manufacturer", "is absent or empty"


@SEGMENTATION.rule("AIR-012")
def _equipment(dataset: Dataset) -> Iterator[Breach]:
    for keyword in ("ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions"):
        if not words(dataset, keyword).strip():
            yield keyword, "is absent or empty"


@SEGMENTATION.rule("AIR-028")
def _algorithm_is_equipment(dataset: Dataset) -> Iterator[Breach]:
    known = algorithms_of(dataset)
    for path, segment in _segments(dataset) if known else ():
        for row in rows(segment, "SegmentationAlgorithmIdentificationSequence"):
            if (words(row, "AlgorithmName"), words(row, "AlgorithmVersion")) not in known:
                yield path, "names an algorithm that is no item of Contributing Equipment Sequence"


@SEGMENTATION.rule("AIR-130")
def _numbers(dataset: Dataset) -> Iterator[Breach]:
    numbers = [whole(segment, "SegmentNumber") for _, segment in _segments(dataset)]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        yield "SegmentSequence", f"the segment numbers are {', '.join(map(str, numbers)) or 'absent'}"


@SEGMENTATION.rule("AIR-131")
def _described(dataset: Dataset) -> Iterator[Breach]:
    for path, segment in _segments(dataset):
        if not words(segment, "SegmentLabel").strip():
            yield f"{path}.SegmentLabel", "is absent or empty"
        for keyword in ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence"):
            if not first_code(segment, keyword).value:
                yield f"{path}.{keyword}", "is absent or empty"


@SEGMENTATION.rule("AIR-132")
def _algorithm_type(dataset: Dataset) -> Iterator[Breach]:
    for path, segment in _segments(dataset):
        found = words(segment, "SegmentAlgorithmType")
        if found not in {"AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"}:
            yield f"{path}.SegmentAlgorithmType", f"is {found or 'absent'}"


@SEGMENTATION.rule("AIR-133")
def _algorithm_name(dataset: Dataset) -> Iterator[Breach]:
    for path, segment in _segments(dataset):
        if words(segment, "SegmentAlgorithmType") != "MANUAL" and not words(segment, "SegmentAlgorithmName").strip():
            yield f"{path}.SegmentAlgorithmName", "is absent or empty"


@SEGMENTATION.rule("AIR-134")
def _algorithm_identified(dataset: Dataset) -> Iterator[Breach]:
    for path, segment in _segments(dataset):
        found = next(iter(rows(segment, "SegmentationAlgorithmIdentificationSequence")), Dataset())
        complete = (
            words(found, "AlgorithmName")
            and words(found, "AlgorithmVersion")
            and first_code(found, "AlgorithmFamilyCodeSequence").value
        )
        if not complete:
            yield f"{path}.SegmentationAlgorithmIdentificationSequence", "lacks family, name or version"


@SEGMENTATION.rule("AIR-135")
def _tracking(dataset: Dataset) -> Iterator[Breach]:
    for path, segment in _segments(dataset):
        if bool(words(segment, "TrackingID")) != bool(words(segment, "TrackingUID")):
            yield path, "has only one of Tracking ID and Tracking UID"


@SEGMENTATION.rule("AIR-137")
def _bits(dataset: Dataset) -> Iterator[Breach]:
    kind, bits = words(dataset, "SegmentationType"), whole(dataset, "BitsAllocated")
    if kind not in _BITS:
        yield "SegmentationType", f"is {kind or 'absent'}"
    elif bits != _BITS[kind]:
        yield "BitsAllocated", f"is {bits} for a {kind} segmentation"


@SEGMENTATION.rule("AIR-139")
def _frames_identify_segments(dataset: Dataset) -> Iterator[Breach]:
    unknown = [number for number, groups in enumerate(frame_groups(dataset), start=1) if frame_segment(groups) is None]
    if unknown:
        yield f"PerFrameFunctionalGroupsSequence[{unknown[0]}]", f"names no segment ({len(unknown)} such frames)"


@SEGMENTATION.rule("AIR-140")
def _declared(dataset: Dataset) -> Iterator[Breach]:
    declared = {whole(segment, "SegmentNumber") for _, segment in _segments(dataset)}
    shown = {number for groups in frame_groups(dataset) if (number := frame_segment(groups)) is not None}
    for number in sorted(shown - declared):
        yield "PerFrameFunctionalGroupsSequence", f"frames refer to segment {number}, which is not declared"


@SEGMENTATION.rule("AIR-143")
def _derivation(dataset: Dataset) -> Iterator[Breach]:
    for number, groups in enumerate(frame_groups(dataset), start=1):
        for derivation in (row for group in groups for row in rows(group, "DerivationImageSequence")):
            made = first_code(derivation, "DerivationCodeSequence")
            purposes = [
                first_code(source, "PurposeOfReferenceCodeSequence")
                for source in rows(derivation, "SourceImageSequence")
            ]
            if not made.same_as(Code("113076", "DCM")) or not all(
                found.same_as(Code("121322", "DCM")) for found in purposes
            ):
                yield f"PerFrameFunctionalGroupsSequence[{number}].DerivationImageSequence", "has other codes"
                return


@SEGMENTATION.rule("AIR-144")
def _referenced_series(dataset: Dataset) -> Iterator[Breach]:
    used = {uid for groups in frame_groups(dataset) for uid in frame_sources(groups)}
    listed = {
        words(row, "ReferencedSOPInstanceUID")
        for series in rows(dataset, "ReferencedSeriesSequence")
        for row in rows(series, "ReferencedInstanceSequence")
    }
    other = {
        words(row, "ReferencedSOPInstanceUID")
        for study in rows(dataset, "StudiesContainingOtherReferencedInstancesSequence")
        for series in rows(study, "ReferencedSeriesSequence")
        for row in rows(series, "ReferencedInstanceSequence")
    }
    if is_tiled_full(dataset):
        return
    if used - listed - other:
        yield "ReferencedSeriesSequence", f"lacks {len(used - listed - other)} instances that frames reference"
    if listed - used:
        yield "ReferencedSeriesSequence", f"lists {len(listed - used)} instances that no frame references"


@SEGMENTATION.rule("AIR-145")
def _amounts(dataset: Dataset) -> Iterator[Breach]:
    frames, described = whole(dataset, "NumberOfFrames") or 0, len(frame_groups(dataset))
    if frames != described and not is_tiled_full(dataset):
        yield "NumberOfFrames", f"is {frames}, but {described} frames are described"
    pixels = plain_pixels(dataset)
    if pixels is None:
        return
    size, bits = frame_size(dataset), whole(dataset, "BitsAllocated") or 0
    needed = ceil(frames * size * bits / 8)
    if len(pixels) != needed + needed % 2:
        yield "PixelData", f"has {len(pixels)} bytes; {frames} frames need {needed + needed % 2}"


@SEGMENTATION.rule("AIR-147")
def _no_luts(dataset: Dataset) -> Iterator[Breach]:
    for keyword in _FORBIDDEN:
        if keyword in dataset:
            yield keyword, "is not allowed"
    if any(_FIRST_OVERLAY <= element.tag.group <= _LAST_OVERLAY for element in dataset):
        yield "OverlayData", "is not allowed"
