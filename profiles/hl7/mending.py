"""Mend a message that was refused: other values at some places, every other byte as it was sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from profiles.errors import BadInput
from profiles.hl7.charsets import decode
from profiles.hl7.escapes import Delimiters
from profiles.hl7.findings import MessageRefused
from profiles.hl7.message import with_segment_ends
from profiles.hl7.paths import FieldPath, with_value

#: Keeps every byte, whatever character set it is of.
_AS_BYTES = "latin_1"


@dataclass(frozen=True, slots=True)
class Change:
    """One place that was given another value: the field before and after, as it is sent."""

    path: FieldPath
    before: str
    after: str


def read_values(pairs: Iterable[str]) -> dict[FieldPath, str]:
    """Places and their values from ``PLACE=VALUE``.

    Raises:
        BadInput: one has another form.
    """
    values = {}
    for one in pairs:
        place, equals, value = one.partition("=")
        if not equals:
            raise BadInput(f"{one!r} is no PLACE=VALUE, e.g. ORC-1=NW.")
        values[FieldPath.parse(place)] = value
    return values


def mend(raw: bytes, values: Mapping[FieldPath, str], default_charset: str = "cp1252") -> tuple[bytes, list[Change]]:
    """A message with other values at some places.

    A segment that is not there is added at the end when it is a local one (``ZDS`` and other Z segments). Values are
    written in the character set that the message has; one that cannot be decoded keeps its bytes, so that MSH-18 can be
    put right.

    Args:
        raw: the message as it came.
        values: for whole fields as HL7, for parts of fields as plain text.
        default_charset: as for `profiles.hl7.read`.

    Raises:
        BadInput: no message header, no such segment, or a value that the message cannot hold.
    """
    content = raw.lstrip(b"\r\n\t \0")
    if not content.startswith(b"MSH"):
        raise BadInput(
            "It has no message header (MSH), so no field of it can be named. Give the whole message as a file."
        )
    try:
        text, codec = decode(content, default_charset)
    except MessageRefused:
        text, codec = content.decode(_AS_BYTES), _AS_BYTES
    signs = Delimiters.declared(text)
    lines = [line for line in with_segment_ends(text).split("\r") if line]
    changes = [_changed(lines, path, value, signs) for path, value in values.items()]
    try:
        return "".join(f"{line}\r" for line in lines).encode(codec), changes
    except UnicodeEncodeError as error:
        raise BadInput(
            f"The message is in the character set {codec}, which lacks a sign of the new value. Give the whole message "
            "as a file in another one."
        ) from error


def _changed(lines: list[str], path: FieldPath, value: str, signs: Delimiters) -> Change:
    found = [number for number, line in enumerate(lines) if line[:3] == path.segment]
    if path.occurrence == len(found) + 1 and path.segment.startswith("Z"):
        found.append(len(lines))
        lines.append(path.segment)
    if path.occurrence > len(found):
        raise BadInput(f"The message has {len(found)} segments {path.segment}, so there is no {path}.")
    place = found[path.occurrence - 1]
    before = lines[place]
    lines[place] = with_value(before, path, value, signs)
    index = path.field - (path.segment == "MSH")
    fields = [line.split(signs.field) for line in (before, lines[place])]
    return Change(path, *("".join(parts[index : index + 1]) for parts in fields))
