"""Rules for content trees as such: value types, relationships, values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from conformance.air.books import OBJECT
from conformance.air.elements import is_malformed
from conformance.air.reading import in_group, rows, several, words
from conformance.air.result import Item, Result
from conformance.rules import Breach
from profiles.tables import read_table

_CONTINUITY = {"SEPARATE", "CONTINUOUS"}
_VALUES_OF = {
    "TEXT": ("TextValue",),
    "CODE": ("ConceptCodeSequence",),
    "NUM": ("MeasuredValueSequence",),
    "UIDREF": ("UID",),
    "IMAGE": ("ReferencedSOPSequence",),
    "WAVEFORM": ("ReferencedSOPSequence",),
    "COMPOSITE": ("ReferencedSOPSequence",),
    "SCOORD": ("GraphicData", "GraphicType"),
    "SCOORD3D": ("GraphicData", "GraphicType"),
    "TCOORD": ("TemporalRangeType",),
    "DATE": ("Date",),
    "TIME": ("Time",),
    "DATETIME": ("DateTime",),
    "PNAME": ("PersonName",),
}
_NAMED = {"TEXT", "CODE", "NUM", "UIDREF", "DATE", "TIME", "DATETIME", "PNAME"}
_NEVER_BY_REFERENCE = {"CONTAINS", "HAS CONCEPT MOD"}
_EVALUATED = ("CODE", "NUM", "SCOORD", "SCOORD3D")
_NO_EVALUATION = {"276214006", "130400", "363698007", "272741003", "106233006", "370129005"}
_REGIONS = ("121191", "121214")
_DEPTH, _ITEMS, _OCTETS = 12, 5000, 10_000_000


@OBJECT.rule("AIR-045")
def _root(result: Result) -> Iterator[Breach]:
    if result.root.value_type != "CONTAINER" or words(result.dataset, "ContinuityOfContent") not in _CONTINUITY:
        yield "ValueType", "the root is no container with Continuity of Content"
    if not result.root.concept.value:
        yield "ConceptNameCodeSequence", "the root has no title"


@cache
def _relations(iod: str) -> frozenset[tuple[str, str, str]]:
    return frozenset(
        (source, row["relationship"], target)
        for row in read_table("conformance", "air_relationships")
        if row["iod"] == iod
        for source in row["source"].split()
        for target in row["target"].split()
    )


def _types(iod: str) -> frozenset[str]:
    return frozenset(kind for source, _, target in _relations(iod) for kind in (source, target))


@OBJECT.rule("AIR-046")
def _value_types(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if not found.by_reference and found.value_type not in _types("sr"):
            yield found.path, f"is of the value type {found.value_type or 'nothing'}"


def _misrelated(result: Result, iod: str) -> Iterator[Breach]:
    known = _types(iod)
    for found in result.items:
        source = found.parent.value_type if found.parent is not None else ""
        if found.by_reference or source not in known or found.value_type not in known:
            continue
        if (source, found.relationship, found.value_type) not in _relations(iod):
            yield found.path, f"{source} {found.relationship or '(nothing)'} {found.value_type} is not allowed"


@OBJECT.rule("AIR-047")
def _relationships(result: Result) -> Iterator[Breach]:
    yield from _misrelated(result, "sr")


@OBJECT.rule("AIR-182")
def _key_object_content(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if found.by_reference or found.value_type not in _types("kos"):
            yield found.path, f"is of the value type {found.value_type or 'nothing'}"
    yield from _misrelated(result, "kos")


def pointed_at(result: Result, found: Item) -> Item | None:
    """The item that an item by reference points to; None when there is none."""
    here: Item | None = result.root
    places = [int(place) for place in several(found.dataset, "ReferencedContentItemIdentifier") if place.isdigit()]
    if not places or places[0] != 1:
        return None
    for place in places[1:]:
        here = here.children[place - 1] if here is not None and 0 < place <= len(here.children) else None
    return here


def _ancestors(found: Item) -> Iterator[Item]:
    while found.parent is not None:
        found = found.parent
        yield found


@OBJECT.rule("AIR-048")
def _by_reference(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if not found.by_reference:
            continue
        target = pointed_at(result, found)
        source = found.parent.value_type if found.parent is not None else ""
        if target is None or target.by_reference:
            yield found.path, "points to no item of the tree"
        elif any(target is above for above in _ancestors(found)):
            yield found.path, "points to an item that it is part of"
        elif found.relationship in _NEVER_BY_REFERENCE:
            yield found.path, f"is related by {found.relationship}, which is never by reference"
        elif (source, found.relationship, target.value_type) not in _relations("sr"):
            yield found.path, f"{source} {found.relationship or '(nothing)'} {target.value_type} is not allowed"


@OBJECT.rule("AIR-049")
def _concept_names(result: Result) -> Iterator[Breach]:
    for found in result.items:
        given = len(rows(found.dataset, "ConceptNameCodeSequence"))
        needed = found.value_type in _NAMED or "ConceptNameCodeSequence" in found.dataset
        if needed and given != 1 and not found.by_reference:
            yield found.path, f"an item of type {found.value_type} has {given} concept names"


@OBJECT.rule("AIR-050")
def _values(result: Result) -> Iterator[Breach]:
    for found in result.items:
        for keyword in _VALUES_OF.get(found.value_type, ()):
            absent = keyword not in found.dataset
            if absent or (found.value_type != "NUM" and found.dataset[keyword].is_empty):
                yield found.path, f"an item of type {found.value_type} has no {keyword}"


@OBJECT.rule("AIR-051")
def _continuity(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if found.value_type == "CONTAINER" and words(found.dataset, "ContinuityOfContent") not in _CONTINUITY:
            yield found.path, "a container has no Continuity of Content"


@OBJECT.rule("AIR-052")
def _one_report(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if found.value_type == "CONTAINER" and in_group(found.concept, 7021):
            yield found.path, "is a report within the report"


def _is_observation(found: Item) -> bool:
    """Whether an item of a group or of the evaluations is something that was observed."""
    if found.relationship != "CONTAINS" or found.by_reference:
        return False
    wanted = found.value_type in _EVALUATED and found.concept.value not in _NO_EVALUATION
    return wanted or any(found.named(region) for region in _REGIONS)


@OBJECT.rule("AIR-053")
def _observation_uids(result: Result) -> Iterator[Breach]:
    places = [*result.groups, *(found for found in result.items if found.named("C0034375", "UMLS"))]
    bare = [
        found
        for place in places
        for found in place.children
        if _is_observation(found) and not words(found.dataset, "ObservationUID")
    ]
    if bare:
        name = bare[0].concept.meaning or bare[0].value_type
        yield bare[0].path, f"{name} has no Observation UID ({len(bare)} such items)"


@OBJECT.rule("AIR-053-UNIQUE")
def _unique_observation_uids(result: Result) -> Iterator[Breach]:
    seen = Counter(uid for found in result.items if (uid := words(found.dataset, "ObservationUID")))
    for found in result.items:
        if seen[words(found.dataset, "ObservationUID")] > 1:
            yield found.path, "has the Observation UID of another item"
            return


@OBJECT.rule("AIR-054")
def _well_formed_observation_uids(result: Result) -> Iterator[Breach]:
    for found in (result.root, *result.items):
        uid = words(found.dataset, "ObservationUID")
        if uid and is_malformed(uid):
            yield f"{found.path} ObservationUID", "is no well-formed UID"


@OBJECT.rule("AIR-055")
def _observed_before(result: Result) -> Iterator[Breach]:
    observed, date = words(result.dataset, "ObservationDateTime"), words(result.dataset, "ContentDate")
    made = _moment(date + words(result.dataset, "ContentTime"))
    if observed and date and _moment(observed) > made:
        yield "ObservationDateTime", "is after Content Date and Content Time"


def _moment(text: str) -> str:
    """A moment without its offset, to compare: all times of one object are of one zone."""
    return re.split(r"[+-]", text)[0].partition(".")[0].ljust(14, "0")


@OBJECT.rule("AIR-056")
def _small_enough(result: Result) -> Iterator[Breach]:
    depth = max((len(found.path.split(".")) for found in result.items), default=1)
    for what, found, limit in (
        ("levels", depth, _DEPTH),
        ("items", len(result.items), _ITEMS),
        ("octets", result.octets or 0, _OCTETS),
    ):
        if found > limit:
            yield result.root.path, f"the report has {found} {what}; readers manage {limit}"
