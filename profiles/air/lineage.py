"""Which things of several studies are one and the same (air.md 6.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.results import Results, Thing
from profiles.air.rewriting import rewritten
from profiles.air.segmentation_object import tracking_uid
from profiles.air.values import Tracking, require_uid


@dataclass(frozen=True, slots=True)
class Succession:
    """One thing that split, or several that merged, by their Tracking Identifiers.

    Attributes:
        before: as they were called in earlier studies.
        after: as they are called from this study on.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]

    def __post_init__(self) -> None:
        require(
            len({*self.before}) == len(self.before) and len({*self.after}) == len(self.after),
            "A succession names a thing twice; name each once.",
        )
        require(
            bool(self.before and self.after) and 1 in (len(self.before), len(self.after)),
            f"A succession goes from {len(self.before)} to {len(self.after)} things; one splits into some, or some "
            "merge into one.",
        )


@dataclass(frozen=True, eq=False, slots=True)
class StudyResults:
    """A study as one engine, or one person, read it.

    Attributes:
        patient_id: Patient ID; compared, never shown.
        study_instance_uid: of the study.
        at: Study Date and Time, with zone.
        results: what was found.
        engine: Algorithm Name, or the label of a blinded source.
        version: Algorithm Version, with the build where a version has several.
        made_at: when the results were made; of two results of one study the later ones count.
        successions: which things split or merged since the studies before.
    """

    patient_id: str
    study_instance_uid: str
    at: datetime
    results: Results
    engine: str
    version: str
    made_at: datetime
    successions: tuple[Succession, ...] = ()

    def __post_init__(self) -> None:
        require_uid(self.study_instance_uid, "Study Instance UID")
        require(
            self.at.tzinfo is not None and self.made_at.tzinfo is not None,
            "The time of the study, or of its results, has no zone; add Timezone Offset From UTC (0008,0201) or the "
            "zone of the site.",
        )


@dataclass(slots=True)
class Line:
    """One thing through all studies; ``parts`` are what it consisted of in each, nothing where it was not reported.

    Attributes:
        names: as it was last called; several once it has split.
        uids: all its Tracking Unique Identifiers.
        parts: by the place of the study in their order.
        by_name_only: it was recognised by its identifier although its UIDs differ.
        told: the names that a succession gave it.
    """

    names: list[str]
    uids: set[str] = field(default_factory=set)
    parts: dict[int, list[Thing]] = field(default_factory=dict)
    by_name_only: bool = False
    told: set[str] = field(default_factory=set)

    def take(self, place: int, thing: Thing) -> None:
        """Add what it is, or a part of it, in one study."""
        self.parts.setdefault(place, []).append(thing)
        if thing.tracking.uid:
            self.uids.add(thing.tracking.uid)


def in_order(studies: Sequence[StudyResults]) -> list[StudyResults]:
    """The studies in the order of their moments, each once, with its latest results.

    Raises:
        IllegalResult: when there are none, of several patients, or several engines read the same study.
    """
    require(bool(studies), "There are no studies to line up; give those of one patient.")
    require(
        len({study.patient_id for study in studies}) == 1,
        "The studies are of several patients; line up those of one. Reconcile Patient IDs first (IHE RAD Patient "
        "Information Reconciliation).",
    )
    latest: dict[str, StudyResults] = {}
    for study in sorted(studies, key=lambda one: one.made_at):
        other = latest.get(study.study_instance_uid, study)
        require(
            other.engine == study.engine,
            f"{other.engine} and {study.engine} read the same study; ask for the evolution by one of them at a time.",
        )
        latest[study.study_instance_uid] = study
    return sorted(latest.values(), key=lambda one: (one.at, one.study_instance_uid))


def lines_of(studies: Sequence[StudyResults]) -> list[Line]:
    """The things of all studies, each on its line: by Tracking UID, and by Tracking Identifier where no UID matches.

    Args:
        studies: in the order of their studies.
    """
    lines: list[Line] = []
    for place, study in enumerate(studies):
        for succession in study.successions:
            _join(lines, succession)
        unmatched = [thing for thing in study.results.things() if not _by_uid(lines, place, thing)]
        for thing in unmatched:
            _by_name(lines, place, thing)
    return lines


def _join(lines: list[Line], succession: Succession) -> None:
    """Make one line of all that split or merge."""
    concerned = [line for line in lines if set(line.names) & set(succession.before)]
    known = {name for line in concerned for name in line.names}
    strays = [name for name in succession.before if name not in known]
    require(
        not strays,
        f"{', '.join(strays)} should have split or merged, but no earlier study reports it; name it as that study did.",
    )
    first, *others = concerned
    for other in others:
        lines.remove(other)
        first.uids |= other.uids
        first.by_name_only |= other.by_name_only
        for place, things in other.parts.items():
            for thing in things:
                first.take(place, thing)
    first.names = [*sorted(known - set(succession.before)), *succession.after]
    first.told |= set(succession.after)


def _by_uid(lines: list[Line], place: int, thing: Thing) -> bool:
    line = next((one for one in lines if thing.tracking.uid in one.uids), None)
    if line is None:
        return False
    if thing.tracking.identifier not in line.names:
        line.names = [thing.tracking.identifier, *(line.names if len(line.names) > 1 else [])]
    line.take(place, thing)
    return True


def _by_name(lines: list[Line], place: int, thing: Thing) -> None:
    name = thing.tracking.identifier
    line = next((one for one in lines if name in one.names), None)
    if line is None:
        line = Line([name])
        lines.append(line)
    else:
        line.by_name_only |= bool(thing.tracking.uid and line.uids and name not in line.told)
    line.take(place, thing)


def identified(results: Results, context: ResultContext, algorithm: AlgorithmIdentification) -> Results:
    """The results with the Tracking UIDs that they have once encoded, so that later results can carry them.

    Args:
        results: what was, or is to be, encoded.
        context: with which it was.
        algorithm: by which it was.
    """

    def identify(part: object) -> object:
        if isinstance(part, Tracking) and not part.uid:
            return Tracking(part.identifier, known[part.identifier])
        return part

    known = {thing.tracking.identifier: tracking_uid(thing.tracking, context, algorithm) for thing in results.things()}
    return rewritten(results, identify)


def carry_tracking(earlier: Results, now: Results) -> Results:
    """The new results with the Tracking UIDs that the earlier report gave to things of the same identifier.

    A UID that the new results state already stays, and none is given to two things (air.md 6.7).

    Args:
        earlier: of an earlier study, or of an earlier run on the same study, as read back or :func:`identified`.
        now: the new results.
    """
    known = {thing.tracking.identifier: thing.tracking.uid for thing in earlier.things() if thing.tracking.uid}
    stated = {thing.tracking.uid for thing in now.things()}
    settled = {thing.tracking.identifier for thing in now.things() if thing.tracking.uid}

    def carry(part: object) -> object:
        if isinstance(part, Tracking) and not part.uid and part.identifier not in settled:
            uid = known.get(part.identifier, "")
            return Tracking(part.identifier, uid) if uid and uid not in stated else part
        return part

    return rewritten(now, carry)
