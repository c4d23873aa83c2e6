"""Read one message: segments, fields, repetitions, components; nothing is decided here (orders.md 8.4 and 8.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from conformance.hl7.frames import Fault, Frame
from profiles.tables import read_table

CODECS = {row["name"]: row["codec"] for row in read_table("conformance", "hl7_charsets")}
"""Python codecs by the names of HL7 table 0211."""

_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
NULL = '""'
_NO_CHARACTERS = ("HL7-016", "the octets are not characters of the character set that MSH-18 names")
_UNDECLARED = ("HL7-016-DECLARED", "octets above 7F stand in a message whose MSH-18 names no character set")


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators that a message declares in MSH-1 and MSH-2."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def declared(self) -> str:
        """All of them, in the order in which they stand in MSH."""
        return "".join((self.field, self.component, self.repetition, self.escape, self.subcomponent, self.truncation))


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment.

    Attributes:
        name: its three characters.
        place: where it stands in the message, from 1.
        occurrence: the how many-th of its name it is, from 1.
        fields: by number; the name is number 0.
        by: the message's delimiters.
    """

    name: str
    place: int
    occurrence: int
    fields: tuple[str, ...]
    by: Delimiters

    def field(self, number: int) -> str:
        """The whole field, or empty."""
        return self.fields[number] if number < len(self.fields) else ""

    def valued(self, number: int) -> bool:
        """Whether the field says something: neither empty, nor only delimiters, nor the null value."""
        return bool(self.field(number).strip(self.by.component + self.by.subcomponent + self.by.repetition + " "))

    def repetitions(self, number: int) -> list[str]:
        """The repetitions of a field; MSH-2 has none."""
        text = self.field(number)
        if not text or (self.name == "MSH" and number <= 2):  # noqa: PLR2004 - MSH-1 and MSH-2 are the delimiters
            return [text] if text else []
        return text.split(self.by.repetition)

    def part(self, number: int, component: int = 1, subcomponent: int = 0) -> str:
        """One component of a field's first repetition, or one of its subcomponents; empty when there is none."""
        first = next(iter(self.repetitions(number)), "")
        return self.within(first, component, subcomponent)

    def within(self, text: str, component: int, subcomponent: int = 0) -> str:
        """The same within one repetition."""
        found = _item(text.split(self.by.component), component)
        return _item(found.split(self.by.subcomponent), subcomponent) if subcomponent else found

    def at(self, number: int, component: int = 0) -> str:
        """Where a field is, in words: ``OBR[2]-4.1``."""
        return f"{self.here}-{number}" + (f".{component}" if component else "")

    @property
    def here(self) -> str:
        """Where the segment is, in words; a name that is none could be anything, and is not shown."""
        if not _NAME.fullmatch(self.name):
            return f"segment {self.place}"
        return self.name + (f"[{self.occurrence}]" if self.occurrence > 1 else "")


@dataclass(frozen=True)
class Message:
    """One message as it was read.

    Attributes:
        frame: its octets.
        segments: in order; the first one is MSH.
        by: its delimiters.
        faults: what was wrong with the octets.
    """

    frame: Frame
    segments: tuple[Segment, ...]
    by: Delimiters
    faults: tuple[Fault, ...] = field(default=())

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def kind(self) -> tuple[str, str]:
        """Type and event of MSH-9."""
        return self.header.part(9, 1), self.header.part(9, 2)

    @property
    def version(self) -> str:
        """First component of MSH-12."""
        return self.header.part(12)

    @cached_property
    def by_name(self) -> dict[str, list[Segment]]:
        """Segments by name."""
        found: dict[str, list[Segment]] = {}
        for segment in self.segments:
            found.setdefault(segment.name, []).append(segment)
        return found

    def all(self, name: str) -> list[Segment]:
        """The segments of that name."""
        return self.by_name.get(name, [])

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        return next(iter(self.all(name)), None)


def read(frame: Frame) -> Message | None:
    """The message in a frame, whatever is wrong with it; None when it has no header."""
    content = frame.content.lstrip(b"\r\n\0 \t")
    if not re.match(rb"MSH[^\w\s]", content):
        return None
    text, faults = _decoded(content)
    by = _delimiters(text)
    lines = [line for line in re.split(r"\r\n?|\n", text) if line.strip()]
    return Message(frame, tuple(_segments(lines, by)), by, tuple(faults))


def _segments(lines: list[str], by: Delimiters) -> Iterator[Segment]:
    seen: dict[str, int] = {}
    for place, line in enumerate(lines, 1):
        fields = line.split(by.field)
        name = fields[0]
        if name == "MSH":
            fields.insert(1, by.field)
        seen[name] = seen.get(name, 0) + 1
        yield Segment(name, place, seen[name], tuple(fields), by)


def _delimiters(text: str) -> Delimiters:
    """As declared; what is missing is taken as recommended."""
    separator = text[3]
    encoding = re.split(r"[\r\n]", text[4:12], maxsplit=1)[0].split(separator)[0]
    usual = "^~\\&"
    given = encoding[:5] + usual[len(encoding) :]
    return Delimiters(separator, *given[:5])


def _decoded(content: bytes) -> tuple[str, list[Fault]]:
    header = re.split(rb"[\r\n]", content, maxsplit=1)[0]
    fields = header.split(header[3:4])
    declared = fields[17] if len(fields) > 17 else b""  # noqa: PLR2004 - MSH-18; MSH-1 is the separator itself
    name = re.split(re.escape(fields[1][1:2] or b"~"), declared)[0].decode("ascii", "replace").strip()
    if not name:
        return _undeclared(content)
    codec = CODECS.get(name)
    if codec is None:  # not of the table, or no encoding that MLLP can carry; HL7-016-NAME says so
        return _guessed(content), []
    try:
        return content.decode(codec), []
    except UnicodeDecodeError:
        return content.decode("latin-1"), [_NO_CHARACTERS]


def _undeclared(content: bytes) -> tuple[str, list[Fault]]:
    return _guessed(content), [] if content.isascii() else [_UNDECLARED]


def _guessed(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _item(items: list[str], number: int) -> str:
    return items[number - 1] if number <= len(items) else ""
