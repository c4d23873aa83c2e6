"""Rules for key object selections, and for captures and result trees beside the reports."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.air.books import OBJECT, SET
from conformance.air.header import RESULTS
from conformance.air.reading import in_group, words
from conformance.air.result import Item, Result, ResultSet, classes
from conformance.rules import Breach

_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_ROOT, _NODE, _OBSERVATION = ("AIR003", "99IHE"), ("AIR004", "99IHE"), ("AIR005", "99IHE")
_KINDS = {"AIR003": {"sr"}, "AIR035": {"sr", "seg", "labelmap"}, "AIR036": {"pm"}, "AIR999": {"image", "extra"}}


@OBJECT.rule("AIR-181")
def _no_rejection(result: Result) -> Iterator[Breach]:
    if in_group(result.root.concept, 7031):
        yield "ConceptNameCodeSequence", f"the title {result.root.concept} asks to remove the images from use"


@OBJECT.rule("AIR-184")
def _described(result: Result) -> Iterator[Breach]:
    found = result.root.child("113012")
    if found is None or not found.value.strip():
        yield result.root.path, "has no Key Object Description"


@OBJECT.rule("AIR-185")
def _device(result: Result) -> Iterator[Breach]:
    kind, uid = result.root.child("121005"), result.root.child("121012")
    if kind is None or kind.value != "121007" or uid is None or not uid.value:
        yield result.root.path, "has no Observer Type of value Device with its UID"


@OBJECT.rule("AIR-190")
def _extra(result: Result) -> Iterator[Breach]:
    yield "SOPClassUID", f"is a {classes()[words(result.dataset, 'SOPClassUID')]['name']}, which is no AIR encoding"


@SET.rule("AIR-190-ALONE")
def _not_alone(subject: ResultSet) -> Iterator[Breach]:
    made = subject.this.kind == "extra" and subject.this.algorithms
    if made and subject.siblings and not subject.together.of(*RESULTS):
        yield "SOPClassUID", "an algorithm made it, and no AIR object beside it"


def _is_capture(result: Result) -> bool:
    """Whether an algorithm has made it as a Secondary Capture."""
    return words(result.dataset, "SOPClassUID").startswith(_CAPTURE) and bool(result.algorithms)


@OBJECT.rule("AIR-191")
def _capture(result: Result) -> Iterator[Breach]:
    if not _is_capture(result):
        return
    if words(result.dataset, "BurnedInAnnotation") != "YES":
        yield "BurnedInAnnotation", f"is {words(result.dataset, 'BurnedInAnnotation') or 'absent'}"
    description = words(result.dataset, "SeriesDescription").casefold()
    if not any(name and name.casefold() in description for name, _ in result.algorithm_names):
        yield "SeriesDescription", "does not name the algorithm"


@SET.rule("AIR-191-SERIES")
def _own_series(subject: ResultSet) -> Iterator[Breach]:
    series = words(subject.this.dataset, "SeriesInstanceUID")
    others = [one for one in subject.together.objects if words(one.dataset, "SeriesInstanceUID") == series]
    if _is_capture(subject.this) and any(one.kind != "extra" for one in others):
        yield "SeriesInstanceUID", "is that of other objects too"


@OBJECT.rule("AIR-200")
def _tree(result: Result) -> Iterator[Breach]:
    yield result.root.path, "is a result tree"


def _nodes(result: Result) -> list[Item]:
    return [result.root, *(found for found in result.items if found.named(*_NODE))]


@OBJECT.rule("AIR-201")
def _labels(result: Result) -> Iterator[Breach]:
    roots = [found for found in result.items if found.named(*_ROOT)]
    if len(roots) != 1:
        yield result.root.path, f"has {len(roots)} root results"
    for node in _nodes(result):
        label = node.child("125309")
        if label is None or not label.value.strip():
            yield node.path, "has no Short Label"


@SET.rule("AIR-202")
def _observations(subject: ResultSet) -> Iterator[Breach]:
    for node in _nodes(subject.this) if "tree" in subject.this.kinds else ():
        observed = node.child(*_OBSERVATION)
        target = next((found for child in node.children if (found := subject.together.target(child.reference))), None)
        if observed is not None and target is not None and target.kind == "sr":
            known = {words(found.dataset, "ObservationUID") for found in target.items}
            if observed.value not in known:
                yield observed.path, "names an observation that the report does not have"


@OBJECT.rule("AIR-203")
def _node_kinds(result: Result) -> Iterator[Breach]:
    for found, row in result.references:
        wanted = _KINDS.get(found.concept.value, set()) if found.concept.scheme == "99IHE" else set()
        kind = classes().get(words(row, "ReferencedSOPClassUID"), {}).get("kind", "image")
        if wanted and kind not in wanted:
            yield found.path, f"{found.concept.meaning} refers to an object of another kind ({kind})"
