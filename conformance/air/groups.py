"""Rules for measurement groups: tracking, finding, site and evaluations (TID 1410, 1411 and 1501)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from conformance.air.books import OBJECT
from conformance.air.elements import is_local, schemes
from conformance.air.reading import in_group
from conformance.air.result import Item, Result
from conformance.air.skeleton import EVALUATIONS
from conformance.rules import Breach
from profiles.tables import read_table

FINDING, ABSENT, PRESENT = ("121071", "DCM"), ("373572006", "SCT"), ("373573001", "SCT")
SITE, LATERALITY = ("363698007", "SCT"), ("272741003", "SCT")
_MODIFIER, _METHOD, _PRESENCE = ("106233006", "SCT"), ("370129005", "SCT"), ("121052", "DCM")
_SUMMARY, _NOTHING_FOUND = "111017", {"111241", "111243"}
_COMMENTS = {"121106", "121071"}
_OBSERVED, _MODIFIES, _TEXT_SHARE = "HAS OBS CONTEXT", "HAS CONCEPT MOD", 0.2


def only_absent(group: Item) -> bool:
    """Whether a group says that something was looked for and not found."""
    return group.child(*ABSENT) is not None


def _tracking(group: Item) -> tuple[Item | None, Item | None]:
    return group.child("112039"), group.child("112040")


def _lacks_tracking(found: Item | None, other: Item | None, group: Item, kind: str) -> bool:
    """Whether a tracking item is wrong, or absent together with the other (one alone is for AIR-072)."""
    if found is None:
        return other is None and not only_absent(group)
    return found.value_type != kind or not found.value.strip() or found.relationship != _OBSERVED


@OBJECT.rule("AIR-070")
def _tracking_identifier(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        identifier, uid = _tracking(group)
        if _lacks_tracking(identifier, uid, group, "TEXT"):
            yield group.path, "has no Tracking Identifier"


@OBJECT.rule("AIR-071")
def _tracking_uid(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        identifier, uid = _tracking(group)
        if _lacks_tracking(uid, identifier, group, "UIDREF"):
            yield group.path, "has no Tracking Unique Identifier"


@OBJECT.rule("AIR-072")
def _both_or_neither(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        identifier, uid = _tracking(group)
        if (identifier is None) != (uid is None):
            yield group.path, "has only one of Tracking Identifier and Tracking Unique Identifier"


def _thing(group: Item) -> tuple[object, object]:
    """What a group is about: its findings and its sites."""
    findings = frozenset(found.value for name in (FINDING, ABSENT, PRESENT) for found in group.all_named(*name))
    sites = frozenset(
        (found.value, frozenset(side.value for side in found.all_named(*LATERALITY)))
        for found in group.all_named(*SITE)
    )
    return findings, sites


@OBJECT.rule("AIR-073")
def _tracked_things(result: Result) -> Iterator[Breach]:
    first: dict[str, tuple[object, object]] = {}
    for group in result.groups:
        uid = group.child("112040")
        if uid is not None and uid.value and first.setdefault(uid.value, _thing(group)) != _thing(group):
            yield group.path, "shares its Tracking UID with a group of another finding or site"


@OBJECT.rule("AIR-075")
def _finding(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        findings = group.all_named(*FINDING)
        if len(findings) > 1:
            yield group.path, f"has {len(findings)} findings"
        for found in findings:
            if found.value_type != "CODE" or found.relationship != "CONTAINS":
                yield found.path, f"Finding is of type {found.value_type}, related by {found.relationship}"


@OBJECT.rule("AIR-076")
def _says_what(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        named = any(group.child(*name) for name in (FINDING, ABSENT, PRESENT))
        if not named and not any(_is_coded_evaluation(found) for found in group.children):
            yield group.path, "has neither a finding nor a coded evaluation"


def _is_coded_evaluation(found: Item) -> bool:
    return found.value_type == "CODE" and found.relationship == "CONTAINS"


@OBJECT.rule("AIR-077")
def _finding_code(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        for found in (found for name in (FINDING, ABSENT, PRESENT) for found in group.all_named(*name)):
            scheme = found.code.scheme
            if scheme and schemes().get(scheme) != "clinical" and scheme not in result.known_schemes:
                kind = "the local scheme" if is_local(scheme) else "the scheme"
                yield found.path, f"is a code of {kind} {scheme}, which is not identified"


@OBJECT.rule("AIR-078")
def _present_and_absent(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        absent = [found.code for found in group.all_named(*ABSENT)]
        present = [found.code for found in group.all_named(*FINDING)]
        if any(code.same_as(other) for code in absent for other in present if code.value):
            yield group.path, "names the same finding as present and as absent"


@OBJECT.rule("AIR-079")
def _site(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        for found in group.all_named(*SITE):
            if found.relationship != _MODIFIES:
                yield found.path, f"Finding Site is related by {found.relationship}"


def _within_groups(result: Result, name: tuple[str, str]) -> Iterator[Item]:
    for group in result.groups:
        yield from (found for found in group.all_below() if found.named(*name))


@OBJECT.rule("AIR-080")
def _laterality_in_place(result: Result) -> Iterator[Breach]:
    for found in _within_groups(result, LATERALITY):
        if found.parent is None or not found.parent.named(*SITE):
            yield found.path, "Laterality is no child of a Finding Site"


@OBJECT.rule("AIR-081")
def _laterality(result: Result) -> Iterator[Breach]:
    for found in _within_groups(result, LATERALITY):
        if not in_group(found.code, 244):
            yield found.path, f"the laterality {found.code} is not of CID 244"


@cache
def _paired() -> Mapping[tuple[str, str], str]:
    return {(row["value"], row["scheme"]): row["meaning"] for row in read_table("conformance", "air_paired_sites")}


@OBJECT.rule("AIR-082")
def _sided(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        sided_elsewhere = group.child(*LATERALITY) is not None  # in the wrong place, which AIR-080 says
        for found in group.all_named(*SITE):
            organ = _paired().get((found.code.value, found.code.scheme))
            if organ and found.child(*LATERALITY) is None and not sided_elsewhere:
                yield found.path, f"{organ} has no laterality"


def _is_coded(found: Item) -> bool:
    return found.value_type == "CODE" and bool(found.code.value)


@OBJECT.rule("AIR-083")
def _topography(result: Result) -> Iterator[Breach]:
    for found in _within_groups(result, _MODIFIER):
        if not _is_coded(found):
            yield found.path, "a topographical modifier is not coded"


@OBJECT.rule("AIR-084")
def _method(result: Result) -> Iterator[Breach]:
    for found in _within_groups(result, _METHOD):
        if not _is_coded(found) or found.relationship != _MODIFIES:
            yield found.path, f"Measurement Method is of type {found.value_type}, related by {found.relationship}"


@OBJECT.rule("AIR-086")
def _presence(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if found.named(*_PRESENCE) and not in_group(found.code, 240):
            yield found.path, f"the presence {found.code} is not of CID 240"


@OBJECT.rule("AIR-087")
def _summary(result: Result) -> Iterator[Breach]:
    for found in result.items:
        if found.named(_SUMMARY) and not in_group(found.code, 6047):
            yield found.path, f"the summary {found.code} is not of CID 6047"


@OBJECT.rule("AIR-087-CONTRADICTION")
def _nothing_found(result: Result) -> Iterator[Breach]:
    positive = [group for group in result.groups if group.child(*FINDING) or group.child(*PRESENT)]
    for found in result.items:
        if found.named(_SUMMARY) and found.value in _NOTHING_FOUND and positive:
            yield found.path, f"says that nothing was found, and {len(positive)} groups have findings"


@OBJECT.rule("AIR-088")
def _coded_evaluations(result: Result) -> Iterator[Breach]:
    places = [*result.groups, *result.root.all_named(*EVALUATIONS)]
    said = [found for place in places for found in place.children if found.relationship == "CONTAINS"]
    texts = [found for found in said if found.value_type == "TEXT" and found.concept.value not in _COMMENTS]
    codes = [found for found in said if found.value_type == "CODE"]
    if len(texts) > _TEXT_SHARE * (len(texts) + len(codes)):
        yield texts[0].path, f"{len(texts)} evaluations are text and {len(codes)} are coded"


@cache
def _time_points() -> Mapping[tuple[str, str], str]:
    return {(row["concept"], row["scheme"]): row["type"] for row in read_table("conformance", "air_time_points")}


@OBJECT.rule("AIR-089")
def _time_point(result: Result) -> Iterator[Breach]:
    for group in result.groups:
        for found in group.children:
            kind = _time_points().get((found.concept.value, found.concept.scheme))
            if kind and (found.relationship != _OBSERVED or found.value_type != kind):
                meaning = found.concept.meaning
                yield found.path, f"{meaning} is of type {found.value_type}, related by {found.relationship}"
