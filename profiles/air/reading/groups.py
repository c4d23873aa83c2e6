"""Measurement groups by anybody, their content items sorted out (TID 1410, TID 1411 and TID 1501)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from profiles.air.errors import IllegalResult, require
from profiles.air.reading.items import Item
from profiles.air.reading.notes import Notes
from profiles.air.reading.numbers import SIDE, SITE
from profiles.air.reading.outcome import StatedAlgorithm
from profiles.air.values import require_code
from profiles.dicom import Code

PRESENT, ABSENT = ("121071", "373573001"), "373572006"
_SOURCES = ("121112", "121324", "121233", "260753009", "111040", "")
_LOST = "No primitive holds it in a measurement group."


@dataclass(slots=True)
class Group:
    """The content items of one group by what they are.

    Attributes:
        item: the group.
        identifier: Tracking Identifier as stated.
        uid: Tracking Unique Identifier as stated.
        what: the finding.
        present: whether it is there.
        category: Finding category.
        severity: Severity, where it follows the finding.
        purpose: Geometric purpose of region.
        method: Measurement Method of all numbers.
        sites: the finding sites.
        side: a laterality that stands beside the sites.
        references: images that are referenced, not under coordinates.
        sources: those of them that were only looked at.
        shapes: coordinates.
        numbers: measurements.
        answers: coded answers.
        comments: free words.
        algorithm: which algorithm, by its concepts.
        observations: all Observation UIDs in the group.
    """

    item: Item
    identifier: str = ""
    uid: str = ""
    what: Item | None = None
    present: bool = True
    category: Code | None = None
    severity: Code | None = None
    purpose: Code | None = None
    method: Code | None = None
    sites: list[Item] = field(default_factory=list)
    side: Item | None = None
    references: list[Item] = field(default_factory=list)
    sources: list[Item] = field(default_factory=list)
    shapes: list[Item] = field(default_factory=list)
    numbers: list[Item] = field(default_factory=list)
    answers: list[Item] = field(default_factory=list)
    comments: list[Item] = field(default_factory=list)
    algorithm: list[Item] = field(default_factory=list)
    observations: set[str] = field(default_factory=set)
    after_finding: bool = False

    def stated_algorithm(self) -> StatedAlgorithm | None:
        """The algorithm that the group names, if any."""
        return algorithm_in(self.algorithm)


def algorithm_in(items: Iterable[Item]) -> StatedAlgorithm | None:
    """The algorithm that TID 4019 names among the items, if any."""
    words: dict[str, list[str]] = {}
    for found in items:
        words.setdefault(found.name, []).append(found.words)
    if "111001" not in words:
        return None
    return StatedAlgorithm(words["111001"][0], words.get("111003", [""])[0], parameters=tuple(words.get("111002", ())))


def group_in(found: Item, notes: Notes) -> Group:
    """The group with its items sorted out.

    Args:
        found: the container (125007, DCM).
        notes: items that are not understood are added.
    """
    group = Group(found)
    group.observations = {str(each.dataset.get("ObservationUID", "")) for each in found.below()} - {""}
    _sort(group, found.children(), notes)
    if group.shapes:
        return group
    for number in group.numbers:
        inferred = [child for child in number.children() if child.kind in ("SCOORD", "SCOORD3D")]
        group.shapes += inferred
        for shape in inferred:
            notes.add(shape.path, shape.what, "It is drawn for one number; read as drawn for the thing.")
    return group


def _sort(group: Group, items: Iterable[Item], notes: Notes) -> None:
    for each in items:
        with notes.taking(each.path, each.what):
            follows, group.after_finding = group.after_finding, False
            require(
                "ReferencedContentItemIdentifier" not in each.dataset,
                "It refers to another content item instead of being one (PS3.3 C.17.3.2.5).",
            )
            sort = _BY_KIND.get(each.kind)
            if sort is None:
                notes.add(each.path, each.what, _LOST)
            elif each.kind == "CODE" and each.name == "246112005" and follows:
                group.severity = _answer(each)
            else:
                sort(group, each, notes)


def _answer(found: Item) -> Code:
    answer = found.answer
    if answer is None:
        raise IllegalResult("It has no code as its answer (Concept Code Sequence).")
    require_code(answer, "The answer")
    return answer


def _code(group: Group, found: Item, notes: Notes) -> None:
    if found.name == SITE:
        group.sites.append(found)
    elif found.name in (*PRESENT, ABSENT) and group.what is None:
        _answer(found)
        group.what, group.present = found, found.name != ABSENT
        _below_finding(group, found, notes)
        group.after_finding = True
    elif found.name in _ONCE and getattr(group, _ONCE[found.name]) is None:
        setattr(group, _ONCE[found.name], _answer(found))
    elif found.name == SIDE:
        group.side = found
        notes.add(found.path, found.what, "It stands beside the finding site, not below it (TID 1501).")
    elif found.name in _NAMED:
        _text(group, found, notes)
    else:
        require(found.name not in PRESENT, "The group has another finding; it was read first (TID 1501 row 3b).")
        group.answers.append(found)


_ONCE = {"276214006": "category", "130400": "purpose", "370129005": "method"}


def _below_finding(group: Group, finding: Item, notes: Notes) -> None:
    for child in finding.children():
        if child.name in (SITE, "130400") or child.kind in ("SCOORD", "SCOORD3D", "IMAGE", "COMPOSITE"):
            _sort(group, [child], notes)
            if child.name != SITE:
                notes.add(child.path, child.what, "It stands below the finding; read as if it stood in the group.")
        else:
            notes.add(child.path, child.what, "No primitive holds it below a finding.")


def _text(group: Group, found: Item, notes: Notes) -> None:
    if found.name in _NAMED:
        if not getattr(group, _NAMED[found.name]):
            setattr(group, _NAMED[found.name], found.words)
        return
    if found.name.startswith("11100"):
        group.algorithm.append(found)
    elif found.name == "121106":
        group.comments.append(found)
    elif found.name in (*PRESENT, ABSENT):
        group.comments.append(found)
        notes.add(found.path, found.what, "It is words where a code belongs (TID 1501 row 3b); kept as a comment.")
    else:
        notes.add(found.path, found.what, _LOST)


_NAMED = {"112039": "identifier", "112040": "uid"}


def _image(group: Group, found: Item, notes: Notes) -> None:
    if not found.referenced[0]:
        notes.add(found.path, found.what, "It names no instance (Referenced SOP Sequence).")
    elif found.name in _SOURCES:
        group.sources.append(found)
    else:
        group.references.append(found)


def _uid(group: Group, found: Item, notes: Notes) -> None:
    if found.name == "112040":
        _text(group, found, notes)
    elif found.name != "121232":  # which series a segment is of, its Segmentation says
        notes.add(found.path, found.what, _LOST)


def _container(group: Group, found: Item, notes: Notes) -> None:
    notes.add(found.path, found.what, "A container within a group; what is in it is read as if it stood in the group.")
    _sort(group, found.children(), notes)


def _shape(group: Group, found: Item, _: Notes) -> None:
    group.shapes.append(found)


def _number(group: Group, found: Item, _: Notes) -> None:
    group.numbers.append(found)


_BY_KIND: dict[str, Callable[[Group, Item, Notes], None]] = {
    "CODE": _code,
    "TEXT": _text,
    "IMAGE": _image,
    "COMPOSITE": _image,
    "UIDREF": _uid,
    "CONTAINER": _container,
    "SCOORD": _shape,
    "SCOORD3D": _shape,
    "NUM": _number,
}
