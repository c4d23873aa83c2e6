"""Rules for references between the objects of a set."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from conformance.air.books import SET
from conformance.air.document import evidence
from conformance.air.frames import frame_segment, frame_sources
from conformance.air.groups import FINDING
from conformance.air.reading import first_code, rows, uid_of, whole, words
from conformance.air.result import Item, Result, ResultSet, classes
from conformance.air.segmentation import listed_sources
from conformance.rules import Breach

DOCUMENTS = ("sr", "kos")
_MEASURABLE = ("seg", "labelmap", "pm")


def _documented(subject: ResultSet) -> list[tuple[Item, Dataset]]:
    """The references of a document's tree; none when the object is no document."""
    return subject.this.references if subject.this.kind in DOCUMENTS else []


def measured_segments(subject: ResultSet) -> Iterator[tuple[Item, Item, Result, int]]:
    """Groups with the segment that they measure, its segmentation when it is in the set, and its number."""
    for group in subject.this.groups if subject.this.kind == "sr" else ():
        for found in group.children:
            segmentation = subject.together.target(found.reference)
            number = _segment_number(found, segmentation) if segmentation is not None else None
            if segmentation is not None and number is not None:
                yield group, found, segmentation, number


def _segment_number(found: Item, segmentation: Result) -> int | None:
    """The segment that an item refers to, itself or by its frame."""
    if found.named("121191"):
        return whole(found.reference, "ReferencedSegmentNumber")
    frames = frames_of(found.reference) if found.named("121214") else []
    inside = len(frames) == 1 and 1 <= frames[0] <= len(segmentation.frames)
    return frame_segment(segmentation.frames[frames[0] - 1]) if inside else None


def segment_of(segmentation: Result, number: int) -> Dataset | None:
    """A segment by its number."""
    segments = rows(segmentation.dataset, "SegmentSequence")
    return next((row for row in segments if whole(row, "SegmentNumber") == number), None)


@SET.rule("AIR-116")
def _finding_is_type(subject: ResultSet) -> Iterator[Breach]:
    for group, _, segmentation, number in measured_segments(subject):
        segment, finding = segment_of(segmentation, number), group.child(*FINDING)
        kind = first_code(segment or Dataset(), "SegmentedPropertyTypeCodeSequence")
        if finding is not None and kind.value and finding.code.value and not finding.code.same_as(kind):
            yield finding.path, f"the finding {finding.code} is not the type {kind} of segment {number}"


@SET.rule("AIR-117")
def _target_exists(subject: ResultSet) -> Iterator[Breach]:
    for _, found, segmentation, number in measured_segments(subject):
        if segment_of(segmentation, number) is None:
            yield found.path, f"refers to segment {number}, which its segmentation does not declare"
    for found, row in _documented(subject):
        target, frames = subject.together.target(row), frames_of(row)
        last = (whole(target.dataset, "NumberOfFrames") or 1) if target is not None else None
        if last is not None and any(not 1 <= frame <= last for frame in frames):
            yield found.path, f"refers to a frame beyond the {last} that the object has"


def frames_of(reference: Dataset) -> list[int]:
    """The frames that a reference names."""
    value = reference.get("ReferencedFrameNumber")
    several = [value] if isinstance(value, int) else list(value or ())
    return [int(frame) for frame in several]


@SET.rule("AIR-118")
def _class_of_references(subject: ResultSet) -> Iterator[Breach]:
    for found, row in _documented(subject):
        target = subject.together.target(row)
        if target is not None and words(target.dataset, "SOPClassUID") != words(row, "ReferencedSOPClassUID"):
            yield found.path, "names another SOP class than that of the instance"


def _is_image(reference: Dataset) -> bool:
    kind = classes().get(words(reference, "ReferencedSOPClassUID"), {}).get("kind", "image")
    return kind in {"image", "extra"}


@SET.rule("AIR-120")
def _images_are_there(subject: ResultSet) -> Iterator[Breach]:
    if subject.this.kind not in DOCUMENTS:
        return
    here = {words(image.dataset, "SeriesInstanceUID") for image in subject.images}
    listed = {uid_of(row): (study, series) for study, series, row in evidence(subject.this)}
    absent = [
        uid_of(row)
        for _, row in _documented(subject)
        if subject.together.target(row) is None and _is_image(row) and listed.get(uid_of(row), ("", ""))[1] in here
    ]
    if absent:
        yield "ContentSequence", f"{len(set(absent))} images are absent from their series, {absent[0]} among them"
    for uid, place in listed.items():
        target = subject.together.by_uid.get(uid)
        if target is not None and _elsewhere(place, target):
            yield "CurrentRequestedProcedureEvidenceSequence", f"{uid} is of another study or series"
            return


def _elsewhere(place: tuple[str, str], target: Result) -> bool:
    """Whether an object is of another study or series than was told."""
    found = (words(target.dataset, "StudyInstanceUID"), words(target.dataset, "SeriesInstanceUID"))
    return any(told and actual and told != actual for told, actual in zip(place, found, strict=True))


@SET.rule("AIR-123")
def _one_patient(subject: ResultSet) -> Iterator[Breach]:
    own = words(subject.this.dataset, "PatientID")
    for found, row in _documented(subject):
        target = subject.together.target(row)
        if target is not None and words(target.dataset, "PatientID") != own and target.kind == "image":
            yield found.path, "refers to an image of another patient"
            return


@SET.rule("AIR-136")
def _shared_tracking(subject: ResultSet) -> Iterator[Breach]:
    for group, _, segmentation, number in measured_segments(subject):
        tracked, segment = group.child("112040"), segment_of(segmentation, number)
        uid = words(segment, "TrackingUID") if segment is not None else ""
        if uid and tracked is not None and tracked.value != uid:
            yield group.path, f"has another Tracking UID than segment {number} that it measures"


def sources_of(subject: ResultSet) -> list[Result]:
    """The images of the set that an object names as its sources."""
    this = subject.this
    if this.kind in DOCUMENTS:
        named = {uid_of(row) for _, row in this.references} | {uid_of(row) for _, _, row in evidence(this)}
    else:
        named = {uid for uids in listed_sources(this) for uid in uids}
        named |= {uid for groups in this.frames for uid in frame_sources(groups)}
    return [image for image in subject.images if image.uid in named]


@SET.rule("AIR-141")
def _place_of_segmentation(subject: ResultSet) -> Iterator[Breach]:
    if subject.this.kind not in {"seg", "labelmap"}:
        return
    own = words(subject.this.dataset, "FrameOfReferenceUID")
    for source in sources_of(subject):
        theirs = words(source.dataset, "FrameOfReferenceUID")
        if theirs and theirs != own:
            yield "FrameOfReferenceUID", "differs from that of the source images"
            return
        if not theirs and _size(source) != _size(subject.this):
            yield "Rows", "the size is not that of a source image without frame of reference"
            return


def _size(result: Result) -> tuple[int | None, int | None]:
    return whole(result.dataset, "Rows"), whole(result.dataset, "Columns")


@SET.rule("AIR-174")
def _place_of_map(subject: ResultSet) -> Iterator[Breach]:
    own = words(subject.this.dataset, "FrameOfReferenceUID")
    theirs = {words(source.dataset, "FrameOfReferenceUID") for source in sources_of(subject)} - {""}
    if subject.this.kind == "pm" and own and theirs and own not in theirs:
        yield "FrameOfReferenceUID", "differs from that of the source images"


@SET.rule("AIR-211")
def _one_build(subject: ResultSet) -> Iterator[Breach]:
    own = _signatures(subject.this)
    for found, row in _documented(subject):
        target = subject.together.target(row)
        if target is None or target.kind not in _MEASURABLE or not own or not _signatures(target):
            continue
        if not own & _signatures(target):
            yield found.path, "refers to an object of another algorithm or build"
            return


def _signatures(result: Result) -> set[tuple[str, str, str]]:
    return {
        (words(row, "ManufacturerModelName"), words(row, "SoftwareVersions"), words(row, "DeviceUID"))
        for _, row in result.algorithms
    }


@SET.rule("AIR-212")
def _referenced(subject: ResultSet) -> Iterator[Breach]:
    documents = subject.together.of(*DOCUMENTS)
    if subject.this.kind not in _MEASURABLE or not any(one.kind == "sr" for one in documents):
        return
    uid = subject.this.uid
    if not any(uid_of(row) == uid for document in documents for _, row in document.references):
        yield "SOPInstanceUID", "no report of the set refers to this object"


@SET.rule("AIR-213")
def _results_are_there(subject: ResultSet) -> Iterator[Breach]:
    study = words(subject.this.dataset, "StudyInstanceUID")
    beside = [one for one in subject.together.objects if words(one.dataset, "StudyInstanceUID") == study]
    for found, row in _documented(subject) if len(beside) > 1 else ():
        if subject.together.target(row) is None and not _is_image(row):
            yield found.path, f"refers to {uid_of(row)}, which is not in the set"
