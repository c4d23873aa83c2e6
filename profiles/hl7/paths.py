"""Name a place in a message and put another value there, leaving every other sign as it was sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from profiles.errors import BadInput
from profiles.hl7.escapes import Delimiters, escape
from profiles.hl7.message import Message, Segment

_PATH = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\[(?P<occurrence>\d+)\])?-(?P<field>\d+)(?:\((?P<repetition>\d+)\))?"
    r"(?:\.(?P<component>\d+)(?:\.(?P<subcomponent>\d+))?)?"
)
_HEADER_FIELDS = 2
_LONGEST = 999
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A place in a message, everything counted from 1; zero where the path does not go that deep.

    Without repetition and component it is the whole field, separators included.
    """

    segment: str
    field: int
    occurrence: int = 1
    repetition: int = 0
    component: int = 0
    subcomponent: int = 0

    @classmethod
    def parse(cls, text: str) -> FieldPath:
        """Read ``PID-3``, ``PID-3.4.2``, ``PID-3(2).1`` (repetition) or ``OBR[2]-18`` (occurrence of the segment).

        Raises:
            BadInput: when it has another form, or is MSH-1 or MSH-2, which every other field is read with.
        """
        match = _PATH.fullmatch(text.strip())
        if match is None:
            raise BadInput(
                f"{text!r} is no place in a message. Write SEGMENT-FIELD, e.g. PID-3, PID-3.4, OBR[2]-18 for the "
                "second OBR, PID-3(2).1 for the second repetition."
            )
        numbers = {name: int(value) for name, value in match.groupdict().items() if name != "segment" and value}
        if not all(0 < number <= _LONGEST for number in numbers.values()):
            raise BadInput(f"{text!r} is no place in a message: everything is counted from 1 to {_LONGEST}.")
        path = cls(match["segment"], **numbers)
        if path.segment == "MSH" and path.field <= _HEADER_FIELDS:
            raise BadInput("MSH-1 and MSH-2 are the separators; send the message as a file to change them.")
        return path

    @property
    def is_whole_field(self) -> bool:
        """Whether a value for it holds separators that mean something."""
        return not (self.repetition or self.component)

    def of(self, segment: Segment) -> str:
        """What stands there in a segment; a whole field as it was sent."""
        if self.is_whole_field:
            return segment.raw(self.field)
        return segment.get(self.field, self.component or 1, self.subcomponent or 1, self.repetition or 1)

    def at(self, occurrence: int) -> FieldPath:
        """The same place in another segment of that name."""
        numbers = (self.field, occurrence, self.repetition, self.component, self.subcomponent)
        return FieldPath(self.segment, *numbers)

    def __str__(self) -> str:
        occurrence = f"[{self.occurrence}]" if self.occurrence > 1 else ""
        repetition = f"({self.repetition})" if self.repetition else ""
        deeper = "".join(f".{number}" for number in (self.component, self.subcomponent) if number)
        return f"{self.segment}{occurrence}-{self.field}{repetition}{deeper}"


def value_at(message: Message, path: FieldPath) -> str:
    """What stands in a message at a place; empty where the segment is absent."""
    found = list(message.all(path.segment))
    return path.of(found[path.occurrence - 1]) if path.occurrence <= len(found) else ""


def with_value(line: str, path: FieldPath, value: str, signs: Delimiters) -> str:
    """A segment with another value at a place.

    Args:
        line: the segment without its end.
        path: the place; its segment and occurrence are not looked at.
        value: for a whole field as HL7, separators included; for a part of one as plain text.
        signs: separators of the message.

    Raises:
        BadInput: when the value would end the field or the segment.
    """
    if path.is_whole_field and (signs.field in value or _CONTROL.search(value)):
        raise BadInput(f"The value for {path} holds a field separator or a control character.")
    levels = [(signs.field, path.field - (path.segment == "MSH"))]
    if not path.is_whole_field:
        value = escape(value, signs)
        levels.append((signs.repetition, (path.repetition or 1) - 1))
        levels += [(signs.component, path.component - 1)] if path.component else []
        levels += [(signs.subcomponent, path.subcomponent - 1)] if path.subcomponent else []
    return _put(line, levels, value)


def _put(text: str, levels: Sequence[tuple[str, int]], value: str) -> str:
    if not levels:
        return value
    (sign, number), *deeper = levels
    parts = text.split(sign)
    parts += [""] * (number + 1 - len(parts))
    parts[number] = _put(parts[number], deeper, value)
    return sign.join(parts)
