"""The measures and their anchors, read from ``profiles/sole/tables`` (sole.md 8.2 to 8.4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from profiles.errors import BadInput
from profiles.tables import read_table

PACKAGE = "profiles.sole"
STUDY: Final = "study"
WORKITEM: Final = "workitem"
#: What cases can be told apart by. ``hours`` is ``work`` or ``off``, ``finding`` what the AI said of the study,
#: ``reason`` why a workitem was canceled.
STRATA: Final = ("priority", "place", "modality", "site", "hours", "readers", "engine", "version", "finding", "reason")
#: The measure of events; it is kept with their studies.
LATENCY: Final = "A33"
#: Kinds of measures of which each case has one value.
PER_CASE = frozenset({"interval", "ratio", "throughput"})


@dataclass(frozen=True, slots=True)
class Anchor:
    """One row of ``anchors.csv``: which event gives a moment of a case.

    Attributes:
        codes: event codes that must all be there.
        unless: code that must not be there.
        last: whether the last such event counts, else the first.
        after, before: symbols of the moments that bound it.
        fallback: symbols whose moment is taken instead, the first that is there.
        failed: whether a failed step gives it too (sole.md 8.5 rule 8).
    """

    symbol: str
    scope: str
    codes: tuple[str, ...]
    unless: str
    last: bool
    after: str
    before: str
    fallback: tuple[str, ...]
    failed: bool
    source: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of ``measures.csv``.

    Attributes:
        start, end: symbols of moments, of which the earliest counts; spans or another measure for the derived kinds.
        asked: a moment that a case must have to be asked; ``STAT`` for urgent orders.
        sign: ``signed`` when negative values mean something, ``floor`` when they count as 0.
    """

    id: str
    name: str
    level: str
    kind: str
    start: tuple[str, ...]
    end: tuple[str, ...]
    asked: str
    sign: str
    unit: str
    formula: str
    source: str


@cache
def anchors(scope: str) -> tuple[Anchor, ...]:
    """The anchors of studies or workitems, each after those it is bounded by."""
    return tuple(
        Anchor(
            row["symbol"],
            row["scope"],
            _listed(row["codes"], "+"),
            row["unless"],
            row["rule"] == "last",
            row["after"],
            row["before"],
            _listed(row["fallback"]),
            row["failed"] == "yes",
            row["source"],
        )
        for row in read_table(PACKAGE, "anchors")
        if row["scope"] == scope
    )


@cache
def measures() -> dict[str, Measure]:
    """All measures by id."""
    return {
        row["id"]: Measure(**{**row, "start": _listed(row["start"]), "end": _listed(row["end"])})  # type: ignore[arg-type] # columns are the fields
        for row in read_table(PACKAGE, "measures")
    }


def measure(name: str) -> Measure:
    """The measure of an id.

    Raises:
        BadInput: when there is none.
    """
    try:
        return measures()[name]
    except KeyError:
        raise BadInput(f"{name!r} is no measure; there are {', '.join(measures())}.") from None


@cache
def slots(level: str) -> tuple[Measure, ...]:
    """The measures of which each row of a level has a value, in the order in which rows keep them."""
    return tuple(one for one in measures().values() if one.level == level and one.kind in PER_CASE)


@cache
def slot_of(name: str) -> int:
    """Where rows of its level keep the value of a measure."""
    return [one.id for one in slots(measure(name).level)].index(name)


def _listed(cell: str, separator: str = "|") -> tuple[str, ...]:
    return tuple(one for one in cell.split(separator) if one)
