"""Rules for every message: its header, its order of segments, its escapes and its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from conformance.hl7.fields import add_coded, repeated, required
from conformance.hl7.kinds import is_known, is_old, structures, tags
from conformance.hl7.message import CODECS, Message
from conformance.hl7.standard import NEAREST, VERSIONS, edition
from conformance.hl7.words import shown
from conformance.rules import Breach, Rulebook

HEADER: Rulebook[Message] = Rulebook("hl7_rules", ["any"])
HEADER.rule("HL7-014")(required)
HEADER.rule("HL7-S2-REPEAT")(repeated)
add_coded(HEADER)

_USUAL = ("|^~\\&", "|^~\\&#")
_ID_LENGTH = 20
_ALL_VERSIONS = (*VERSIONS, "2.9")
_ESCAPE = re.compile(r"[FSTREHNP]|\.br|\.(?:sp|in|ti|sk)[+-]?\d*|\.(?:fi|nf|ce)|X(?:[0-9A-Fa-f]{2})+|[CMZ][^\\]*")
_DATE = r"\d{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])%s)?)?"
_TIME = r"(?:(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\.\d{1,4})?)?)?)"
_OFFSET = r"(?:[+-](?:0\d|1[0-4])[0-5]\d)?"
_FORMS: dict[str, re.Pattern[str]] = {
    "DTM": re.compile(_DATE % (_TIME + "?") + _OFFSET),
    "DT": re.compile(_DATE % ""),
    "TM": re.compile(_TIME + _OFFSET),
    "NM": re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)"),
    "SI": re.compile(r"\d{1,9}"),
}
_UID = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+")
_UID_LENGTH = 64
_UID_CODES = {"110180", "113014", "112002"}
_UID_MEANINGS = {"study instance uid", "series instance uid", "sr instance uid"}
_EDITIONS = {"order": {"2.3.1", "2.5.1"}, "imaging": {"2.3.1", "2.5.1"}, "adt": {"2.3.1", "2.5", "2.5.1"}}


@HEADER.rule("HL7-016-NAME")
def _character_set(message: Message) -> Iterator[Breach]:
    for name in message.header.repetitions(18):
        if name.strip() and name.strip() not in CODECS:
            yield "MSH-18", f"{shown(name.strip())} is no character set of table 0211 that MLLP can carry"


@HEADER.rule("HL7-018")
def _delimiters(message: Message) -> Iterator[Breach]:
    field, declared = message.header.field(1), message.header.field(2)
    if len(set(field + declared)) < len(field + declared) or len(declared) < 4:  # noqa: PLR2004 - the four of MSH-2
        yield "MSH-2", "it does not declare four delimiters that differ from each other and from MSH-1"


@HEADER.rule("HL7-018-USUAL")
def _usual_delimiters(message: Message) -> Iterator[Breach]:
    declared = message.header.field(1) + message.header.field(2)
    usual = _USUAL[:1] if is_old(message, "2.7") else _USUAL
    if declared not in usual and not list(_delimiters(message)):
        yield "MSH-2", "the delimiters are not the recommended ones, which some receivers alone understand"


@HEADER.rule("HL7-019")
def _escapes(message: Message) -> Iterator[Breach]:
    escape = message.by.escape
    for segment in message.segments:
        for number, text in enumerate(segment.fields):
            if escape not in text or (segment.name == "MSH" and number <= 2):  # noqa: PLR2004 - delimiters
                continue
            pieces = text.split(escape)
            if len(pieces) % 2 == 0:
                yield segment.at(number), "an escape sequence is not ended"
            elif not all(_ESCAPE.fullmatch(piece) for piece in pieces[1::2]):
                yield segment.at(number), "there is an escape sequence that HL7 does not define"


@HEADER.rule("HL7-013")
def _of_no_known_kind(message: Message) -> Iterator[Breach]:
    if message.header.valued(9) and not is_known(message):
        yield "MSH-9", "the message is of a kind that imaging workflows do not use"


@HEADER.rule("HL7-013-VERSION")
def _version(message: Message) -> Iterator[Breach]:
    if message.version and message.version not in _ALL_VERSIONS:
        yield "MSH-12", "that is no version of HL7 version 2"


@HEADER.rule("HL7-013-EDITION")
def _edition_of_ihe(message: Message) -> Iterator[Breach]:
    for kind in sorted(tags(message) & set(_EDITIONS)):
        if message.version in _ALL_VERSIONS and message.version not in _EDITIONS[kind] and not list(_defined(message)):
            yield "MSH-12", f"the version is {message.version}; IHE uses {' or '.join(sorted(_EDITIONS[kind]))} here"


@HEADER.rule("HL7-013-DEFINED")
def _defined(message: Message) -> Iterator[Breach]:
    names = structures(message)
    known = any(edition(message.version).structure(name) for name in names)
    if names and message.version in VERSIONS and not known:
        yield "MSH-9", f"version {message.version} does not define this message"


@HEADER.rule("HL7-022")
def _structure_name(message: Message) -> Iterator[Breach]:
    given, names = message.header.part(9, 3), structures(message)
    if given and names and given not in names:
        yield "MSH-9.3", f"the structure of this event is {' or '.join(names)}"


@HEADER.rule("HL7-S2-SEQUENCE")
def _sequence(message: Message) -> Iterator[Breach]:
    names, known = structures(message), edition(message.version)
    grammar = next(filter(None, (of.structure(name) for of in (known, edition(NEAREST)) for name in names)), None)
    if grammar is None:
        return
    judged = [one for one in message.segments if known.knows(one.name) or edition(NEAREST).knows(one.name)]
    found = grammar.deviation([one.name for one in judged])
    if found:
        here = judged[found.place] if found.place < len(judged) else None
        wanted = ", ".join(found.expected)
        words = f"{here.name} (segment {here.place}) stands" if here else "the message ends"
        yield here.here if here else "", f"{words} where one of {wanted or 'nothing more'} is to stand"


@HEADER.rule("HL7-023")
def _undefined_segments(message: Message) -> Iterator[Breach]:
    known = (edition(message.version), edition(NEAREST), edition(VERSIONS[-1]))
    for segment in message.segments:
        if not segment.name.startswith("Z") and not any(one.knows(segment.name) for one in known):
            yield f"segment {segment.place}", "HL7 defines no segment of that name"


@HEADER.rule("HL7-056")
def _times(message: Message) -> Iterator[Breach]:
    yield from _misformed(message, {"DTM", "DT", "TM"}, lambda kind: f"is no value of data type {kind}")


@HEADER.rule("HL7-S8-NUMBER")
def _numbers(message: Message) -> Iterator[Breach]:
    yield from _misformed(message, {"NM", "SI"}, lambda kind: f"is no number (data type {kind})")


@HEADER.rule("HL7-S3-ID")
def _control_id(message: Message) -> Iterator[Breach]:
    length = len(message.header.field(10))
    if length > _ID_LENGTH:
        yield "MSH-10", f"it is {length} characters long"


@HEADER.rule("HL7-S3-UID")
def _well_formed(message: Message) -> Iterator[Breach]:
    for path, uid in _uids(message):
        if uid and not (_UID.fullmatch(uid) and len(uid) <= _UID_LENGTH):
            yield path, "is no well-formed UID"


def _uids(message: Message) -> Iterator[tuple[str, str]]:
    for segment, number in [(one, 1) for one in message.all("ZDS")] + [(one, 3) for one in message.all("IPC")]:
        yield segment.at(number, 1), segment.part(number, 1, 1)
    for segment in message.all("OBX"):
        if segment.part(3, 1) in _UID_CODES or segment.part(3, 2).strip().lower() in _UID_MEANINGS:
            yield segment.at(5), segment.part(5, 1, 1)


def _misformed(message: Message, kinds: set[str], words: Callable[[str], str]) -> Iterator[Breach]:
    known = edition(message.version)
    for segment in message.segments:
        for path, kind, value in known.leaves(segment):
            if kind in kinds and not _FORMS[kind].fullmatch(value.strip()):
                yield path, words(kind)
