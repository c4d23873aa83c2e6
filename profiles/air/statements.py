"""What results say, name by name and value by value: for the forms that are no DICOM objects (orders.md section 11).

A statement is a content item of the report (TID 1500) without its syntax: the names are the same, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pydicom import Dataset

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import ResultContext
from profiles.air.findings import Evaluation, Finding
from profiles.air.measurement_groups import finding_of, sites_of
from profiles.air.measurements import Measurement
from profiles.air.results import Results, Thing
from profiles.air.segmentation_object import tracking_uid
from profiles.air.values import FindingSite
from profiles.dicom import Code, code
from profiles.tables import read_table


class Uid(str):
    """A UID, which no form may take for words."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its UCUM unit."""

    value: float
    unit: Code


@dataclass(frozen=True, slots=True)
class Statement:
    """One name with its value, and what is said about the value.

    Attributes:
        name: the concept.
        value: a code, a number, a UID or words.
        parts: what is said about the value.
        uid: the Observation UID of its content item (0040,A171); empty when it has none.
    """

    name: Code
    value: Code | Amount | Uid | str
    parts: tuple[Statement, ...] = ()
    uid: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """All that is said of one thing: a measurement group (TID 1410, 1411, 1501).

    Attributes:
        thing: the thing.
        tracking_uid: its Tracking Unique Identifier.
        found: what it is, or that it is absent; None when it is only drawn.
        category: of the finding.
        sites: where it is.
        members: severity, measurements, evaluations and comments.
    """

    thing: Thing
    tracking_uid: str
    found: Statement | None
    category: Statement | None
    sites: tuple[Statement, ...]
    members: tuple[Statement, ...]

    @property
    def identity(self) -> tuple[Statement, ...]:
        """Tracking Identifier and Tracking Unique Identifier."""
        return (
            Statement(code("DCM", "112039"), self.thing.tracking.identifier),
            Statement(code("DCM", "112040"), Uid(self.tracking_uid)),
        )


def groups(
    results: Results, context: ResultContext, algorithm: AlgorithmIdentification, objects: Sequence[Dataset]
) -> tuple[Group, ...]:
    """What is said of each thing, in the order of the report's measurement groups.

    Args:
        results: what was found.
        context: what the results are tied to.
        algorithm: what made them.
        objects: the encoded results; Observation UIDs are those of the report among them.
    """
    known = ObservationUids(objects)
    return tuple(_group(thing, tracking_uid(thing.tracking, context, algorithm), known) for thing in results.things())


def finding_codes(results: Results) -> tuple[Code, ...]:
    """What was found to be there, each once: neither what is absent nor the anatomy that was segmented."""
    return tuple({(one.what.scheme, one.what.value): one.what for one in results.findings if one.present}.values())


def status_of(context: ResultContext) -> dict[str, str]:
    """The statuses of a result in FHIR and HL7, by the standing of its report (``tables/standings.csv``).

    Returns:
        ``report`` and ``observation`` of FHIR, ``obr_25`` and ``obx_11`` of HL7.
    """
    standing = context.standing
    wanted = {
        "complete": standing.complete,
        "preliminary": standing.preliminary,
        "verified": standing.verification is not None,
        "replaces": bool(context.replaces),
    }
    return next(
        row for row in _standings() if all(row[name] == ("yes" if is_so else "no") for name, is_so in wanted.items())
    )


def remark(context: ResultContext) -> str:
    """How far the result may be relied on, in words: every form begins its conclusion with them (orders.md 11.1)."""
    standing = context.standing
    word = standing.verification
    said = [
        "AI result, verified by a person." if word else "AI result, not verified by a person.",
        *(["Preliminary: it will be replaced."] if standing.preliminary else []),
        *([f"Incomplete: {standing.incomplete_because}"] if not standing.complete else []),
    ]
    return " ".join(said)


def of_the_study(results: Results, objects: Sequence[Dataset]) -> tuple[Statement, ...]:
    """What is said of the whole study, in the order of the report's Qualitative Evaluations."""
    return ObservationUids(objects).given(_of_the_study(results))


class ObservationUids:
    """The Observation UIDs of the report among encoded results, by group, name and occurrence."""

    def __init__(self, objects: Sequence[Dataset]) -> None:
        self._found: dict[tuple[str, str, str, int], str] = {}
        for made in objects:
            for section in made.get("ContentSequence", []) if made.Modality == "SR" else ():
                if section.ValueType == "CONTAINER":
                    self._read(section)

    def given(self, statements: Iterator[Statement], group: str = "") -> tuple[Statement, ...]:
        """The statements with their UIDs.

        Args:
            statements: of one group, or of the whole study.
            group: Tracking Unique Identifier; empty for the study.
        """
        seen: dict[tuple[str, str], int] = {}
        complete = []
        for one in statements:
            name = (one.name.scheme, one.name.value)
            seen[name] = seen.get(name, 0) + 1
            uid = self._found.get((group, *name, seen[name]), "")
            complete.append(Statement(one.name, one.value, one.parts, uid))
        return tuple(complete)

    def _read(self, section: Dataset, group: str = "") -> None:
        seen: dict[tuple[str, str], int] = {}
        for item in section.get("ContentSequence", []):
            concept = item.ConceptNameCodeSequence[0] if "ConceptNameCodeSequence" in item else Dataset()
            name = (str(concept.get("CodingSchemeDesignator", "")), str(concept.get("CodeValue", "")))
            if name == ("DCM", "112040"):
                group = str(item.UID)
            if "ObservationUID" in item:
                seen[name] = seen.get(name, 0) + 1
                self._found[(group, *name, seen[name])] = str(item.ObservationUID)
            if name == ("DCM", "125007"):
                self._read(item)


@cache
def _standings() -> list[dict[str, str]]:
    return read_table("profiles.air", "standings")


def _group(thing: Thing, uid: str, known: ObservationUids) -> Group:
    found = finding_of(thing)
    category = found.category if found else None
    said = known.given(_finding(found), uid) if found else ()
    return Group(
        thing,
        uid,
        said[0] if said else None,
        Statement(code("SCT", "276214006"), category) if category else None,
        tuple(_sites(sites_of(thing))),
        known.given(_members(thing, found), uid),
    )


def _finding(found: Finding) -> Iterator[Statement]:
    yield Statement(code("DCM", "121071") if found.present else code("SCT", "373572006"), found.what)


def _members(thing: Thing, found: Finding | None) -> Iterator[Statement]:
    if found and found.severity:
        yield Statement(code("SCT", "246112005"), found.severity)
    yield from (_measurement(row) for row in thing.measurements)
    yield from (_evaluation(row) for row in thing.evaluations)
    yield from (Statement(code("DCM", "121106"), row.words) for row in thing.comments)


def _measurement(row: Measurement) -> Statement:
    codes = [(code("SCT", "370129005"), row.method), (code("DCM", "121401"), row.derivation)]
    numbers = [
        (code("SCT", "371886008"), row.uncertainty.above if row.uncertainty else None),
        (code("SCT", "371885007"), row.uncertainty.below if row.uncertainty else None),
        (code("SCT", "371933006"), row.normal.upper if row.normal else None),
        (code("SCT", "385524004"), row.normal.lower if row.normal else None),
    ]
    parts = [
        *(Statement(name, value) for name, value in codes if value is not None),
        *_sites(row.sites),
        *([Statement(code("DCM", "121402"), row.normality)] if row.normality else []),
        *(Statement(name, Amount(value, row.unit)) for name, value in numbers if value is not None),
    ]
    return Statement(row.name, Amount(row.value, row.unit), tuple(parts))


def _evaluation(row: Evaluation) -> Statement:
    return Statement(row.question, row.answer, tuple(Statement(name, value) for name, value in row.modifiers))


def _sites(found: Sequence[FindingSite]) -> Iterator[Statement]:
    for site in found:
        below = [(code("SCT", "272741003"), site.laterality), (code("SCT", "106233006"), site.modifier)]
        parts = tuple(Statement(name, value) for name, value in below if value is not None)
        yield Statement(code("SCT", "363698007"), site.location, parts)


def _of_the_study(results: Results) -> Iterator[Statement]:
    if results.nothing_found:
        yield Statement(code("DCM", "111017"), code("DCM", "111241"))
    yield from (_evaluation(row) for row in results.evaluations if row.of is None)
    if results.priority:
        name, level = code("99STEPWELL", "PRIORITY"), code("99STEPWELL", results.priority.level)
        yield Statement(name, level)
        if results.priority.reason:
            yield Statement(name, results.priority.reason)
    yield from (Statement(code("DCM", "121106"), row.words) for row in results.comments if row.of is None)
