"""A message for the eyes of a person: field by field, what the refusal names marked, the patient left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from actors.task_requester.database import MessageRow
from actors.task_requester.quarantine import places_of_faults
from profiles.hl7 import Message, MessageRefused, read
from profiles.tables import read_table

HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Line:
    """One field: its place, its value as sent, and whether the refusal names it."""

    place: str
    value: str
    is_named: bool


@cache
def _shown() -> dict[str, frozenset[str]]:
    return {
        row["segment"]: frozenset(row["fields"].split()) for row in read_table("actors.task_requester", "shown_fields")
    }


def is_shown(segment: str, field: int) -> bool:
    """Whether a field cannot tell of a patient (``tables/shown_fields.csv``); free text can."""
    fields = _shown().get(segment, frozenset())
    return "*" in fields or str(field) in fields


def shown_lines(row: MessageRow, default_charset: str, *, with_patient: bool = False) -> list[Line]:
    """The fields of a refused message that have a value, and empty ones that the refusal names.

    Args:
        row: the message.
        default_charset: as for `profiles.hl7.read`.
        with_patient: show every field as it was sent.
    """
    named = places_of_faults(row)
    try:
        message = read(row.content, default_charset)
    except MessageRefused:
        text = row.content.decode("latin-1").replace("\r", "\n") if with_patient else f"{len(row.content)} bytes"
        return [Line("unreadable", line, is_named=True) for line in text.splitlines() or [""]]
    return [*_fields(message, named, with_patient), *_absent(message, named)]


def _fields(message: Message, named: set[str], with_patient: bool) -> list[Line]:
    lines, seen = [], dict[str, int]()
    for segment in message.segments:
        seen[segment.name] = seen.get(segment.name, 0) + 1
        occurrence = f"[{seen[segment.name]}]" if seen[segment.name] > 1 else ""
        for number in range(1, len(segment.content)):
            value, is_named = segment.raw(number), _names(named, segment.name, number)
            if value or (is_named and segment.name not in named):
                shown = value if with_patient or is_shown(segment.name, number) or not value else HIDDEN
                lines.append(Line(f"{segment.name}{occurrence}-{number}", shown or "(empty)", is_named))
    return lines


def _absent(message: Message, named: set[str]) -> list[Line]:
    """What the refusal names and the message does not even have."""
    lines = []
    for place in sorted(named):
        name, _, field = place.partition("-")
        segment = message.segment(name)
        number = int(field.partition(".")[0] or 0)
        if segment is None or (number and number >= len(segment.content)):
            lines.append(Line(place, "(absent)", is_named=True))
    return lines


def _names(named: set[str], segment: str, number: int) -> bool:
    return segment in named or any(place.partition(".")[0] == f"{segment}-{number}" for place in named)
