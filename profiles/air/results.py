"""Everything that one run of an algorithm reports, and the things that its parts are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from profiles.air.errors import require
from profiles.air.findings import Comment, Evaluation, Finding, PriorityHint
from profiles.air.geometry import Location, Outline, Region, Space
from profiles.air.key_images import KeyImages
from profiles.air.maps import ParametricMap
from profiles.air.measurements import Measurement
from profiles.air.segments import Segment, Segmentation
from profiles.air.values import Tracking


@dataclass(frozen=True, eq=False, slots=True)
class Thing:
    """One thing and all that is said of it; becomes one measurement group.

    Attributes:
        tracking: its identity.
        finding: what it is, or that it is absent.
        segment: its voxels: the segmentation's place among the results, the segment's number, and the segment.
        regions: its outlines.
        locations: its places.
        measurements: its numbers, the confidence in its finding among them.
        evaluations: its coded answers.
        comments: its free words.
        maps: its maps, each with its place among the results.
    """

    tracking: Tracking
    finding: Finding | None
    segment: tuple[int, int, Segment] | None
    regions: tuple[Region, ...]
    locations: tuple[Location, ...]
    measurements: tuple[Measurement, ...]
    evaluations: tuple[Evaluation, ...]
    comments: tuple[Comment, ...]
    maps: tuple[tuple[int, ParametricMap], ...] = ()

    def require_consistent(self) -> None:
        """Refuse what one measurement group cannot say.

        Raises:
            IllegalResult: when finding and segment differ, or the thing is drawn in several ways, or absent and drawn.
        """
        name = self.tracking.identifier
        shapes: tuple[Region | Location, ...] = (*self.regions, *self.locations)
        kinds = [bool(self.segment), bool(self.regions), bool(self.locations)]
        places = {shape.where if isinstance(shape.where, Space) else None for shape in shapes}
        require(
            sum(kinds) <= 1 and len(places) <= 1,
            f"{name} has segment, regions or locations together, or is drawn on images and in space; a measurement "
            "group takes one kind (TID 1410 and TID 1411). Give each its own Tracking Identifier.",
        )
        outlines = {region.outline for region in self.regions}
        require(
            len(self.regions) <= 1 or not (len(outlines) > 1 or Outline.ELLIPSOID in outlines),
            f"{name} has regions of several kinds, or several ellipsoids; a stack or a surface has outlines of one "
            "kind (TID 1411). Give each its own Tracking Identifier.",
        )
        require(
            not self.finding or self.finding.present or not any(kinds),
            f"{name} is absent and yet drawn; what is not there has no place (RAD TF-3 section 6.5.3.2).",
        )
        require(
            not self.finding or not self.finding.images or not any(kinds),
            f"{name} is drawn or segmented and its finding names images besides; what is drawn names its own. Leave "
            "the images out of the finding (TID 1410 and TID 1411 have no row for them).",
        )
        if self.segment and self.finding:
            kind = self.segment[2].property_type
            require(
                self.finding.what.same_as(kind),
                f"{name} is found as {self.finding.what} and segmented as {kind}; let the finding be the Segmented "
                "Property Type (air.md AIR-116).",
            )


@dataclass(frozen=True, eq=False, slots=True)
class Results:
    """Everything that one run of an algorithm reports.

    What shares a :class:`Tracking` identifier is said of one thing (RAD TF-3 section 6.5.3.7).

    Attributes:
        segmentations: labelled voxels.
        measurements: numbers; each is of a thing that is found, drawn or segmented in the same results.
        figures: further numbers for logs and the workitem's performed parameters, not part of the result objects.
        findings: what is there, and what was looked for and is not.
        evaluations: coded answers, of things or of the whole study.
        locations: points and lines.
        regions: outlines.
        comments: free words, of things or of the whole study.
        priority: how soon to read the study.
        nothing_found: the algorithm did all its work and found nothing.
        maps: numbers for each voxel.
        key_images: what a reader should see.
    """

    segmentations: tuple[Segmentation, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    locations: tuple[Location, ...] = ()
    regions: tuple[Region, ...] = ()
    comments: tuple[Comment, ...] = ()
    priority: PriorityHint | None = None
    nothing_found: bool = False
    maps: tuple[ParametricMap, ...] = ()
    key_images: tuple[KeyImages, ...] = ()

    def __post_init__(self) -> None:
        require(
            bool(
                self.segmentations
                or self.measurements
                or self.findings
                or self.evaluations
                or self.locations
                or self.regions
                or self.nothing_found
                or self.maps
                or self.key_images
            ),
            "The results are empty. An algorithm that found nothing says so with nothing_found=True, or with a finding "
            "that is absent; one that could not run refuses its input with a reason.",
        )
        self._require_one_of_each()
        self._require_known()
        self._require_no_contradiction()

    def things(self) -> tuple[Thing, ...]:
        """All things, in the order in which segments, then findings, regions and locations name them."""
        segments = {found[2].tracking.identifier: found for found in self._segments()}
        findings = {found.of.identifier: found for found in self.findings}
        parts = [
            _by_thing(kind)
            for kind in (self.regions, self.locations, self.measurements, self.evaluations, self.comments)
        ]
        parts.append(_by_thing(list(enumerate(self.maps)), lambda pair: pair[1].of))
        return tuple(
            _thing(tracking, findings.get(name), segments.get(name), [kind.get(name, ()) for kind in parts])
            for name, tracking in self._trackings().items()
        )

    @property
    def need_a_report(self) -> bool:
        """Whether there is more than key images, which have an object of their own."""
        whole = len(self.evaluations) + len(self.comments)
        return bool(self._named() or whole or self.priority or self.nothing_found)

    def measurements_of(self, tracking: Tracking) -> tuple[Measurement, ...]:
        """The measurements of one thing, in their order."""
        return tuple(row for row in self.measurements if row.of.identifier == tracking.identifier)

    def _segments(self) -> Iterator[tuple[int, int, Segment]]:
        for place, found in enumerate(self.segmentations):
            for number, segment in enumerate(found.segments, start=1):
                yield place, number, segment

    def _named(self) -> list[Tracking]:
        """Every mention of a thing by what is, or is not, there."""
        return [
            *(segment.tracking for _, _, segment in self._segments()),
            *(found.of for found in self.findings),
            *(found.of for found in self.regions),
            *(found.of for found in self.locations),
            *(found.of for found in self.maps),
        ]

    def _said_of(self) -> list[Tracking]:
        """Every mention of a thing by what is said of it."""
        return [
            *(row.of for row in self.measurements),
            *(row.of for row in self.evaluations if row.of is not None),
            *(row.of for row in self.comments if row.of is not None),
        ]

    def _trackings(self) -> dict[str, Tracking]:
        """The identity of each thing by its identifier; one with a UID is preferred."""
        known: dict[str, Tracking] = {}
        for tracking in self._named():
            if tracking.uid or tracking.identifier not in known:
                known[tracking.identifier] = tracking
        return known

    def _require_one_of_each(self) -> None:
        for trackings, what in (
            ([segment.tracking for _, _, segment in self._segments()], "segments"),
            ([found.of for found in self.findings], "findings"),
        ):
            names = [tracking.identifier for tracking in trackings]
            require(
                len(set(names)) == len(names),
                f"Two {what} share a Tracking Identifier; one identity is one thing (RAD TF-3 section 6.5.3.7). "
                "Name them apart.",
            )
        pairs = {(one.identifier, one.uid) for one in (*self._named(), *self._said_of()) if one.uid}
        for part, what in ((0, "Tracking Identifier"), (1, "Tracking Unique Identifier")):
            once = {pair[part] for pair in pairs}
            require(
                len(once) == len(pairs),
                f"A {what} stands with two others; identifier and UID together name one thing "
                "(RAD TF-3 section 6.5.3.7).",
            )

    def _require_known(self) -> None:
        strays = {tracking.identifier for tracking in self._said_of()} - set(self._trackings())
        require(
            not strays,
            f"There are measurements, evaluations or comments of {', '.join(sorted(strays))}, which no segment, "
            "finding, region or location carries as its Tracking Identifier; report the thing itself, too.",
        )

    def _require_no_contradiction(self) -> None:
        things = self.things()
        for thing in things:
            thing.require_consistent()
        require(
            not self.nothing_found or all(thing.finding and not thing.finding.present for thing in things),
            "nothing_found is True, but there is something; (111241, DCM) is for results without findings.",
        )


def _by_thing(
    parts: Sequence[Any], of: Callable[[Any], Tracking | None] = attrgetter("of")
) -> dict[str, tuple[Any, ...]]:
    """The parts that are of a thing, by its identifier."""
    sorted_out: dict[str, list[Any]] = {}
    for part in parts:
        tracking = of(part)
        if tracking is not None:
            sorted_out.setdefault(tracking.identifier, []).append(part)
    return {name: tuple(found) for name, found in sorted_out.items()}


def _thing(
    tracking: Tracking,
    finding: Finding | None,
    segment: tuple[int, int, Segment] | None,
    parts: list[tuple[Any, ...]],
) -> Thing:
    regions, locations, measurements, evaluations, comments, maps = parts
    sure = (finding.confidence.about(tracking),) if finding and finding.confidence else ()
    return Thing(tracking, finding, segment, regions, locations, (*measurements, *sure), evaluations, comments, maps)
