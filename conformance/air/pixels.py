"""Rules for the pixels of segmentations and maps, and for the size of the objects."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from math import ceil

import numpy as np

from conformance.air.books import OBJECT
from conformance.air.frames import (
    frame_segment,
    frame_size,
    frame_sources,
    in_groups,
    is_tiled_full,
    masks,
    normal,
    pixel_octets,
    position,
    tile_position,
)
from conformance.air.geometry import SPACE
from conformance.air.reading import numbers, rows, whole, words
from conformance.air.result import Result
from conformance.rules import Breach

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_FORBIDDEN = (
    "ModalityLUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "PixelPaddingValue",
)
_FIRST_OVERLAY, _LAST_OVERLAY = 0x6000, 0x60FF
_EMPTY_SHARE, _STEP_TOLERANCE = 0.05, 0.01
_MOST_FRAMES, _MOST_OCTETS = 400, 100_000_000
_LABEL = re.compile(r"[A-Z0-9_ ]{1,16}")
_TOOL_LABELS = {"CT_SEG", "MR_SEG", "SEG", "SEGMENTATION", "MY_MAP", "MAP", "LABEL"}


@OBJECT.rule("AIR-145")
def _amounts(result: Result) -> Iterator[Breach]:
    dataset, described = result.dataset, len(result.frames)
    frames = whole(dataset, "NumberOfFrames") or 0
    if frames != described and not is_tiled_full(dataset):
        yield "NumberOfFrames", f"is {frames}, but {described} frames are described"
    needed = ceil(frames * frame_size(dataset) * (whole(dataset, "BitsAllocated") or 0) / 8)
    for keyword in PIXELS:
        octets = pixel_octets(dataset, keyword)
        if octets is not None and octets != needed + needed % 2:
            yield keyword, f"has {octets} bytes; {frames} frames need {needed + needed % 2}"


@OBJECT.rule("AIR-146")
def _show_something(result: Result) -> Iterator[Breach]:
    counts = result.foreground or []
    empty = sum(count == 0 for count in counts)
    if counts and empty == len(counts):
        yield "PixelData", "shows nothing at all"
    elif empty > _EMPTY_SHARE * len(counts):
        yield "PixelData", f"{empty} of {len(counts)} frames show nothing"


@OBJECT.rule("AIR-147")
@OBJECT.rule("AIR-172")
def _no_luts(result: Result) -> Iterator[Breach]:
    for keyword in _FORBIDDEN:
        background = keyword == "PixelPaddingValue" and result.kind == "labelmap"  # of a label map (PS3.3 C.8.20.2)
        if keyword in result.dataset and not background:
            yield keyword, "is not allowed"
    if any(_FIRST_OVERLAY <= tag.group <= _LAST_OVERLAY for tag in result.dataset.keys()):  # noqa: SIM118 - no decoding
        yield "OverlayData", "is not allowed"


@OBJECT.rule("AIR-148")
def _overlap_stated(result: Result) -> Iterator[Breach]:
    if len(rows(result.dataset, "SegmentSequence")) > 1 and not words(result.dataset, "SegmentsOverlap"):
        yield "SegmentsOverlap", "is absent or empty"


@OBJECT.rule("AIR-148-FALSE")
def _overlap(result: Result) -> Iterator[Breach]:
    if words(result.dataset, "SegmentsOverlap") != "NO":
        return
    places: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, groups in enumerate(result.frames):
        place: tuple[object, ...] = (*(position(groups) or tile_position(groups) or frame_sources(groups)),)
        if place:
            places[place].append(index)
    shared = [indices for indices in places.values() if _segments_of(result, indices) > 1]
    shown = masks(result.dataset, len(result.frames)) if shared else None
    if shown is not None and any((shown[indices].sum(axis=0) > 1).any() for indices in shared):
        yield "SegmentsOverlap", "is NO, but segments overlap"


def _segments_of(result: Result, frames: list[int]) -> int:
    return len({frame_segment(result.frames[index]) for index in frames})


@OBJECT.rule("AIR-149")
def _label(result: Result) -> Iterator[Breach]:
    label = words(result.dataset, "ContentLabel")
    if label and not _LABEL.fullmatch(label):
        yield "ContentLabel", "is no code string of at most 16 characters"
    elif label in _TOOL_LABELS:
        yield "ContentLabel", f"{label} is what tools write when nobody sets it"


@OBJECT.rule("AIR-150")
def _small_enough(result: Result) -> Iterator[Breach]:
    dataset, frames = result.dataset, whole(result.dataset, "NumberOfFrames") or 0
    octets = frames * frame_size(dataset) * (whole(dataset, "BitsAllocated") or 0) // 8
    if frames > _MOST_FRAMES:
        yield "NumberOfFrames", f"is {frames}; some viewers manage {_MOST_FRAMES}"
    if octets > _MOST_OCTETS:
        yield "PixelData", f"has {octets // 1_000_000} MB uncompressed"


@OBJECT.rule("AIR-151")
def _even_steps(result: Result) -> Iterator[Breach]:
    if words(result.dataset, "DimensionOrganizationType") != "3D" or not result.frames:
        return
    across = normal(result.frames[0])
    places = [position(groups) for groups in result.frames]
    if across is None or any(len(place) != SPACE for place in places):
        return
    heights = np.unique(np.round(np.asarray(places) @ across, 3))
    steps = np.diff(heights)
    stated = numbers(in_groups(result.frames[0], "PixelMeasuresSequence"), "SpacingBetweenSlices")
    expected = abs(stated[0]) if stated else (float(np.median(steps)) if len(steps) else 0.0)
    if len(steps) and (np.abs(steps - expected) > _STEP_TOLERANCE * max(expected, 0.1)).any():
        yield "PerFrameFunctionalGroupsSequence", f"slices lie {steps.min():.2f} to {steps.max():.2f} mm apart"
