"""Rules over a whole set: one study, one patient, one UID for one thing, reports that follow one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pydicom import Dataset

from conformance.air.books import SET
from conformance.air.header import RESULTS
from conformance.air.reading import evidence_of, rows, uid_of, words
from conformance.air.references import sources_of
from conformance.air.result import Result, ResultSet
from conformance.rules import Breach

_SAME = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")
_PIXELS = 0x7FE0


@SET.rule("AIR-210")
def _same_subject(subject: ResultSet) -> Iterator[Breach]:
    this = subject.this
    if this.kind not in (*RESULTS, "other"):
        return
    siblings = subject.siblings
    if not siblings and sources_of(subject):
        yield "StudyInstanceUID", "differs from that of the source images"
    for keyword in _SAME if siblings else ():
        if _plain(this.dataset, keyword) not in {_plain(one.dataset, keyword) for one in siblings}:
            yield keyword, "differs from that of the source images"


def _plain(dataset: Dataset, keyword: str) -> str:
    """An attribute without the separators and spaces that say nothing."""
    return words(dataset, keyword).rstrip("^= ").strip()


def _tracked(result: Result) -> Iterator[tuple[str, str, str]]:
    """Place, Tracking UID and Tracking Identifier of groups and segments."""
    for group in result.groups if result.kind == "sr" else ():
        identifier, uid = group.child("112039"), group.child("112040")
        if identifier is not None and uid is not None and identifier.value and uid.value:
            yield group.path, uid.value, identifier.value
    for number, segment in enumerate(rows(result.dataset, "SegmentSequence"), start=1):
        if words(segment, "TrackingUID") and words(segment, "TrackingID"):
            yield f"SegmentSequence[{number}]", words(segment, "TrackingUID"), words(segment, "TrackingID")


@SET.rule("AIR-074")
def _one_identifier(subject: ResultSet) -> Iterator[Breach]:
    if subject.this.kind not in RESULTS:
        return
    known: dict[str, set[str]] = defaultdict(set)
    for one in subject.together.of(*RESULTS):
        for _, uid, identifier in _tracked(one):
            known[uid].add(identifier.strip())
    for path, uid, _ in _tracked(subject.this):
        if len(known[uid]) > 1:
            yield path, "its Tracking UID goes with several Tracking Identifiers in the set"


def _predecessors(result: Result) -> set[str]:
    return {uid_of(row) for _, _, row in evidence_of(result.dataset, "PredecessorDocumentsSequence")}


def _moment(result: Result) -> str:
    return words(result.dataset, "ContentDate") + words(result.dataset, "ContentTime")


@SET.rule("AIR-214")
def _successors(subject: ResultSet) -> Iterator[Breach]:
    this = subject.this
    if this.kind != "sr":
        return
    own = {identifier: uid for _, uid, identifier in _tracked(this)}
    for earlier in (one for one in subject.together.of("sr") if one.uid != this.uid):
        theirs = {identifier: uid for _, uid, identifier in _tracked(earlier)}
        shared = set(own) & set(theirs)
        if earlier.uid in _predecessors(this) and any(own[name] != theirs[name] for name in shared):
            yield "ContentSequence", "tracks what its predecessor tracks by another Tracking UID"
        elif _moment(earlier) < _moment(this) and _is_rerun(this, earlier) and earlier.uid not in _predecessors(this):
            yield "PredecessorDocumentsSequence", "does not name the earlier report on the same things"


def _is_rerun(this: Result, earlier: Result) -> bool:
    """Whether both are of one study and algorithm and track the same things."""
    study = words(this.dataset, "StudyInstanceUID") == words(earlier.dataset, "StudyInstanceUID")
    algorithms = {name for name, _ in this.algorithm_names} & {name for name, _ in earlier.algorithm_names}
    things = {uid for _, uid, _ in _tracked(this)} & {uid for _, uid, _ in _tracked(earlier)}
    return bool(study and algorithms and things)


@SET.rule("AIR-214-REUSED")
def _one_uid(subject: ResultSet) -> Iterator[Breach]:
    this = subject.this
    for other in subject.together.of(*RESULTS) if this.kind in RESULTS and this.uid else ():
        if other is not this and other.uid == this.uid and not _same_content(this.dataset, other.dataset):
            yield "SOPInstanceUID", "is that of another object with other content"
            return


def _same_content(one: Dataset, other: Dataset) -> bool:
    """Whether two datasets have the same elements, pixels aside."""
    tags = [{tag for tag in dataset.keys() if tag.group != _PIXELS} for dataset in (one, other)]  # noqa: SIM118
    return tags[0] == tags[1] and all(one[tag] == other[tag] for tag in tags[0])
