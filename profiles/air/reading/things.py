"""From a sorted-out measurement group to primitives of one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from profiles.air.errors import IllegalResult, require
from profiles.air.findings import Comment, Evaluation, Finding
from profiles.air.geometry import Location, Region
from profiles.air.measurement_groups import finding_of, sites_of
from profiles.air.measurements import Confidence, Measurement
from profiles.air.reading.groups import Group
from profiles.air.reading.items import Item
from profiles.air.reading.notes import Notes
from profiles.air.reading.numbers import measurement_in, sites_in
from profiles.air.reading.shapes import Shape, image_under, shape_in
from profiles.air.results import Thing
from profiles.air.segments import Segment
from profiles.air.values import FindingSite, ImageReference, Tracking
from profiles.dicom import Code

_SURE = ("111012", "111047")
_UNNAMED = Code("125007", "DCM", "Measurement Group")

Part = TypeVar("Part")


@dataclass(slots=True)
class Parts:
    """The primitives of all things, as :class:`Results` takes them."""

    findings: list[Finding] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    locations: list[Location] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)


def take_group(group: Group, of: Tracking, segment: Segment | None, mapped: bool, notes: Notes, parts: Parts) -> None:
    """Add what the group says.

    Args:
        group: the group.
        of: the identity of the thing.
        segment: its segment, when the group refers to one that was read.
        mapped: whether a map is of it.
        notes: what cannot be taken is added.
        parts: the primitives.
    """
    sites = _sites(group, notes)
    measurements = _each(group.numbers, lambda row: measurement_in(row, of, group.method, notes), notes)
    shapes = _shapes(group, of, notes)
    bare = Thing(of, None, (0, 1, segment) if segment else None, (), (), (), (), ())
    finding, sure = _finding(group, bare, sites, measurements, notes)
    drawn = _consistent(replace(bare, finding=finding), shapes, group, notes)
    finding = _with_images(finding, group, drawn, segment, notes)
    if finding is None and not (drawn or segment or mapped):
        finding = _stand_in(group, of, sites, notes) if measurements or group.answers or group.comments else None
        if finding is None:
            notes.add(group.item.path, group.item.what, "It says nothing that a primitive holds.")
            return
    elif sites and not (finding and finding.sites) and not segment:
        notes.add(group.item.path, group.item.what, "Its finding sites belong to no finding (TID 1501 row 6).")
    parts.findings += [finding] if finding else []
    parts.measurements += [row for row in measurements if row is not sure]
    parts.regions += [shape for shape in drawn if isinstance(shape, Region)]
    parts.locations += [shape for shape in drawn if isinstance(shape, Location)]
    parts.evaluations += _each(group.answers, lambda row: evaluation_in(row, of, notes), notes)
    parts.comments += _each(group.comments, lambda row: Comment(row.words, of), notes)


def evaluation_in(found: Item, of: Tracking | None, notes: Notes) -> Evaluation:
    """A coded answer with its modifiers (TID 1501 row 11).

    Raises:
        IllegalResult: when question or answer is no code.
    """
    modifiers = []
    for child in found.children():
        if child.kind == "CODE" and child.relation == "HAS CONCEPT MOD" and child.concept and child.answer:
            modifiers.append((child.concept, child.answer))
        else:
            notes.add(child.path, child.what, "No primitive holds it below an answer.")
    question, answer = found.concept, found.answer
    if question is None or answer is None:
        raise IllegalResult("Question and answer must be codes; one of them is missing (TID 1501 row 11).")
    return Evaluation(question, answer, of, tuple(modifiers))


def _each(items: Sequence[Item], make: Callable[[Item], Part], notes: Notes) -> list[Part]:
    made = []
    for found in items:
        with notes.taking(found.path, found.what):
            made.append(make(found))
    return made


def _sites(group: Group, notes: Notes) -> tuple[FindingSite, ...]:
    sites = sites_in(group.sites, notes)
    if group.side is None:
        return sites
    with notes.taking(group.side.path, group.side.what):
        require(len(sites) == 1 and sites[0].laterality is None, "It is not clear of which finding site it tells.")
        return (replace(sites[0], laterality=group.side.answer),)
    return sites


def _shapes(group: Group, of: Tracking, notes: Notes) -> list[tuple[Item, Shape]]:
    images = {image.referenced[0]: image for image in group.sources}
    alone = next(iter(images.values())) if len(images) == 1 else None
    made = []
    for found in group.shapes:
        with notes.taking(found.path, found.what):
            otherwise = None
            if alone and found.kind == "SCOORD" and image_under(found) is None:
                otherwise = ImageReference(alone.referenced[0], alone.numbers("ReferencedFrameNumber"))
            shape = shape_in(found, of, group.purpose, otherwise)
            if otherwise:
                notes.add(found.path, found.what, "It names no image; read as drawn on the only one of its group.")
            made.append((found, shape))
    return made


def _finding(
    group: Group, bare: Thing, sites: tuple[FindingSite, ...], measurements: list[Measurement], notes: Notes
) -> tuple[Finding | None, Measurement | None]:
    """The finding and the measurement that says how sure it is; no finding when the segment says as much."""
    if group.what is None or group.what.answer is None:
        if group.category and not bare.segment:
            notes.add(group.item.path, "Finding category", "There is no finding that it is the category of.")
        return None, None
    what = group.what.answer
    with notes.taking(group.what.path, group.what.what):
        implied = finding_of(bare)
        same = tuple(sites) == sites_of(bare)
        finding = Finding(what, bare.tracking, group.present, sites, group.category, _severity(group, notes))
        if implied and bare.segment:
            finding = replace(finding, sites=() if same else sites)
        last = measurements[-1] if measurements else None
        sure = last if last and _is_confidence(last) and not (implied and _says_no_more(finding, implied)) else None
        if sure:
            finding = replace(finding, confidence=Confidence(sure.value, sure.name))
        if implied and _says_no_more(finding, implied):
            return None, None
        replace(bare, finding=finding).require_consistent()
        return finding, sure
    return None, None


def _severity(group: Group, notes: Notes) -> Code | None:
    if group.severity and not group.present:
        notes.add(group.item.path, "Severity", "What is absent has no severity (RAD TF-3 section 6.5.3.2).")
        return None
    return group.severity


def _says_no_more(finding: Finding, implied: Finding) -> bool:
    """Whether the finding repeats what the segment says."""
    same = finding.what.same_as(implied.what)
    category = finding.category is not None and finding.category.same_as(implied.category)
    return same and category and replace(finding, what=implied.what, category=implied.category) == implied


def _is_confidence(row: Measurement) -> bool:
    bare = not (row.method or row.derivation or row.sites or row.uncertainty or row.normal or row.normality)
    return bare and row.name.value in _SURE and row.unit.value == "%" and 0 <= row.value <= 100  # noqa: PLR2004


def _consistent(bare: Thing, shapes: list[tuple[Item, Shape]], group: Group, notes: Notes) -> list[Shape]:
    """The shapes that may stand together; those that may not are noted."""
    taken: list[Shape] = []
    for found, shape in shapes:
        with notes.taking(found.path, found.what):
            both = [*taken, shape]
            replace(
                bare,
                regions=tuple(one for one in both if isinstance(one, Region)),
                locations=tuple(one for one in both if isinstance(one, Location)),
            ).require_consistent()
            taken.append(shape)
    return taken


def _with_images(
    finding: Finding | None, group: Group, drawn: Sequence[Shape], segment: Segment | None, notes: Notes
) -> Finding | None:
    """The finding with the images that show it; what is drawn or segmented names its own."""
    under = {shape.where.sop_instance_uid for shape in drawn if isinstance(shape.where, ImageReference)}
    images: list[ImageReference] = []
    for found in group.sources:
        uid = found.referenced[0]
        if uid in under or (segment and found.name == "121233"):
            continue
        with notes.taking(found.path, found.what):
            require(
                finding is not None and not drawn and not segment,
                "The thing is drawn or segmented elsewhere, or no finding is named that the image could show.",
            )
            images.append(ImageReference(uid, found.numbers("ReferencedFrameNumber")))
    return replace(finding, images=tuple(images)) if finding and images else finding


def _stand_in(group: Group, of: Tracking, sites: tuple[FindingSite, ...], notes: Notes) -> Finding:
    """A finding for what is measured or judged without being named: the place, if one is stated."""
    what = sites[0].location if sites else _UNNAMED
    notes.add(
        group.item.path,
        group.item.what,
        f"It names no finding and draws nothing (TID 1501 row 3b); what it is about is read as {what}.",
    )
    return Finding(what, of, sites=sites)
