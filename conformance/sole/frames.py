"""Files and streams taken apart into messages: octet-counted (RFC 5425 section 4.3), by line, or as JSON (RAD-124)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from conformance.rules import Breach, Rulebook
from conformance.sole.reading import Header, Message, read

_COUNT = re.compile(rb"([ \t\r\n]*)([0-9]{1,20}) (?=<)")
_NEXT = re.compile(rb"[ \t\r\n]*(?:[0-9]{1,20} <|\Z)")
_BEGIN = re.compile(rb"(?<![0-9])[0-9]{1,10} (?=<[0-9]{1,3}>[0-9]{1,2} )")
_LINE = re.compile(rb"^(?=<[0-9]{1,3}>[0-9]{1,2} )", re.MULTILINE)
_MEMBERS = ("Pri", "Version", "Timestamp", "Hostname", "App-name", "Procid", "Msg-id", "Msg")


@dataclass(frozen=True)
class Piece:
    """One part of a file or stream: a message, and what is wrong with how it was packed.

    Attributes:
        message: None when nothing could be taken out that is worth judging.
        flaws: rules that the packing breaks, with words.
        raw: the octets of the message, without its count; empty for a member of a JSON document.
        end: how many octets of the stream had been read behind it.
        missing: how many octets its count announces beyond the end of the stream.
    """

    name: str
    message: Message | None
    flaws: tuple[tuple[str, str], ...] = ()
    raw: bytes = b""
    end: int = 0
    missing: int = 0


FRAMES: Rulebook[Piece] = Rulebook("sole_rules", ["frame"])


def _packed(rule: str, piece: Piece) -> Iterator[Breach]:
    for broken, words in piece.flaws:
        if broken == rule:
            yield "", words


@FRAMES.rule("SOLE-011")
def _count(piece: Piece) -> Iterator[Breach]:
    yield from _packed("SOLE-011", piece)


@FRAMES.rule("SOLE-012")
def _separator(piece: Piece) -> Iterator[Breach]:
    yield from _packed("SOLE-012", piece)


@FRAMES.rule("SOLE-060")
def _members(piece: Piece) -> Iterator[Breach]:
    yield from _packed("SOLE-060", piece)


def pieces(content: bytes, name: str) -> list[Piece]:
    """The messages of a file, numbered from 1 when there are several."""
    start = content.lstrip()[:1]
    if re.match(rb"[0-9]{1,20} <", content):
        found = list(_frames(content))
    elif start in {b"{", b"["}:
        found = list(_events(content))
    else:
        found = list(_lines(content))
    if len(found) == 1:
        return [_named(found[0], name)]
    return [_named(piece, f"{name}#{number}") for number, piece in enumerate(found, start=1)]


def _named(piece: Piece, name: str) -> Piece:
    message = piece.message
    again = None if message is None else Message(name, message.header, message.content, message.is_syslog)
    return replace(piece, name=name, message=again)


def _lines(content: bytes) -> Iterator[Piece]:
    """Messages that each begin a line with their PRI; MSG may have lines of its own."""
    starts = [found.start() for found in _LINE.finditer(content)]
    if not starts or starts[0]:
        starts = [0]
    for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
        raw = content[start:end].rstrip(b"\r\n")
        yield Piece("", read(raw, ""), raw=raw, end=end)


def _frames(content: bytes) -> Iterator[Piece]:
    place = 0
    while count := _COUNT.match(content, place):
        flaws: list[tuple[str, str]] = []
        if count[1]:
            flaws.append(("SOLE-012", "something stands between two frames"))
        if count[2].startswith(b"0"):
            flaws.append(("SOLE-012", "the count has a leading zero"))
        place, message, words = _one(content, count.end(), int(count[2]))
        flaws += [("SOLE-011", words)] if words else []
        told = None if message is None else read(message, "")
        missing = max(0, count.end() + int(count[2]) - len(content))
        yield Piece("", told, tuple(flaws), message or b"", place, missing)


def _one(content: bytes, body: int, octets: int) -> tuple[int, bytes | None, str]:
    """Where the next frame begins, the message, and what is wrong with its count."""
    end = body + octets
    if end <= len(content) and _NEXT.match(content, end):
        return end, content[body:end], ""
    again = _BEGIN.search(content, body)
    message = content[body : len(content) if again is None else again.start()].rstrip(b"\r\n")
    if again is None and end > len(content) and not message.endswith(b">"):
        return len(content), None, f"the stream ends {end - len(content)} octets before the end of this frame"
    return body + len(message), message, f"the count is {octets}; the message has {len(message)} octets"


def _events(content: bytes) -> Iterator[Piece]:
    """The events of a RAD-124 body, which is also the answer of ITI-82 (sole.md 3.4 and 7.2)."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        yield Piece("", None, (("SOLE-060", "is no JSON"),))
        return
    events = document.get("Events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        yield Piece("", None, (("SOLE-060", "is no object with an array Events"),))
        return
    for event in events:
        yield _event(event)


def _event(event: Any) -> Piece:
    if not isinstance(event, dict):
        return Piece("", None, (("SOLE-060", "an event is no object"),))
    told = {str(name).lower(): value for name, value in event.items()}
    missing = [name for name in _MEMBERS if not isinstance(told.get(name.lower()), str)]
    flaws = (("SOLE-060", f"lacks {', '.join(missing)} as text"),) if missing else ()
    texts = {name: value if isinstance(value := told.get(name.lower()), str) else "-" for name in _MEMBERS}
    header = Header(*[*(texts[name] for name in _MEMBERS[:7]), "-"])
    message = Message("", header, texts["Msg"].encode(errors="surrogatepass"), is_syslog=True)
    return Piece("", None if missing else message, flaws)
