"""From DICOM objects of anybody to the primitives, and a reason for whatever is not understood."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydicom import Dataset

from profiles.air.errors import IllegalResult
from profiles.air.key_images import KeyImages
from profiles.air.maps import ParametricMap
from profiles.air.reading.groups import Group
from profiles.air.reading.identities import Identities
from profiles.air.reading.key_object import key_images_in
from profiles.air.reading.notes import DAMAGE, Notes
from profiles.air.reading.outcome import Kind, Node, Reading, Stated, StatedAlgorithm
from profiles.air.reading.parametric_map import map_in
from profiles.air.reading.report import Report, report_in
from profiles.air.reading.result_tree import result_tree_in
from profiles.air.reading.segmentation import algorithms_in, segmentation_in
from profiles.air.reading.stated import contributors_in, merged, stated_by
from profiles.air.reading.things import Parts, take_group
from profiles.air.results import Results
from profiles.air.segments import Segment, Segmentation
from profiles.air.values import Tracking

_NO_RESULT = "It is no result object: its SOP Class is none of those that carry results (air.md section 3)."


def read_results(datasets: Sequence[Dataset], images: Sequence[Dataset] = ()) -> Reading:
    """What result objects say, as primitives.

    Volumes are put back on the voxels of their sources, in the order of ``images``, empty slices included; of a source
    series that is not given, in the order of the references, without slices that no frame lies on.

    A finding that says no more than its segment is not read besides it, a measurement that says how sure a finding is
    becomes its confidence, and key images are read one by one where a series was meant.

    Args:
        datasets: Segmentations, Parametric Maps, reports, result trees and key images of one result, in any order.
        images: headers of the images that they are about; of other images, and none, as well.

    Returns:
        The primitives, and everything that was not understood. Nothing is raised for what an object holds.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they would show the values of damaged elements
        return _Reader(list(images)).read(datasets)


@dataclass(slots=True)
class _Object:
    """An object, what it says of itself, and what of it was not understood."""

    dataset: Dataset
    stated: Stated
    notes: Notes


@dataclass(slots=True)
class _Pending:
    """A measurement group on its way: its identity is known, what it refers to is not."""

    group: Group
    tracking: Tracking
    notes: Notes


@dataclass(slots=True)
class _Reader:
    """One reading: reports first, for they name the things; then what they refer to; then all of it together."""

    images: list[Dataset]
    identities: Identities = field(default_factory=Identities)
    pending: list[_Pending] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    segmentations: list[Segmentation] = field(default_factory=list)
    segments: dict[tuple[str, int], Segment] = field(default_factory=dict)
    maps: dict[str, ParametricMap] = field(default_factory=dict)
    key_images: list[KeyImages] = field(default_factory=list)
    trees: list[Node] = field(default_factory=list)
    algorithms: list[StatedAlgorithm] = field(default_factory=list)

    def read(self, datasets: Sequence[Dataset]) -> Reading:
        """Read all objects."""
        objects = [_object(dataset) for dataset in datasets]
        _leave_repeated_out(objects)
        for kind in (Kind.REPORT, Kind.SEGMENTATION, Kind.MAP, Kind.KEY_IMAGES, Kind.RESULT_TREE, Kind.OTHER):
            for found in objects:
                if found.stated.kind is kind:
                    with found.notes.taking("", kind):
                        self._read_one(found)
        parts = self._things()
        results = self._together(parts, objects[0].notes if objects else Notes(""))
        if results is None and not self.trees and not any(found.notes.unread for found in objects):
            for found in objects:
                found.notes.add("", found.stated.kind, "It holds nothing that a primitive holds.")
        return Reading(
            results,
            merged(self.algorithms),
            tuple(found.stated for found in objects),
            tuple(self.trees),
            tuple(unread for found in objects for unread in found.notes.unread),
        )

    def _read_one(self, found: _Object) -> None:
        made, notes = found.dataset, found.notes
        self.algorithms += contributors_in(made)
        match found.stated.kind:
            case Kind.REPORT:
                self._report(made, notes)
            case Kind.SEGMENTATION:
                self._segmentation(made, found.stated.object_uid, notes)
            case Kind.MAP:
                self._map(made, found.stated.object_uid, notes)
            case Kind.KEY_IMAGES:
                self.key_images.append(key_images_in(made, notes))
            case Kind.RESULT_TREE:
                self.trees.append(result_tree_in(made, self._observations(), notes))
            case _ if not notes.unread:
                notes.add("", "SOPClassUID", _NO_RESULT)

    def _report(self, made: Dataset, notes: Notes) -> None:
        report = report_in(made, notes)
        self.reports.append(report)
        self.algorithms += report.algorithms()
        for group in report.groups:
            what = group.what.answer if group.what else None
            otherwise = what.meaning if what else f"Group {group.item.path}"
            stated = (group.identifier, group.uid)
            tracking = self.identities.give(stated, otherwise, notes, group.item.path)
            self.pending.append(_Pending(group, tracking, notes))

    def _referring(self, uid: str) -> list[_Pending]:
        """The groups that refer to an object."""
        return [one for one in self.pending if any(row.referenced[0] == uid for row in one.group.references)]

    def _segmentation(self, made: Dataset, uid: str, notes: Notes) -> None:
        self.algorithms += algorithms_in(made)
        owners = {
            number: one.tracking
            for one in reversed(self._referring(uid))
            for row in one.group.references
            if row.referenced[0] == uid
            for number in row.numbers("ReferencedSegmentNumber")
        }

        def name(number: int, stated: tuple[str, str], label: str, path: str) -> Tracking:
            return owners.get(number) or self.identities.give(stated, label, notes, path)

        found, by_number = segmentation_in(made, self.images, name, notes)
        self.segmentations.append(found)
        self.segments.update({(uid, number): segment for number, segment in by_number.items()})

    def _map(self, made: Dataset, uid: str, notes: Notes) -> None:
        owners = self._referring(uid)
        label = str(made.get("ContentLabel", "") or "Map")
        of = owners[0].tracking if owners else self.identities.give(("", ""), label, notes, "")
        self.maps[uid] = map_in(made, self.images, of, notes)

    def _observations(self) -> dict[str, Tracking]:
        return {uid: one.tracking for one in self.pending for uid in one.group.observations}

    def _things(self) -> Parts:
        parts = Parts()
        for one in self.pending:
            group, of, notes = one.group, one.tracking, one.notes
            with notes.taking(group.item.path, group.item.what):
                segment, mapped = None, False
                for row in group.references:
                    uid = row.referenced[0]
                    found = [self.segments.get((uid, number)) for number in row.numbers("ReferencedSegmentNumber")]
                    own = next((each for each in found if each and each.tracking == of), None)
                    mine = uid in self.maps and self.maps[uid].of == of
                    segment, mapped = segment or own, mapped or mine
                    if own is None and not mine:
                        notes.add(row.path, row.what, _unresolved(uid in self.maps or any(found)))
                take_group(group, of, segment, mapped, notes, parts)
        return parts

    def _together(self, parts: Parts, notes: Notes) -> Results | None:
        """All primitives as results; what would contradict is left out, and said."""
        priorities = [report.priority() for report in self.reports if report.levels]
        everything: dict[str, Any] = {
            "segmentations": tuple(self.segmentations),
            "measurements": tuple(parts.measurements),
            "findings": tuple(parts.findings),
            "evaluations": (*parts.evaluations, *(row for report in self.reports for row in report.evaluations)),
            "locations": tuple(parts.locations),
            "regions": tuple(parts.regions),
            "comments": (*parts.comments, *(row for report in self.reports for row in report.comments)),
            "priority": priorities[0] if priorities else None,
            "maps": tuple(self.maps.values()),
            "key_images": tuple(self.key_images),
        }
        nothing = any(report.nothing_found for report in self.reports)
        if not nothing and not any(value for key, value in everything.items() if key not in ("comments", "priority")):
            return None
        with notes.taking("1", "CODE (111241, DCM)" if nothing else "results"):
            return Results(**everything, nothing_found=nothing)
        with notes.taking("", "results"):
            return Results(**everything) if nothing else None
        return None


def _unresolved(known: bool) -> str:
    if known:
        return "Another group refers to it, too, and it is that one's."
    return "It refers to an object, or to a segment, that was not read."


def _leave_repeated_out(objects: Sequence[_Object]) -> None:
    """An instance that is given twice, from two folders for example, is one."""
    given: set[str] = set()
    for found in objects:
        uid = found.stated.object_uid
        if uid in given and found.stated.kind is not Kind.OTHER:
            found.stated = replace(found.stated, kind=Kind.OTHER)
            found.notes.add("", "object", "It is given twice; it was read once.")
        given.add(uid)


def _object(dataset: Dataset) -> _Object:
    """The object and what it says of itself; nothing, when that cannot be read."""
    try:
        stated = stated_by(dataset)
    except (IllegalResult, *DAMAGE):
        notes = Notes("")
        notes.add("", "object", "It is damaged: what it says of itself cannot be read.")
        return _Object(Dataset(), Stated("", "", Kind.OTHER), notes)
    return _Object(dataset, stated, Notes(stated.object_uid))
