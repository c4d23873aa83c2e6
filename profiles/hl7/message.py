"""A message that is read, by field path, and never altered: split where the separators are, and no earlier than asked.

python-hl7 and hl7apy read the same values (HL7-076); either takes longer than all else before an acknowledgment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from profiles.hl7.charsets import decode
from profiles.hl7.escapes import Delimiters, unescape
from profiles.hl7.findings import MessageFinding, MessageRefused

_PATH = re.compile(r"([A-Z][A-Z0-9]{2})-(\d+)(?:\.(\d+)(?:\.(\d+))?)?")
_SHORTEST = len("MSH|^~\\&|")
_HEADER_FIELDS = 2
#: Segments whose first field is the field separator itself.
_HEADERS = frozenset({"MSH", "FHS", "BHS"})
NULL = '""'


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a message. Fields, repetitions, components and subcomponents are counted from 1."""

    name: str
    content: tuple[str, ...]
    delimiters: Delimiters
    codec: str

    @classmethod
    def split(cls, line: str, delimiters: Delimiters, codec: str) -> Segment:
        """A segment of one line; ``content`` has its fields by number, the name as number 0."""
        name, *fields = line.split(delimiters.field)
        header = (delimiters.field,) if line[:3] in _HEADERS else ()
        return cls(line[:3], (name, *header, *fields), delimiters, codec)

    def get(self, field: int, component: int = 1, subcomponent: int = 1, repetition: int = 1) -> str:
        """One leaf, with its escapes decoded; empty when it is absent. The null ``""`` (delete) is returned as such."""
        signs, leaf = self.delimiters, self.raw(field)
        if self.name == "MSH" and field <= _HEADER_FIELDS:  # these declare the separators, and are not divided by them
            return leaf if (component, subcomponent, repetition) == (1, 1, 1) else ""
        parts = ((signs.repetition, repetition), (signs.component, component), (signs.subcomponent, subcomponent))
        for sign, number in parts:
            leaf = _part(leaf, sign, number)
        return unescape(leaf, signs, self.codec)

    def repetitions(self, field: int) -> int:
        """How many repetitions a field has; zero when it is absent or empty."""
        found = self.raw(field)
        return found.count(self.delimiters.repetition) + 1 if found else 0

    def raw(self, field: int) -> str:
        """A whole field as it was sent, escapes and separators included."""
        if self.name == "MSH" and field <= _HEADER_FIELDS:
            return self.delimiters.field if field == 1 else self.delimiters.encoding_characters
        return self.content[field] if field < len(self.content) else ""

    def __str__(self) -> str:
        name, *fields = self.content
        return self.delimiters.field.join([name, *(fields[1:] if self.name in _HEADERS else fields)])


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was received.

    Attributes:
        text: decoded, with one CR at the end of each segment.
        segments: all of them in their order; unknown ones too.
        delimiters: as declared in MSH-1 and MSH-2.
        codec: Python codec of the bytes.
    """

    text: str
    segments: tuple[Segment, ...]
    delimiters: Delimiters
    codec: str

    def all(self, name: str) -> Iterator[Segment]:
        """Every segment of a name."""
        return (segment for segment in self.segments if segment.name == name)

    def segment(self, name: str) -> Segment | None:
        """The first segment of a name."""
        return next(self.all(name), None)

    def get(self, path: str) -> str:
        """One value of the first segment of that name, by path: ``PID-3``, ``PID-3.4``, ``PID-3.4.2``.

        Raises:
            ValueError: when the path has another form.
        """
        name, field, component, subcomponent = _place(path)
        segment = self.segment(name)
        return "" if segment is None else segment.get(field, component, subcomponent)

    @property
    def kind(self) -> tuple[str, str]:
        """Message type and trigger event (MSH-9.1 and 9.2; component 3 is optional and never needed)."""
        return self.get("MSH-9.1"), self.get("MSH-9.2")

    @property
    def version(self) -> tuple[int, ...]:
        """MSH-12.1 as numbers; empty when it is none."""
        declared = self.get("MSH-12")
        return tuple(int(part) for part in declared.split(".")) if re.fullmatch(r"\d+(\.\d+)*", declared) else ()


def read(raw: bytes, default_charset: str = "cp1252") -> Message:
    """Read a message without loss.

    Args:
        raw: the bytes between the MLLP frame characters.
        default_charset: Python codec for messages that declare none and are no UTF-8.

    Raises:
        MessageRefused: no MSH, unusable separators, or a character set problem (HL7-009, HL7-016).
    """
    if not raw.lstrip(b"\r\n\t \0").startswith(b"MSH") or len(raw.strip()) < _SHORTEST:
        raise MessageRefused([_no_header("The message does not begin with a message header segment (MSH).")])
    decoded, codec = decode(raw.lstrip(b"\r\n\t \0"), default_charset)
    text = with_segment_ends(decoded)
    delimiters = Delimiters.declared(text)
    _require_usable(delimiters)
    lines = [line for line in text.split("\r") if line]
    segments = tuple(Segment.split(line, delimiters, codec) for line in lines)
    return Message("\r".join(lines) + "\r", segments, delimiters, codec)


def with_segment_ends(text: str) -> str:
    """CR as the only segment end: LF alone separates when there is no CR, and a LF right after a CR is dropped."""
    return text.replace("\r\n", "\r") if "\r" in text else text.replace("\n", "\r")


@lru_cache(1024)
def _place(path: str) -> tuple[str, int, int, int]:
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"{path!r} is no field path; write SEG-field, SEG-field.component or with subcomponent")
    return match[1], int(match[2]), int(match[3] or 1), int(match[4] or 1)


def _part(text: str, sign: str, number: int) -> str:
    """The part of that number, counted from 1; what is not divided is its own first part."""
    if sign not in text:
        return text if number == 1 else ""
    parts = text.split(sign)
    return parts[number - 1] if number <= len(parts) else ""


def _require_usable(delimiters: Delimiters) -> None:
    signs = delimiters.field + delimiters.encoding_characters
    if len(set(signs)) != len(signs) or any(sign.isalnum() or sign < " " for sign in signs):
        raise MessageRefused([_no_header("The separators in MSH-1 and MSH-2 are not five different signs.", "MSH-2")])


def _no_header(message: str, path: str = "MSH") -> MessageFinding:
    rule = "HL7-009 (HL7 2.5.1 section 2.15.9)"
    return MessageFinding(path, message, rule, r"Begin each message with MSH|^~\& and send one message per frame.", 100)
