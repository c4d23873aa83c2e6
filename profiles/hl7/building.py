"""Build messages that we send, by hl7apy: its structures put every segment at its place (design decision D11)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from profiles.hl7.escapes import escape

_SEQUENCE = re.compile(r"\\([^\\]*)\\")
_SHOWN = str.maketrans({"\x02": "\\", "\x03": "\\"})


@dataclass(frozen=True, slots=True)
class SegmentContent:
    """One segment to be built.

    Attributes:
        name: e.g. ``OBR``.
        fields: encoded values by field number; made by `components` where they have parts.
        groups: the groups it stands in, outermost first, e.g. ``("OMI_O23_PATIENT", "OMI_O23_PATIENT_VISIT")``; one
            that repeats is told from the others by what follows a ``#``, e.g. ``ORU_R01_ORDER_OBSERVATION#2``.
    """

    name: str
    fields: Mapping[int, str]
    groups: tuple[str, ...] = field(default=())


def components(*values: str) -> str:
    """Plain texts as the components of one field, each escaped."""
    return "^".join(escape(value) for value in values).rstrip("^")


def subcomponents(*values: str) -> str:
    """Plain texts as the subcomponents of one component, each escaped."""
    return "&".join(escape(value) for value in values).rstrip("&")


def build(structure: str, version: str, segments: Sequence[SegmentContent], codec: str = "utf_8") -> bytes:
    """A message as bytes, each segment ended by CR.

    Args:
        structure: e.g. ``OMI_O23``.
        version: HL7 version, e.g. ``2.5.1``.
        segments: in their order; the first is MSH, from field 3 on.
        codec: Python codec for the bytes; MSH-18 has to say the same.
    """
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.core import Message

    message = Message(structure, version=version, validation_level=VALIDATION_LEVEL.TOLERANT)
    opened: dict[tuple[str, ...], Any] = {(): message}
    for content in segments:
        segment = message.msh if content.name == "MSH" else _group(opened, content.groups).add_segment(content.name)
        for number, value in content.fields.items():
            first, *others = value.split("~")
            setattr(segment, f"{content.name}_{number}".lower(), _hidden(first))
            for repetition in others:
                segment.add_field(f"{content.name}_{number}".lower()).value = _hidden(repetition)
    text: str = message.to_er7().translate(_SHOWN)
    return f"{text.rstrip(chr(13))}\r".encode(codec)


def _hidden(value: str) -> str:
    """The value with escape sequences that hl7apy would escape again, such as line ends, out of its sight."""
    return _SEQUENCE.sub(lambda found: f"\x02{found[1]}\x03" if found[1][:1] in {".", "X"} else found[0], value)


def _group(opened: dict[tuple[str, ...], Any], path: tuple[str, ...]) -> Any:
    if path not in opened:
        opened[path] = _group(opened, path[:-1]).add_group(path[-1].partition("#")[0])
    return opened[path]
