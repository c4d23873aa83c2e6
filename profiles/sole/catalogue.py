"""The event codes of SOLE and the steps of our walk, as tables with citations (sole.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from profiles.tables import read_table

#: Groups of the catalogue whose codes are never event types (SOLE-028).
NEVER_EVENT_TYPES = frozenset({"delay-reason", "metric", "value-set-root", "participant-object-code"})
PACKAGE = "profiles.sole"


@dataclass(frozen=True, slots=True)
class EventCode:
    """An event code with the scheme name that goes into ``codeSystemName``, and its label."""

    code: str
    scheme: str
    meaning: str = ""

    def same_as(self, other: EventCode) -> bool:
        """Whether code and scheme agree; scheme names are compared without regard to case (sole.md 4.2)."""
        return self.code == other.code and self.scheme.lower() == other.scheme.lower()


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One row of ``tables/sole_events.csv``."""

    code: EventCode
    group: str
    source: str
    extension: bool


@dataclass(frozen=True, slots=True)
class StepRow:
    """How one step of our walk is told.

    Attributes:
        key: the name that actors use.
        codes: EventTypeCodes; the first is also the MSGID.
        outcome_codes: code added on success, and code added on failure (DCM, CID 6047); empty when there is none.
        performer: what the event's performer is: ``self`` (the reporter), ``requestor``, ``participant`` or empty.
        actor: who reports it.
        source: section.
    """

    key: str
    codes: tuple[EventCode, ...]
    outcome_codes: tuple[EventCode, ...]
    performer: str
    actor: str
    source: str


@cache
def catalogue() -> dict[str, CatalogueRow]:
    """The whole catalogue by code."""
    return {
        row["code"]: CatalogueRow(
            EventCode(row["code"], row["scheme"], row["meaning"].split(": ")[0]),
            row["step"],
            row["source"],
            row["extension"] == "yes",
        )
        for row in read_table(PACKAGE, "sole_events")
    }


def event_code(code: str) -> EventCode:
    """The code with its scheme and label; a KeyError names a code that the catalogue lacks."""
    return catalogue()[code].code


def _codes(cell: str) -> tuple[EventCode, ...]:
    return tuple(event_code(code) for code in cell.split("|") if code)


@cache
def steps() -> dict[str, StepRow]:
    """All steps by key."""
    return {
        row["key"]: StepRow(
            row["key"],
            _codes(row["codes"]),
            _codes(row["outcome_codes"]),
            row["performer"],
            row["actor"],
            row["source"],
        )
        for row in read_table(PACKAGE, "steps")
    }


def step_of(codes: Sequence[EventCode]) -> str:
    """The key of the step that an event's codes tell, or an empty string: first code equal, added codes present."""
    if not codes:
        return ""
    found = [
        row
        for row in steps().values()
        if row.codes[0].same_as(codes[0])
        and all(any(added.same_as(one) for one in codes[1:]) for added in row.codes[1:])
    ]
    return max(found, key=lambda row: len(row.codes)).key if found else ""


@cache
def detail_objects() -> dict[str, str]:
    """The participant object that carries a detail of each name: ``workitem``, ``study``."""
    return {row["name"]: row["object"] for row in read_table(PACKAGE, "details")}
