"""Judge messages: each by its kind, then all together as a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from lxml import etree

from conformance.finding import Finding
from conformance.rules import read_rules
from conformance.sole.content import DOCUMENT
from conformance.sole.frames import FRAMES, Piece, pieces
from conformance.sole.header import HEADER
from conformance.sole.objects import OBJECTS
from conformance.sole.reading import Message
from conformance.sole.stream import STREAM, told

_MOST_OF_A_RULE = 20
_GREATEST_FILE = 256 * 1024 * 1024
_RULES = read_rules("sole_rules")
_DOCUMENT_KINDS = {"sole": ["document", "structure", "sole"], "audit": ["document", "structure", "audit"]}


def check_message(raw: bytes, name: str, schema: etree.RelaxNG | None = None) -> list[Finding]:
    """Judge one message.

    Args:
        raw: a syslog message, with or without its octet count, or a bare audit message.
        name: what findings call it.
        schema: the schema of PS3.15 section A.5.1.1, for those who have it. With it the judge is strict: what the
            schema refuses is an error, also where the standard's text is milder (connectathon.md A16).

    Returns:
        Every broken rule; an empty list when all is well.
    """
    return [found for piece in pieces(raw, name) for found in _judged(piece, schema)]


def check_stream(messages: Sequence[tuple[str, bytes]]) -> list[Finding]:
    """Judge what messages of one source or one workflow say together: order, linkage, addresses.

    Args:
        messages: each with the name to report it by, in the order in which they came. They are not judged one by one;
            :func:`check_message` does that.
    """
    found = [piece.message for name, raw in messages for piece in pieces(raw, name)]
    return _together([message for message in found if message is not None])


def check_files(paths: Sequence[Path], schema: etree.RelaxNG | None = None) -> list[Finding]:
    """Judge files and folders, one by one and as one stream; a file that cannot be read is one finding."""
    findings: list[Finding] = []
    messages: list[Message] = []
    for path in _files(paths):
        if path.stat().st_size > _GREATEST_FILE:
            findings.append(_RULES["SOLE-001"].broken(str(path), "", f"the file has more than {_GREATEST_FILE} octets"))
            continue
        for piece in pieces(path.read_bytes(), str(path)):
            findings += _judged(piece, schema)
            messages += [piece.message] if piece.message else []
    return findings + _together(messages)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]


def _together(messages: Sequence[Message]) -> list[Finding]:
    stream = told(messages)
    return [] if not stream else list(STREAM.look(stream, "the stream", ["stream"]))


def _judged(piece: Piece, schema: etree.RelaxNG | None) -> Iterator[Finding]:
    """What is wrong with one message; of each rule the first breaches only."""
    counted: Counter[str] = Counter()
    of_message = () if piece.message is None else _of_message(piece.message, schema)
    for found in chain(FRAMES.look(piece, piece.name, ["frame"]), of_message):
        counted[found.rule] += 1
        if counted[found.rule] <= _MOST_OF_A_RULE:
            yield found


def _of_message(message: Message, schema: etree.RelaxNG | None) -> Iterator[Finding]:
    name, kind = message.name, message.kind
    if message.is_syslog and message.header is None:
        yield _RULES["SOLE-001"].broken(name, "", "is neither a syslog message of RFC 5424 nor an audit message")
    if message.header is not None:
        yield from HEADER.look(message, name, ["header"])
        if message.is_document:
            yield from HEADER.look(message, name, ["document-header", f"{kind}-header"])
    if not message.is_document or (message.is_syslog and message.header is None and not message.content):
        return
    if message.root is None:
        yield _RULES["SOLE-009"].broken(name, "MSG", message.document[1])
        return
    yield from DOCUMENT.look(message, name, _DOCUMENT_KINDS.get(kind, ["document", "structure"]))
    yield from OBJECTS.look(message, name, ["any-objects", f"{kind}-objects"])
    if schema is not None and not message.misfits and not schema.validate(message.root):
        line = schema.error_log.last_error.line if schema.error_log.last_error else 0
        yield _RULES["SOLE-020"].broken(name, "AuditMessage", f"the schema refuses it (line {line})")
