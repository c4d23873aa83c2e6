"""Rules for segmentations and label maps: segments and their frames."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from conformance.air.books import OBJECT
from conformance.air.frames import frame_segment, frame_sources, in_groups, is_tiled_full
from conformance.air.reading import first_code, first_row, rows, uid_of, whole, words
from conformance.air.result import Result
from conformance.rules import Breach
from profiles.dicom import Code

_BITS = {"BINARY": {1}, "FRACTIONAL": {8}, "LABELMAP": {8, 16}}
_FRACTIONS = {"PROBABILITY", "OCCUPANCY"}
_DERIVED, _SOURCE = Code("113076", "DCM"), Code("121322", "DCM")
_PLACES = (("PlanePositionSequence", "PlanePositionSlideSequence"), ("PlaneOrientationSequence",))


def segments(result: Result) -> list[tuple[str, Dataset]]:
    """Segments with their paths."""
    found = rows(result.dataset, "SegmentSequence")
    return [(f"SegmentSequence[{number}]", row) for number, row in enumerate(found, start=1)]


@OBJECT.rule("AIR-130")
def _numbers(result: Result) -> Iterator[Breach]:
    numbers = [whole(segment, "SegmentNumber") for _, segment in segments(result)]
    first = 0 if result.kind == "labelmap" and numbers[:1] == [0] else 1
    if not numbers or numbers != list(range(first, first + len(numbers))):
        yield "SegmentSequence", f"the segment numbers are {', '.join(map(str, numbers)) or 'absent'}"


@OBJECT.rule("AIR-131")
def _described(result: Result) -> Iterator[Breach]:
    for path, segment in segments(result):
        if not words(segment, "SegmentLabel").strip():
            yield f"{path}.SegmentLabel", "is absent or empty"
        for keyword in ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence"):
            if not first_code(segment, keyword).value:
                yield f"{path}.{keyword}", "is absent or empty"


@OBJECT.rule("AIR-132")
def _algorithm_type(result: Result) -> Iterator[Breach]:
    for path, segment in segments(result):
        found = words(segment, "SegmentAlgorithmType")
        if found not in {"AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"}:
            yield f"{path}.SegmentAlgorithmType", f"is {found or 'absent'}"


@OBJECT.rule("AIR-132-MANUAL")
def _not_manual(result: Result) -> Iterator[Breach]:
    for path, segment in segments(result) if result.algorithms else ():
        if words(segment, "SegmentAlgorithmType") == "MANUAL":
            yield f"{path}.SegmentAlgorithmType", "is MANUAL in a result of an algorithm"


@OBJECT.rule("AIR-133")
def _algorithm_name(result: Result) -> Iterator[Breach]:
    for path, segment in segments(result):
        if words(segment, "SegmentAlgorithmType") != "MANUAL" and not words(segment, "SegmentAlgorithmName").strip():
            yield f"{path}.SegmentAlgorithmName", "is absent or empty"


@OBJECT.rule("AIR-134")
def _algorithm_identified(result: Result) -> Iterator[Breach]:
    for path, segment in segments(result):
        found = first_row(segment, "SegmentationAlgorithmIdentificationSequence")
        named = words(found, "AlgorithmName") and words(found, "AlgorithmVersion")
        manual = words(segment, "SegmentAlgorithmType") == "MANUAL"
        if not manual and not (named and first_code(found, "AlgorithmFamilyCodeSequence").value):
            yield f"{path}.SegmentationAlgorithmIdentificationSequence", "lacks family, name or version"


@OBJECT.rule("AIR-135")
def _tracking(result: Result) -> Iterator[Breach]:
    for path, segment in segments(result):
        if bool(words(segment, "TrackingID")) != bool(words(segment, "TrackingUID")):
            yield path, "has only one of Tracking ID and Tracking UID"


@OBJECT.rule("AIR-137")
def _bits(result: Result) -> Iterator[Breach]:
    dataset = result.dataset
    kind, bits = words(dataset, "SegmentationType"), whole(dataset, "BitsAllocated")
    if kind not in _BITS or (kind == "LABELMAP") != (result.kind == "labelmap"):
        yield "SegmentationType", f"is {kind or 'absent'}"
    elif bits not in _BITS[kind]:
        yield "BitsAllocated", f"is {bits} for a {kind} segmentation"
    if kind == "FRACTIONAL" and words(dataset, "SegmentationFractionalType") not in _FRACTIONS:
        yield "SegmentationFractionalType", "does not say what the fractions are"
    if kind == "FRACTIONAL" and not whole(dataset, "MaximumFractionalValue"):
        yield "MaximumFractionalValue", "is absent or no number"


@OBJECT.rule("AIR-138")
def _readable(result: Result) -> Iterator[Breach]:
    if words(result.dataset, "SegmentationType") == "FRACTIONAL":
        yield "SegmentationType", "is FRACTIONAL, which some displays cannot show"


@OBJECT.rule("AIR-139")
def _frames_identify_segments(result: Result) -> Iterator[Breach]:
    unknown = [number for number, groups in enumerate(result.frames, start=1) if frame_segment(groups) is None]
    if unknown:
        yield f"PerFrameFunctionalGroupsSequence[{unknown[0]}]", f"names no segment ({len(unknown)} such frames)"


def _shown_and_declared(result: Result) -> tuple[set[int], set[int]]:
    shown = {number for groups in result.frames if (number := frame_segment(groups)) is not None}
    declared = {number for _, row in segments(result) if (number := whole(row, "SegmentNumber")) is not None}
    return shown, declared


@OBJECT.rule("AIR-140")
def _declared(result: Result) -> Iterator[Breach]:
    shown, declared = _shown_and_declared(result)
    for number in sorted(shown - declared):
        yield "PerFrameFunctionalGroupsSequence", f"frames refer to segment {number}, which is not declared"


@OBJECT.rule("AIR-140-EMPTY")
def _shown(result: Result) -> Iterator[Breach]:
    shown, declared = _shown_and_declared(result)
    unidentified = any(frame_segment(groups) is None for groups in result.frames)
    for number in sorted(declared - shown) if result.frames and not unidentified else ():
        yield "SegmentSequence", f"segment {number} has no frame"


@OBJECT.rule("AIR-142")
def _placed(result: Result) -> Iterator[Breach]:
    if is_tiled_full(result.dataset):
        return
    for number, groups in enumerate(result.frames, start=1):
        missing = [names[0] for names in _PLACES if not any(in_groups(groups, name) for name in names)]
        missing += [] if in_groups(groups, "PixelMeasuresSequence") else ["PixelMeasuresSequence"]
        slide = bool(in_groups(groups, "PlanePositionSlideSequence"))
        if missing and not frame_sources(groups) and not slide:
            yield f"PerFrameFunctionalGroupsSequence[{number}]", f"names no source and has no {missing[0]}"
            return


@OBJECT.rule("AIR-143")
def _derivation(result: Result) -> Iterator[Breach]:
    for number, groups in enumerate(result.frames, start=1):
        for derivation in (row for group in groups for row in rows(group, "DerivationImageSequence")):
            sources = rows(derivation, "SourceImageSequence")
            purposes = [first_code(source, "PurposeOfReferenceCodeSequence") for source in sources]
            made = first_code(derivation, "DerivationCodeSequence")
            if not made.same_as(_DERIVED) or not all(found.same_as(_SOURCE) for found in purposes):
                yield f"PerFrameFunctionalGroupsSequence[{number}].DerivationImageSequence", "has other codes"
                return


def listed_sources(result: Result) -> tuple[set[str], set[str]]:
    """Instances that Common Instance Reference lists: of the own study, and of others."""
    own = {
        uid_of(row)
        for series in rows(result.dataset, "ReferencedSeriesSequence")
        for row in rows(series, "ReferencedInstanceSequence")
    }
    other = {
        uid_of(row)
        for study in rows(result.dataset, "StudiesContainingOtherReferencedInstancesSequence")
        for series in rows(study, "ReferencedSeriesSequence")
        for row in rows(series, "ReferencedInstanceSequence")
    }
    return own, other


@OBJECT.rule("AIR-144")
def _referenced_series(result: Result) -> Iterator[Breach]:
    used = {uid for groups in result.frames for uid in frame_sources(groups)}
    own, other = listed_sources(result)
    if is_tiled_full(result.dataset):
        return
    if used - own - other:
        yield "ReferencedSeriesSequence", f"lacks {len(used - own - other)} instances that frames reference"
    if own - used:
        yield "ReferencedSeriesSequence", f"lists {len(own - used)} instances that no frame references"
