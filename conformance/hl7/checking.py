"""Judge HL7 messages: each by its kind, an answer with its message, and all messages of a file together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from conformance.finding import Finding
from conformance.hl7.answer import ACKNOWLEDGEMENT, EXCHANGE, Exchange
from conformance.hl7.frames import Frame, frames
from conformance.hl7.header import HEADER
from conformance.hl7.kinds import tags
from conformance.hl7.message import Message, read
from conformance.hl7.order import BY_IHE, ORDER
from conformance.hl7.patient import ADT, PATIENT
from conformance.hl7.result import IMAGING, RESULT
from conformance.rules import Breach, Rulebook, read_rules

LARGEST = 32 * 1024 * 1024
"""Octets of a file or message that are read; what is longer is one finding."""

_BOOKS = (HEADER, PATIENT, BY_IHE, ORDER, ADT, RESULT, IMAGING, ACKNOWLEDGEMENT)
_RULES = read_rules("hl7_rules")
_CONTROL = re.compile(rb"[\x00-\x0c\x0e-\x1f]")
_IN_FILES = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f]")

FILE: Rulebook[Sequence[Message]] = Rulebook("hl7_rules", ["file"])


@FILE.rule("HL7-030")
def _reused_control_id(messages: Sequence[Message]) -> Iterator[Breach]:
    """The same message again is a resend; another one under the same id is not."""
    seen: dict[tuple[str, str, str], bytes] = {}
    for number, message in enumerate(messages, 1):
        sender = (message.header.field(3), message.header.field(4), message.header.field(10))
        if sender[2] and seen.setdefault(sender, message.frame.content) != message.frame.content:
            yield f"message {number}: MSH-10", "another message of the sender has the same control id"


def check_files(paths: Sequence[Path]) -> list[Finding]:
    """Judge files and folders; each file holds one message or many, framed or not."""
    return [finding for path in _files(paths) for finding in _of_file(path)]


def check_message(raw: bytes, name: str) -> list[Finding]:
    """Judge the octets of one message or many.

    Args:
        raw: as they stand in a file or went over a connection.
        name: to report them by; no patient data.

    Returns:
        Every broken rule.
    """
    if len(raw) > LARGEST:
        return [_broken("HL7-005", name, "", f"it is longer than {LARGEST} octets and was not judged")]
    found = list(frames(raw))
    messages: list[Message] = []
    findings: list[Finding] = []
    for number, frame in enumerate(found, 1):
        prefix = f"message {number}: " if len(found) > 1 else ""
        message = read(frame)
        findings += _of_frame(frame, message, name, prefix)
        if message:
            messages.append(message)
            findings += _of_message(message, name, prefix)
    return findings + list(FILE.look(messages, name, ["file"]))


def check_acknowledgement(raw: bytes, of: bytes, name: str) -> list[Finding]:
    """Judge an answer, alone and held against the message that it answers.

    Args:
        raw: the answer.
        of: the message.
        name: to report the answer by; no patient data.

    Returns:
        Every broken rule of the answer; the message is not judged.
    """
    findings = check_message(raw, name)
    answer, sent = (_only(octets) for octets in (raw, of))
    if answer and sent:
        if not answer.all("MSA"):
            findings.append(_broken("HL7-010", name, "MSA", "the answer has no MSA"))
        findings += _looked(EXCHANGE, Exchange(sent, answer), name, {"pair"}, "")
    return findings


def _only(raw: bytes) -> Message | None:
    return next(filter(None, map(read, frames(raw[:LARGEST]))), None)


def _of_file(path: Path) -> list[Finding]:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        return [_broken("HL7-009", str(path), "", f"the file cannot be read ({type(error).__name__})")]
    return check_message(raw, str(path))


def _of_frame(frame: Frame, message: Message | None, name: str, prefix: str) -> Iterator[Finding]:
    for rule, words in (*frame.faults, *(message.faults if message else ())):
        yield _broken(rule, name, prefix.removesuffix(": "), words)
    if message is None:
        if frame.content or not frame.faults:
            yield _broken("HL7-009", name, prefix.removesuffix(": "), "it does not begin with MSH")
        return
    found = len((_CONTROL if frame.framed else _IN_FILES).findall(frame.content))
    if found:
        yield _broken("HL7-012", name, prefix.removesuffix(": "), f"there are {found} control characters")


def _of_message(message: Message, name: str, prefix: str) -> Iterator[Finding]:
    wanted = tags(message)
    for book in _BOOKS:
        yield from _looked(book, message, name, wanted, prefix)


def _looked(book: Rulebook[Any], subject: object, name: str, wanted: Iterable[str], prefix: str) -> Iterator[Finding]:
    for found in book.look(subject, name, wanted):
        yield Finding(
            found.file, found.rule, found.severity, prefix + found.path, found.message, found.fix, found.source
        )


def _broken(rule: str, name: str, path: str, words: str) -> Finding:
    return _RULES[rule].broken(name, path, words)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
