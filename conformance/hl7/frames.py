"""Take the octets of a file or a connection apart into messages (orders.md 8.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

START, END, CR = b"\x0b", b"\x1c", b"\r"
_BLANK = b"\r\n\0 \t"
_BATCH = re.compile(rb"(?:(?<=[\r\n])|\A)(?:FHS|BHS|BTS|FTS)[^\w\s][^\r\n]*[\r\n]*")
_HEADER = re.compile(rb"(?:(?<=[\r\n])|\A)(?=MSH[^\w\s])")

Fault = tuple[str, str]
"""The broken rule, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The octets of one message.

    Attributes:
        content: without the framing.
        framed: whether it stood in a frame of MLLP.
        faults: what is wrong with the framing.
    """

    content: bytes
    framed: bool = False
    faults: tuple[Fault, ...] = ()


def frames(raw: bytes) -> Iterator[Frame]:
    """The messages in octets that hold one or many, framed or not."""
    yield from _framed(raw) if START in raw else _bare(raw)


def _framed(raw: bytes) -> Iterator[Frame]:
    pieces = raw.split(START)
    before = pieces[0]
    for piece in pieces[1:]:
        faults: list[Fault] = []
        if before.strip(_BLANK):
            faults.append(("HL7-004", "octets that belong to no frame stand before it"))
        content, end, after = piece.partition(END)
        if not end:
            faults.append(("HL7-001", "the frame is not ended by 1C 0D"))
        elif not after.startswith(CR):
            faults.append(("HL7-001", "1C is not followed by 0D"))
        yield Frame(content, True, tuple(faults))
        before = after.removeprefix(CR)
    if before.strip(_BLANK):
        yield Frame(b"", True, (("HL7-004", "octets that belong to no frame stand after the last one"),))


def _bare(raw: bytes) -> Iterator[Frame]:
    """Messages of a plain file: each begins with a line MSH; lines of the batch protocol are not theirs."""
    starts = [match.start() for match in _HEADER.finditer(raw)]
    head = _BATCH.sub(b"", raw[: starts[0] if starts else len(raw)])
    if head.strip(_BLANK) or not starts:
        yield Frame(head)
    for start, end in pairwise([*starts, len(raw)]):
        yield Frame(_BATCH.sub(b"", raw[start:end]))
