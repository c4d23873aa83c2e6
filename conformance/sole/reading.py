"""Syslog and audit messages taken apart: what the rules look at. Nothing is refused here, only named."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from itertools import islice

from lxml import etree

from conformance.sole.structure import Misfit, misfits
from profiles.tables import read_table

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SOLE_APPLICATION = "IHE+SOLE"
AUDIT_MESSAGE_IDS = frozenset({"IHE+RFC-3881", "DICOM+RFC3881"})
PATIENT, ACCESSION, STUDY, APPLICATION = "121025", "121022", "110180", "110150"

_PRI = re.compile(rb"<([0-9]*)>([0-9]*) ")
_STRUCTURED = re.compile(rb'(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+(?= |$)', re.DOTALL)
_ENCODING = re.compile(rb"""\A<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_MOST_NUMBERED = 200
_SPACE = re.compile(rb"[ \t\r\n]*")
_CODE = re.compile(r"(RID|SOLE|AIX)[0-9]+")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_UPS = re.compile(r"(?:^urn:oid:|/workitems/)([0-9.]+)$")


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a syslog header as texts, one character for each octet.

    Attributes:
        structured: STRUCTURED-DATA, or empty when there is nothing that could be it.
    """

    pri: str
    version: str
    timestamp: str
    hostname: str
    application: str
    process: str
    message_id: str
    structured: str


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value."""

    value: str = ""
    scheme: str = ""

    def is_one(self, value: str, *schemes: str) -> bool:
        """Whether it is that value in one of these schemes; scheme names are compared without regard to case."""
        return self.value == value and self.scheme.lower() in {scheme.lower() for scheme in schemes}


@dataclass(frozen=True)
class Message:
    """One message under judgement.

    Attributes:
        name: what findings call it.
        header: None for a bare audit message, and where no header of RFC 5424 can be told apart.
        content: MSG.
        is_syslog: whether it should have a header.
    """

    name: str
    header: Header | None
    content: bytes
    is_syslog: bool

    @cached_property
    def document(self) -> tuple[etree._Element | None, str]:
        """The root of the audit message, or None and why there is none."""
        return _parsed(self.content.removeprefix(BYTE_ORDER_MARK))

    @property
    def root(self) -> etree._Element | None:
        """The root of the audit message, if it is one."""
        return self.document[0]

    @cached_property
    def kind(self) -> str:
        """``sole`` or ``audit`` by what it says of itself, else ``other``."""
        event, header = self.event_id, self.header
        if event.scheme.upper() == "DCM":
            return "audit"
        told = header is not None and (header.application == SOLE_APPLICATION or _CODE.fullmatch(header.message_id))
        if event.value == "SOLE" or told:
            return "sole"
        audit = header is not None and header.message_id in AUDIT_MESSAGE_IDS
        return "audit" if audit or self.root is not None or header is None else "other"

    @property
    def is_document(self) -> bool:
        """Whether MSG is, or should be, an audit message."""
        return self.kind != "other" or self.content.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"<"

    @cached_property
    def misfits(self) -> list[Misfit]:
        """Where the document is built otherwise than PS3.15 A.5.1.1 says."""
        return [] if self.root is None else misfits(self.root)

    @cached_property
    def event(self) -> etree._Element:
        """EventIdentification; an empty element when there is none."""
        return first(self.root, "EventIdentification")

    @cached_property
    def event_id(self) -> Code:
        """EventID."""
        return code_of(first(self.event, "EventID"))

    @cached_property
    def event_types(self) -> tuple[Code, ...]:
        """All EventTypeCodes."""
        return tuple(code_of(element) for element in self.event.findall("EventTypeCode"))

    @cached_property
    def participants(self) -> list[etree._Element]:
        """Every ActiveParticipant."""
        return [] if self.root is None else self.root.findall("ActiveParticipant")

    @cached_property
    def objects(self) -> list[etree._Element]:
        """Every ParticipantObjectIdentification."""
        return [] if self.root is None else self.root.findall("ParticipantObjectIdentification")

    @cached_property
    def at(self) -> datetime | None:
        """EventDateTime, when it is one with a zone."""
        return moment(self.event.get("EventDateTime", ""))

    @property
    def outcome(self) -> str:
        """EventOutcomeIndicator."""
        return self.event.get("EventOutcomeIndicator", "").strip()

    def identifiers(self, value: str, scheme: str = "DCM") -> set[str]:
        """The non-empty ids of the participant objects of one type."""
        return {
            found
            for one in self.objects
            if type_of(one).is_one(value, scheme) and (found := one.get("ParticipantObjectID", "").strip())
        }

    @cached_property
    def details(self) -> list[tuple[str, str]]:
        """Every detail as its type and its text; what is no base64 of UTF-8 stands as it came."""
        found = (
            [] if self.root is None else self.root.iterfind("ParticipantObjectIdentification/ParticipantObjectDetail")
        )
        return [(one.get("type", ""), decoded(one.get("value", ""))) for one in found]

    @cached_property
    def workitems(self) -> set[str]:
        """UPS Instance UIDs of the workitems that it is about (sole.md 4.4)."""
        told = {text for name, text in self.details if name == "UPSInstanceUID" and text}
        named = {
            match[1]
            for one in self.objects
            if one.get("ParticipantObjectTypeCodeRole", "").strip() == "20"
            and (match := _UPS.search(one.get("ParticipantObjectID", "")))
        }
        return told or named


def read(raw: bytes, name: str) -> Message:
    """One message: an audit message in XML, or a syslog message without its frame."""
    text = raw.removeprefix(BYTE_ORDER_MARK).lstrip()
    if text.startswith((b"<?", b"<!", b"<A")) or re.match(rb"<[A-Za-z_]", text):
        return Message(name, None, text, is_syslog=False)
    start = _PRI.match(raw)
    if start is None:
        return Message(name, None, _after_header(raw), is_syslog=True)
    fields = raw[start.end() :].split(b" ", 5)
    if len(fields) < 5:  # noqa: PLR2004 - TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID
        return Message(name, None, _after_header(raw), is_syslog=True)
    structured, content = _rest(fields[5] if len(fields) > 5 else b"")  # noqa: PLR2004 - what is behind MSGID
    texts = [part.decode("latin-1") for part in (start[1], start[2], *fields[:5], structured)]
    return Message(name, Header(*texts), content, is_syslog=True)


def _rest(octets: bytes) -> tuple[bytes, bytes]:
    """STRUCTURED-DATA and MSG."""
    if octets == b"-" or octets.startswith(b"- "):
        return b"-", octets[2:]
    found = _STRUCTURED.match(octets)
    return (found[0], octets[found.end() + 1 :]) if found else (b"", octets)


def _after_header(raw: bytes) -> bytes:
    """The audit message behind a header that is none of RFC 5424 (the older syslog of RFC 3164, for one)."""
    places = [place for mark in (b"<?xml", b"<AuditMessage") if (place := raw.find(mark)) >= 0]
    return raw[min(places) :] if places else b""


def _parsed(content: bytes) -> tuple[etree._Element | None, str]:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return None, f"MSG is not UTF-8 from octet {error.start} on"
    declared = _ENCODING.match(content)
    if declared and declared[1].lower() not in {b"utf-8", b"us-ascii"}:
        return None, "the XML declaration names another encoding than UTF-8"
    if _has_document_type(content):
        return None, "it declares a document type; no audit message needs one, and entities are not read"
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line, column = getattr(error, "position", (0, 0))
        return None, f"MSG is no well-formed XML (line {line}, column {column})" if content else "there is no MSG"
    if root.tag != "AuditMessage":
        return None, "the root of the XML is not AuditMessage without a namespace"
    return root, ""


def _has_document_type(content: bytes) -> bool:
    """Whether <!DOCTYPE stands before the root, found without parsing."""
    place = 0
    while True:
        place = _SPACE.match(content, place).end()  # type: ignore[union-attr] # it matches nothing at all too
        for mark, end in ((b"<?", b"?>"), (b"<!--", b"-->")):
            if content.startswith(mark, place):
                closed = content.find(end, place)
                if closed < 0:
                    return False
                place = closed + len(end)
                break
        else:
            return content.startswith(b"<!DOCTYPE", place)


_NOTHING = etree.Element("nothing")


def first(parent: etree._Element | None, tag: str) -> etree._Element:
    """The first child of that name; an empty element when there is none."""
    found = None if parent is None else parent.find(tag)
    return _NOTHING if found is None else found


def code_of(element: etree._Element) -> Code:
    """A coded element; the attribute name of RFC 3881 is understood too (that it is wrong is SOLE-022)."""
    value = element.get("csd-code", element.get("code", "")).strip()
    return Code(value, element.get("codeSystemName", "").strip())


def type_of(participant: etree._Element) -> Code:
    """ParticipantObjectIDTypeCode."""
    return code_of(first(participant, "ParticipantObjectIDTypeCode"))


def roles(participant: etree._Element) -> tuple[Code, ...]:
    """The RoleIDCodes of an ActiveParticipant."""
    return tuple(code_of(element) for element in participant.findall("RoleIDCode"))


def is_patient(participant: etree._Element) -> bool:
    """Whether an object says in any way that it is the patient."""
    found = type_of(participant)
    return (
        participant.get("ParticipantObjectTypeCodeRole", "").strip() == "1"
        or found.is_one(PATIENT, "DCM")
        or found.is_one("2", "RFC-3881", "RFC 3881", "RFC3881")
    )


def details_of(participant: etree._Element) -> Iterator[tuple[str, str]]:
    """Type and text of each detail of an object."""
    for one in participant.findall("ParticipantObjectDetail"):
        yield one.get("type", ""), decoded(one.get("value", ""))


def decoded(value: str) -> str:
    """Text from base64 of UTF-8; as it is when it is none."""
    try:
        return base64.b64decode("".join(value.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return value


def moment(text: str) -> datetime | None:
    """A date-time with zone, in UTC; a leap second counts as the second before. None for anything else."""
    found = _DATE_TIME.fullmatch(text.strip())
    if found is None or found[2] is None:
        return None
    whole, fraction = found[0], found[1] or ""
    plain = whole.replace(fraction, fraction[:7], 1) if fraction else whole
    try:
        return datetime.fromisoformat(re.sub(r"(T\d\d:\d\d):60", r"\1:59", plain)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@cache
def groups() -> dict[str, tuple[str, str]]:
    """Scheme and group of every code of the event catalogue, by code."""
    return {row["code"]: (row["scheme"], row["step"]) for row in read_table("profiles.sole", "sole_events")}


def path_of(element: etree._Element) -> str:
    """Where an element stands: names, and numbers from 1 among the first of its kind."""
    parent = element.getparent()
    if parent is None:
        return str(element.tag)
    same = list(islice(parent.iterchildren(tag=element.tag), _MOST_NUMBERED))
    number = f"[{same.index(element) + 1}]" if len(same) > 1 and element in same else ""
    return f"{path_of(parent)}/{element.tag}{number}"
