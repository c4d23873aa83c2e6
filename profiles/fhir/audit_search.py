"""ITI-81 Retrieve ATNA Audit Event: what a search asks for (sole.md 7.1; FHIR R4 search). Pure: no store, no HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from profiles.errors import BadInput, NotAcceptable
from profiles.fhir.audit_table import Json, same_system
from profiles.sole.retrieval import TimeBound, parse_date
from profiles.tables import read_table

#: Greatest number of events on one page, and what a page has when nobody says.
GREATEST_PAGE = 1000
_PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
_SORTS = {"date": False, "-date": True}
_FORMATS = frozenset({"json", "application/json", "application/fhir+json"})
_ESCAPED = re.compile(r"\\([\\,|$])")
_APART = re.compile(r"(?<!\\)((?:\\\\)*),")
_BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")
#: A value that stands in XML as it is, however its writer escapes.
_PLAIN = re.compile(r"[A-Za-z0-9._:/@-]{3,}")
_CURSOR = re.compile(r"(-?\d{1,17})\.(\d{1,18})")

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SearchRow:
    """One row of ``tables/audit_search.csv``: a parameter, its type, and where its values are in an AuditEvent.

    Attributes:
        verbatim: whether the value stands in the audit message as it does in the AuditEvent.
    """

    parameter: str
    type: str
    paths: tuple[str, ...]
    verbatim: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One parameter of a search: an event matches when one of the values does."""

    row: SearchRow
    modifier: str
    values: tuple[str, ...]

    def matches(self, event: Json) -> bool:
        """Whether an AuditEvent does."""
        told = [pair for path in self.row.paths for pair in _pairs(event, path)]
        match = _MATCHES[self.row.type, self.modifier]
        return any(match(wanted, pair) for wanted in self.values for pair in told)

    @property
    def marks(self) -> tuple[bytes, ...]:
        """Octets of which a message that matches has one; empty when that cannot be said."""
        wanted = [_token(value)[1] for value in self.values]
        told = self.row.verbatim and all(_PLAIN.fullmatch(one) for one in wanted)
        return tuple(one.encode() for one in wanted) if told else ()


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A search for AuditEvents.

    Attributes:
        dates: bounds on ``recorded``, all of which hold.
        conditions: all of which hold.
        count: events of one page.
        newest_first: the order of ``recorded``.
        after: time and number of the event after which the page begins.
    """

    dates: tuple[TimeBound, ...]
    conditions: tuple[Condition, ...] = ()
    count: int = GREATEST_PAGE
    newest_first: bool = False
    after: tuple[int, int] | None = None

    def may_match(self, message: bytes) -> bool:
        """Whether it is worth while to read a message; false only when it cannot match."""
        return all(
            not one.marks or any(mark in message for mark in one.marks) or b"&#" in message for one in self.conditions
        )

    def matches(self, event: Json) -> bool:
        """Whether an AuditEvent matches all conditions."""
        return all(one.matches(event) for one in self.conditions)


@cache
def search_rows() -> dict[str, SearchRow]:
    """All parameters by name."""
    return {
        row["parameter"]: SearchRow(
            row["parameter"], row["type"], tuple(row["paths"].split()), row["verbatim"] == "yes"
        )
        for row in read_table("profiles.fhir", "audit_search")
    }


def parse_audit_query(parameters: Iterable[tuple[str, str]]) -> AuditQuery:
    """Read the parameters of ``GET [base]/AuditEvent``.

    Args:
        parameters: decoded (name, value) pairs; a repeated name means AND, a comma in a value OR.

    Raises:
        BadInput: when ``date`` is missing or malformed, or a parameter or modifier is unknown (SOLE-062).
        NotAcceptable: when ``_format`` names another format than JSON.
    """
    dates: list[TimeBound] = []
    conditions: list[Condition] = []
    controls: dict[str, Any] = {}
    for given, value in parameters:
        if given == "date":
            dates.append(_date(value))
        elif given in _CONTROLS:
            if given in controls:
                raise BadInput(f"{given} is given twice; give it once.")
            controls[given] = _CONTROLS[given](value)
        else:
            conditions.append(_condition(given, value))
    if not dates:
        raise BadInput(
            "The parameter date is missing; ITI-81 requires a bound on time, e.g. date=ge2026-11-24T00:00:00Z."
        )
    return AuditQuery(
        tuple(dates),
        tuple(conditions),
        controls.get("_count", GREATEST_PAGE),
        controls.get("_sort", False),
        controls.get("_after"),
    )


def _date(value: str) -> TimeBound:
    if value[:2] in _PREFIXES - {"eq", "gt", "lt", "ge", "le"}:
        raise BadInput(f"The prefix {value[:2]} of date is not supported; use ge, gt, le, lt or eq (sole.md 7.1).")
    return parse_date(value)


def _condition(given: str, value: str) -> Condition:
    name, _, modifier = given.partition(":")
    if modifier == "identifier":
        name, modifier = f"{name}.identifier", ""
    row = search_rows().get(name)
    if row is None:
        raise BadInput(f"{given!r} is no parameter of ITI-81; use date, {', '.join(search_rows())}, _count or _sort.")
    if (row.type, modifier) not in _MATCHES:
        raise BadInput(f"The modifier of {given!r} is not supported; strings have exact and contains (sole.md 7.1).")
    values = tuple(part for part in _APART.sub("\\1\0", value).split("\0") if part)
    if not values:
        raise BadInput(f"{given} has no value; give one, or leave the parameter out.")
    return Condition(row, modifier, values)


def _count(value: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise BadInput("_count is no number.")
    return min(int(value[:9]), GREATEST_PAGE)


def _sort(value: str) -> bool:
    if value not in _SORTS:
        raise BadInput("_sort is date or -date; AuditEvents are sorted by nothing else.")
    return _SORTS[value]


def _after(value: str) -> tuple[int, int]:
    found = _CURSOR.fullmatch(value)
    if found is None:
        raise BadInput("_after is none of ours; follow the link to the next page as it was given.")
    return int(found[1]), int(found[2])


def _format(value: str) -> str:
    if value.partition(";")[0].strip().lower().replace(" ", "+") not in _FORMATS:
        raise NotAcceptable("AuditEvents are answered as application/fhir+json; leave _format out.")
    return value


_CONTROLS: dict[str, Callable[[str], Any]] = {"_count": _count, "_sort": _sort, "_after": _after, "_format": _format}


def _pairs(event: Json, path: str) -> Iterator[Pair]:
    """(system, value) of what is at a path: Coding, CodeableConcept, Identifier or a plain value."""
    found: list[Any] = [event]
    for step in path.split("."):
        name, _, kind = step.partition("(")
        parts = [one[name] for one in found if isinstance(one, dict) and name in one]
        found = [part for one in parts for part in (one if isinstance(one, list) else [one])]
        if kind:
            found = [one for one in found if one.get("type", {}).get("code") == kind.rstrip(")")]
    for one in found:
        yield from _pairs_of(one)


def _pairs_of(value: Any) -> Iterator[Pair]:
    if not isinstance(value, dict):
        yield "", str(value)
    elif "coding" in value:
        for coding in value["coding"]:
            yield coding.get("system", ""), coding.get("code", "")
    elif "value" in value:
        yield value.get("system", ""), value["value"]
        yield from _of_authority(value["value"])
    else:
        yield value.get("system", ""), value.get("code", "")


def _of_authority(value: str) -> Iterator[Pair]:
    """An identifier in HL7 CX form, as FHIR tells it: the number, and the OID of who gave it."""
    number, *rest = value.split("^")
    authority = rest[2].split("&") if len(rest) > 2 else []  # noqa: PLR2004 - CX.4
    if authority:
        universal = authority[1] if len(authority) > 1 else ""
        yield f"urn:oid:{universal}" if universal else authority[0], number


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(r"\1", value)


def _token(value: str) -> tuple[str | None, str]:
    """System and code that a token asks for; no system when any will do."""
    parts = _BAR.sub("\\1\0", value).split("\0", 1)
    if len(parts) == 1:
        return None, _unescaped(parts[0])
    return same_system(_unescaped(parts[0])), _unescaped(parts[1])


def _is_token(wanted: str, told: Pair) -> bool:
    system, code = _token(wanted)
    return (system is None or system == same_system(told[0])) and code in (told[1], "") and bool(told[1])


def _begins(wanted: str, told: Pair) -> bool:
    return told[1].casefold().startswith(_unescaped(wanted).casefold())


def _contains(wanted: str, told: Pair) -> bool:
    return _unescaped(wanted).casefold() in told[1].casefold()


def _is_exactly(wanted: str, told: Pair) -> bool:
    return told[1] == _unescaped(wanted)


#: How a value is compared, by type of the parameter and modifier (FHIR R4 3.1.1.4).
_MATCHES: dict[tuple[str, str], Callable[[str, Pair], bool]] = {
    ("token", ""): _is_token,
    ("string", ""): _begins,
    ("string", "contains"): _contains,
    ("string", "exact"): _is_exactly,
}
