"""Rules for parametric maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from pydicom import Dataset

from conformance.air.books import OBJECT
from conformance.air.frames import LARGEST, frame_sources, in_groups, pixel_octets
from conformance.air.pixels import PIXELS
from conformance.air.reading import first_code, numbers, rows, whole, words
from conformance.air.result import Result
from conformance.rules import Breach

_TYPE_1 = (
    "ContentLabel",
    "ContentQualification",
    "BurnedInAnnotation",
    "RecognizableVisualFeatures",
    "PresentationLUTShape",
    "ImageType",
    "LossyImageCompression",
)
_ENDS = 2
_MAPPING = "RealWorldValueMappingSequence"
_GROUPS = ("PixelMeasuresSequence", "FrameContentSequence", "ParametricMapFrameTypeSequence")
_PLACES = {False: ("PlanePositionSequence", "PlaneOrientationSequence"), True: ("PlanePositionSlideSequence",)}
"""What says where a frame lies in the patient, or as a tile on a slide, whose orientation the image says itself."""
_KINDS = {"PixelData": ("<u2", "<i2"), "FloatPixelData": ("<f4", "<f4"), "DoubleFloatPixelData": ("<f8", "<f8")}


@OBJECT.rule("AIR-160")
def _one_kind_of_pixels(result: Result) -> Iterator[Breach]:
    given = [keyword for keyword in PIXELS if keyword in result.dataset]
    if len(given) != 1:
        yield "PixelData", f"there is {' and '.join(given) or 'no pixel data'}"


@OBJECT.rule("AIR-161")
def _frame_of_reference(result: Result) -> Iterator[Breach]:
    if not words(result.dataset, "FrameOfReferenceUID"):
        yield "FrameOfReferenceUID", "is absent or empty"


Groups = Sequence[Dataset]


def _each_frame(result: Result, problem: Callable[[Groups], str]) -> Iterator[Breach]:
    """The first frame that has a problem, and how many have one."""
    found = [(number, what) for number, groups in enumerate(result.frames, start=1) if (what := problem(groups))]
    if found:
        number, what = found[0]
        yield f"PerFrameFunctionalGroupsSequence[{number}]", f"{what} ({len(found)} such frames)"


def _unmapped(groups: Groups) -> str:
    mapping = in_groups(groups, _MAPPING)
    if not mapping:
        return "has no Real World Value Mapping"
    missing = [keyword for keyword in ("LUTLabel", "LUTExplanation") if not words(mapping, keyword)]
    if not first_code(mapping, "MeasurementUnitsCodeSequence").value:
        missing.append("MeasurementUnitsCodeSequence")
    if len(_mapped_range(mapping)) != _ENDS:
        missing.append("first and last value mapped")
    linear = "RealWorldValueSlope" in mapping and "RealWorldValueIntercept" in mapping
    if not linear and "RealWorldValueLUTData" not in mapping:
        missing.append("slope and intercept, or LUT data")
    return f"its Real World Value Mapping lacks {', '.join(missing)}" if missing else ""


def _mapped_range(mapping: Dataset) -> list[float]:
    plain = [numbers(mapping, f"RealWorldValue{end}ValueMapped") for end in ("First", "Last")]
    floating = [numbers(mapping, f"DoubleFloatRealWorldValue{end}ValueMapped") for end in ("First", "Last")]
    ends = floating if all(floating) else plain
    return [value for end in ends for value in end]


@OBJECT.rule("AIR-162")
def _mapped(result: Result) -> Iterator[Breach]:
    yield from _each_frame(result, _unmapped)


def _unquantified(groups: Groups) -> str:
    mapping = in_groups(groups, _MAPPING)
    definitions = rows(mapping, "QuantityDefinitionSequence")
    coded = any(
        first_code(row, "ConceptNameCodeSequence").value == "246205007" and first_code(row, "ConceptCodeSequence").value
        for row in definitions
    )
    return "its quantity is not coded" if mapping and not coded else ""


@OBJECT.rule("AIR-163")
def _quantity(result: Result) -> Iterator[Breach]:
    yield from _each_frame(result, _unquantified)


def _transformed(groups: Groups) -> str:
    found = in_groups(groups, "PixelValueTransformationSequence")
    same = numbers(found, "RescaleIntercept") == [0.0] and numbers(found, "RescaleSlope") == [1.0]
    return "" if same else "has no Identity Pixel Value Transformation"


@OBJECT.rule("AIR-164")
def _identity(result: Result) -> Iterator[Breach]:
    yield from _each_frame(result, _transformed)


def _lacks(*keywords: str) -> Callable[[Groups], str]:
    def problem(groups: Groups) -> str:
        missing = [keyword for keyword in keywords if not in_groups(groups, keyword)]
        return f"has no {', '.join(missing)}" if missing else ""

    return problem


@OBJECT.rule("AIR-165")
def _shown(result: Result) -> Iterator[Breach]:
    yield from _each_frame(result, _lacks("FrameVOILUTSequence"))


@OBJECT.rule("AIR-166")
def _frame_groups(result: Result) -> Iterator[Breach]:
    if not result.frames:
        yield "PerFrameFunctionalGroupsSequence", "is absent or empty"
    yield from _each_frame(result, _lacks(*_GROUPS, *_PLACES["ImageOrientationSlide" in result.dataset]))


@OBJECT.rule("AIR-167")
def _anatomy(result: Result) -> Iterator[Breach]:
    yield from _each_frame(result, _lacks("FrameAnatomySequence"))


@OBJECT.rule("AIR-168")
def _qualification(result: Result) -> Iterator[Breach]:
    found = words(result.dataset, "ContentQualification")
    if found and found not in {"PRODUCT", "RESEARCH", "SERVICE"}:
        yield "ContentQualification", f"is {found}"


@OBJECT.rule("AIR-168-RESEARCH")
def _research(result: Result) -> Iterator[Breach]:
    if words(result.dataset, "ContentQualification") == "RESEARCH":
        yield "ContentQualification", "is RESEARCH"


@OBJECT.rule("AIR-169")
def _attributes(result: Result) -> Iterator[Breach]:
    for keyword in _TYPE_1:
        if not words(result.dataset, keyword):
            yield keyword, "is absent or empty"
    if "ContentDescription" not in result.dataset:
        yield "ContentDescription", "is absent"


@OBJECT.rule("AIR-170")
def _sources(result: Result) -> Iterator[Breach]:
    if result.frames and not any(frame_sources(groups) for groups in result.frames):
        yield "DerivationImageSequence", "no frame names the images that it was made from"


@OBJECT.rule("AIR-171")
def _within_range(result: Result) -> Iterator[Breach]:
    dataset = result.dataset
    ranges = [_mapped_range(in_groups(groups, _MAPPING)) for groups in result.frames]
    known = [ends for ends in ranges if len(ends) == _ENDS]
    given = [keyword for keyword in PIXELS if keyword in dataset]
    for keyword in given if len(given) == 1 else ():
        octets = pixel_octets(dataset, keyword)
        if not octets or octets > LARGEST or not known:
            continue
        kind = _KINDS[keyword][whole(dataset, "PixelRepresentation") or 0]
        values = np.frombuffer(dataset[keyword].value, dtype=kind, count=octets // np.dtype(kind).itemsize)
        low, high = min(min(ends) for ends in known), max(max(ends) for ends in known)
        if np.nanmin(values) < low or np.nanmax(values) > high:
            yield keyword, f"has values outside the range {low:g} to {high:g} that is mapped"


@OBJECT.rule("AIR-173")
def _colour(result: Result) -> Iterator[Breach]:
    if words(result.dataset, "PixelPresentation") != "COLOR_RANGE":
        return
    dataset = result.dataset
    if not words(dataset, "PaletteColorLookupTableUID") and "RedPaletteColorLookupTableDescriptor" not in dataset:
        yield "PixelPresentation", "is COLOR_RANGE without a palette"
    in_frames = any(in_groups(groups, "StoredValueColorRangeSequence") for groups in result.frames)
    if not in_frames and not rows(dataset, "StoredValueColorRangeSequence"):
        yield "PixelPresentation", "is COLOR_RANGE without a range of stored values"
