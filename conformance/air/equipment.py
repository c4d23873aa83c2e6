"""Rules for the equipment and the algorithms that made a result (RAD TF-3 section 6.5.3.1)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from conformance.air.books import OBJECT, SET
from conformance.air.reading import in_group, purpose_of, rows, several, words
from conformance.air.result import PLACEHOLDER_PURPOSE, Item, Result, ResultSet, is_library
from conformance.rules import Breach
from profiles.dicom import Code

_ACQUISITION = Code("109101", "DCM")
_PURPOSE = "PurposeOfReferenceCodeSequence"
_OBSERVER = (("121012", "DeviceUID"), ("121014", "Manufacturer"), ("121015", "ManufacturerModelName"))


@OBJECT.rule("AIR-016")
def _algorithm(result: Result) -> Iterator[Breach]:
    if not result.algorithms:
        yield "ContributingEquipmentSequence", "has no item with purpose (109102, DCM) for the algorithm"


@OBJECT.rule("AIR-017")
def _one_purpose(result: Result) -> Iterator[Breach]:
    for path, row in result.equipment:
        if len(rows(row, _PURPOSE)) != 1:
            yield f"{path}.{_PURPOSE}", f"has {len(rows(row, _PURPOSE))} items"


@OBJECT.rule("AIR-018")
def _purpose(result: Result) -> Iterator[Breach]:
    for path, row in result.algorithms:
        if purpose_of(row).same_as(PLACEHOLDER_PURPOSE):
            yield f"{path}.{_PURPOSE}", "has the placeholder code of revisions 1.1 and 1.2"


def _each_algorithm_has(result: Result, keyword: str) -> Iterator[Breach]:
    for path, row in result.algorithms:
        if not words(row, keyword).strip():
            yield f"{path}.{keyword}", "is absent or empty"


@OBJECT.rule("AIR-019")
def _algorithm_manufacturer(result: Result) -> Iterator[Breach]:
    yield from _each_algorithm_has(result, "Manufacturer")


@OBJECT.rule("AIR-020")
def _algorithm_name(result: Result) -> Iterator[Breach]:
    yield from _each_algorithm_has(result, "ManufacturerModelName")


@OBJECT.rule("AIR-021")
def _algorithm_version(result: Result) -> Iterator[Breach]:
    yield from _each_algorithm_has(result, "SoftwareVersions")


@OBJECT.rule("AIR-022")
def _algorithm_device(result: Result) -> Iterator[Breach]:
    yield from _each_algorithm_has(result, "DeviceUID")


Build = tuple[str, tuple[str, ...]]
"""An algorithm: name and versions."""


def _builds(result: Result) -> list[tuple[str, Build, str]]:
    """Each algorithm with its path and its Device UID; incomplete ones are for AIR-020 to AIR-022."""
    return [
        (path, (words(row, "ManufacturerModelName"), tuple(several(row, "SoftwareVersions"))), uid)
        for path, row in result.algorithms
        if (uid := words(row, "DeviceUID")) and words(row, "ManufacturerModelName") and several(row, "SoftwareVersions")
    ]


@OBJECT.rule("AIR-023")
def _own_device_uids(result: Result) -> Iterator[Breach]:
    first: dict[str, Build] = {}
    for path, build, uid in _builds(result):
        if first.setdefault(uid, build) != build:
            yield f"{path}.DeviceUID", "is that of another algorithm or version"


@SET.rule("AIR-024")
def _one_device_uid(subject: ResultSet) -> Iterator[Breach]:
    others = [
        known
        for other in subject.together.objects
        if other is not subject.this and other.kind != "image"
        for known in _builds(other)
    ]
    for path, build, uid in _builds(subject.this):
        if any(build == known and uid != known_uid for _, known, known_uid in others):
            yield f"{path}.DeviceUID", "is not that of the same algorithm and version in another object"
        elif any(build != known and uid == known_uid for _, known, known_uid in others):
            yield f"{path}.DeviceUID", "is that of another algorithm or version in another object"


@OBJECT.rule("AIR-025")
def _library(result: Result) -> Iterator[Breach]:
    for path, row in result.equipment:
        if is_library(row) and not words(row, "DeviceUID"):
            yield path, "is the entry of an encoding library and has no Device UID"


@OBJECT.rule("AIR-026")
def _observer_is_equipment(result: Result) -> Iterator[Breach]:
    root = result.root
    stated = {keyword: found.value for concept, keyword in _OBSERVER if (found := root.child(concept))}
    known = [row for _, row in result.algorithms]
    if known and not any(all(words(row, keyword) == value for keyword, value in stated.items()) for row in known):
        yield root.path, "the device observer is none of the items of Contributing Equipment Sequence"


def _agrees(row: Dataset, name: str, version: str, maker: str) -> bool:
    """Whether an item of equipment is this algorithm; a maker that is not given fits any."""
    known = words(row, "ManufacturerModelName") == name and version in several(row, "SoftwareVersions")
    return known and maker in {"", words(row, "Manufacturer")}


@OBJECT.rule("AIR-027")
def _algorithm_is_equipment(result: Result) -> Iterator[Breach]:
    known = [row for _, row in result.algorithms]
    for parent in (result.root, *result.items) if known else ():
        name, version, maker = (parent.child(concept) for concept in ("111001", "111003", "122405"))
        if name is not None and version is not None:
            stated = name.value, version.value, maker.value if maker is not None else ""
            if not any(_agrees(row, *stated) for row in known):
                yield parent.path, "names an algorithm that is no item of Contributing Equipment Sequence"


@OBJECT.rule("AIR-028")
def _segments_name_equipment(result: Result) -> Iterator[Breach]:
    known = [row for _, row in result.algorithms]
    for number, segment in enumerate(rows(result.dataset, "SegmentSequence") if known else (), start=1):
        for row in rows(segment, "SegmentationAlgorithmIdentificationSequence"):
            stated = tuple(words(row, keyword) for keyword in ("AlgorithmName", "AlgorithmVersion", "AlgorithmSource"))
            if not any(_agrees(one, *stated) for one in known):
                yield f"SegmentSequence[{number}]", "names an algorithm that is no item of Contributing Equipment"


@OBJECT.rule("AIR-029")
def _acquisition(result: Result) -> Iterator[Breach]:
    if result.algorithms and not any(purpose_of(row).same_as(_ACQUISITION) for _, row in result.equipment):
        yield "ContributingEquipmentSequence", "has no item for the equipment that acquired the images"


@OBJECT.rule("AIR-085")
def _complete_algorithm(result: Result) -> Iterator[Breach]:
    for parent in (result.root, *result.items):
        name, version = parent.child("111001"), parent.child("111003")
        if name is None and version is None:
            continue
        if not _is_text(name) or not _is_text(version):
            yield parent.path, "names an algorithm without its version, or a version without its algorithm"


def _is_text(found: Item | None) -> bool:
    return found is not None and found.value_type == "TEXT" and bool(found.value)


@OBJECT.rule("AIR-085-FAMILY")
def _algorithm_family(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if found.named("111000") and not in_group(found.code, 7162):
            yield found.path, f"the family {found.code} is not of CID 7162"
