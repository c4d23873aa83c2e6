"""Audit messages of anybody, read tolerantly: what can be understood is, and what deviates is named, not refused."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from profiles.errors import BadInput
from profiles.sole.catalogue import EventCode, step_of
from profiles.sole.event import Algorithm, Outcome, ResultReference, Thread

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAXIMUM_DEPTH = 32
_OUR_DETAILS = frozenset({"UPSInstanceUID", "AlgorithmVersion"})


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """What an audit message says.

    Attributes:
        event_id: our event id (see `profiles.sole.message`), empty when the message has none.
        identification: EventID; (SOLE, IHE-RAD) for operational events.
        codes: all EventTypeCodes, the first one being the event.
        step: key of our step, where the codes tell one.
        at: EventDateTime, None when it is missing or unreadable.
        outcome: EventOutcomeIndicator, None likewise.
        source: AuditSourceID.
        site: AuditEnterpriseSiteID.
        actor: UserID of the machine that took part (role Application), else of the first participant.
        performer: AE title of the performer, where one is named.
        person: UserID of the first participant without a network address that is no application (sole.md 4.3).
        thread, algorithm, results, details, description: as in `OperationalEvent`.
        deviations: what the message does that the schema does not allow, in words without values.
    """

    event_id: str = ""
    identification: EventCode = field(default_factory=lambda: EventCode("", ""))
    codes: tuple[EventCode, ...] = ()
    step: str = ""
    at: datetime | None = None
    outcome: Outcome | None = None
    source: str = ""
    site: str = ""
    actor: str = ""
    performer: str = ""
    person: str = ""
    thread: Thread = field(default_factory=Thread)
    algorithm: Algorithm | None = None
    results: tuple[ResultReference, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    deviations: tuple[str, ...] = ()

    @property
    def is_operational(self) -> bool:
        """Whether this is a SOLE event; the scheme name varies in public material (SOLE-023)."""
        scheme = self.identification.scheme.lower()
        return self.identification.code == "SOLE" and scheme in ("ihe-rad", "urn:ihe:rad", "ihe-sole")


def parse(document: bytes) -> ParsedEvent:
    """Read an audit message.

    Args:
        document: XML in UTF-8, with or without declaration and byte order mark.

    Raises:
        BadInput: when it is no well-formed XML, declares a document type or entities (which an audit message never
            needs and which are the way of entity bombs), is nested absurdly deep, or is no AuditMessage.
    """
    root = root_of(document)
    deviations: list[str] = []
    identification = root.find("EventIdentification")
    if identification is None:
        raise BadInput("The AuditMessage has no EventIdentification; PS3.15 2023b A.5.1.1 requires one.")
    codes = tuple(_code(element, deviations) for element in identification.findall("EventTypeCode"))
    event_element = identification.find("EventID")
    objects = _Objects(root, deviations)
    source = root.find("AuditSourceIdentification")
    if source is None:
        deviations.append("no AuditSourceIdentification")
    actor, performer = _participants(root)
    return ParsedEvent(
        event_id=objects.event_id,
        identification=EventCode("", "") if event_element is None else _code(event_element, deviations),
        codes=codes,
        step=step_of(codes),
        at=moment_of(identification.get("EventDateTime", ""), deviations),
        outcome=_outcome(identification.get("EventOutcomeIndicator", ""), deviations),
        source="" if source is None else source.get("AuditSourceID", ""),
        site="" if source is None else source.get("AuditEnterpriseSiteID", ""),
        actor=actor,
        performer=performer,
        person=_person(root),
        thread=objects.thread(),
        algorithm=objects.algorithm,
        results=tuple(objects.results),
        details=objects.details,
        description=identification.findtext("EventOutcomeDescription", ""),
        deviations=tuple(dict.fromkeys(deviations)),
    )


def root_of(document: bytes) -> Element:
    """The root of an audit message.

    Raises:
        BadInput: as `parse`.
    """
    try:
        root = _tree(document)
    except ParseError as error:
        raise BadInput(f"The audit message is not well-formed XML: {error}.") from error
    except DefusedXmlException as error:
        raise BadInput("The audit message declares a document type or entities, which are refused.") from error
    except (ValueError, LookupError, RecursionError) as error:  # unknown encodings and the like
        raise BadInput("The audit message is not XML in UTF-8.") from error
    if root.tag != "AuditMessage":
        raise BadInput("The XML is no AuditMessage (PS3.15 2023b A.5.1.1: that root, no namespace).")
    if _deeper_than(root, MAXIMUM_DEPTH):
        raise BadInput("The audit message is nested deeper than any schema allows.")
    return root


def _tree(document: bytes) -> Element:
    root: Element = fromstring(document.removeprefix(BYTE_ORDER_MARK), forbid_dtd=True)
    return root


def well_formed(document: bytes) -> bool:
    """Whether something is XML without a document type; of an audit message or not."""
    try:
        _tree(document)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return False
    return True


def _deeper_than(root: Element, limit: int) -> bool:
    level: list[Element] = [root]
    for _ in range(limit):
        level = [child for element in level for child in element]
    return bool(level)


def _code(element: Element, deviations: list[str]) -> EventCode:
    code = element.get("csd-code")
    if code is None:
        deviations.append(f"{element.tag} without csd-code")
        code = element.get("code", "")
    meaning = element.get("originalText") or element.get("displayName") or ""
    if not element.get("codeSystemName"):
        deviations.append(f"{element.tag} without codeSystemName")
    return EventCode(code, element.get("codeSystemName", ""), meaning)


def moment_of(text: str, deviations: list[str]) -> datetime | None:
    """EventDateTime; leap seconds are read as the next second, a time without zone as UTC, and both are named."""
    leap = ":60" in text[-20:]
    try:
        found = datetime.fromisoformat(text.replace(":60", ":59", 1) if leap else text)
    except ValueError:
        deviations.append("EventDateTime is no date-time")
        return None
    if leap:
        found = datetime.fromtimestamp(found.timestamp() + 1, found.tzinfo)
    if found.tzinfo is None:
        deviations.append("EventDateTime without zone, read as UTC")
        found = found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        deviations.append("EventDateTime is out of range")
        return None


def _outcome(text: str, deviations: list[str]) -> Outcome | None:
    try:
        return Outcome(int(text))
    except ValueError:
        deviations.append("EventOutcomeIndicator is none of 0, 4, 8, 12")
        return None


def _participants(root: Element) -> tuple[str, str]:
    """UserID of the machine that took part, and AE title of the performer."""
    actor, performer = "", ""
    for participant in root.findall("ActiveParticipant"):
        roles = {role.get("csd-code") for role in participant.findall("RoleIDCode")}
        titles = participant.get("AlternativeUserID", "").partition("AETITLES=")[2].split(";")[0]
        if "110150" in roles and not actor:
            actor = participant.get("UserID", "")
            performer = performer or titles
        elif "121094" in roles:
            performer = titles or participant.get("UserID", "")
    first = root.find("ActiveParticipant")
    return actor or ("" if first is None else first.get("UserID", "")), performer


def _person(root: Element) -> str:
    for participant in root.findall("ActiveParticipant"):
        roles = {role.get("csd-code") for role in participant.findall("RoleIDCode")}
        titled = "AETITLES=" in participant.get("AlternativeUserID", "")
        if roles and "110150" not in roles and not titled and not participant.get("NetworkAccessPointID"):
            return participant.get("UserID", "")
    return ""


class _Objects:
    """What the ParticipantObjectIdentification elements say."""

    def __init__(self, root: Element, deviations: list[str]) -> None:
        self._deviations = deviations
        self.event_id = ""
        self.algorithm: Algorithm | None = None
        self.results: list[ResultReference] = []
        self.details: dict[str, str] = {}
        self._identifiers: dict[str, str] = {}
        for element in root.findall("ParticipantObjectIdentification"):
            self._read(element)

    def thread(self) -> Thread:
        """The identifiers found."""
        return Thread(**self._identifiers)

    def _read(self, element: Element) -> None:
        identifier = element.get("ParticipantObjectID")
        if identifier is None:
            self._deviations.append("ParticipantObjectIdentification without ParticipantObjectID")
            return
        type_element = element.find("ParticipantObjectIDTypeCode")
        kind = "" if type_element is None else (type_element.get("csd-code") or type_element.get("code") or "")
        name = element.findtext("ParticipantObjectName", "")
        details = dict(self._details(element))
        if name == "result" or not self._identify(kind, identifier, element.get("ParticipantObjectTypeCodeRole", "")):
            self._special(kind, name, identifier, details)
        self.details |= {key: value for key, value in details.items() if key not in _OUR_DETAILS}
        self.results += _instances(element)

    def _identify(self, kind: str, identifier: str, role: str) -> bool:
        """Take an identifier of the thread; the first one of its kind stays."""
        known = {
            "121025": "patient_id",
            "121022": "accession_number",
            "110180": "study_instance_uid",
            "PLAC": "placer_order_number",
            "FILL": "filler_order_number",
        }
        key = known.get(kind) or ("patient_id" if kind == "2" and role == "1" else "")
        if key == "patient_id":
            identifier = identifier.removesuffix("^^^")
        if key:
            self._identifiers.setdefault(key, identifier)
        return bool(key)

    def _special(self, kind: str, name: str, identifier: str, details: Mapping[str, str]) -> None:
        if kind == "12" and name == "event":
            self.event_id = identifier.removeprefix("urn:uuid:")
        elif "UPSInstanceUID" in details:
            self._identifiers.setdefault("workitem_uid", details["UPSInstanceUID"])
        elif kind == "111001":
            self.algorithm = Algorithm(identifier, details.get("AlgorithmVersion", ""))

    def _details(self, element: Element) -> Iterator[tuple[str, str]]:
        for detail in element.findall("ParticipantObjectDetail"):
            try:
                value = base64.b64decode(detail.get("value", ""), validate=True).decode()
            except (binascii.Error, ValueError):
                self._deviations.append("ParticipantObjectDetail that is no base64 of UTF-8")
                value = detail.get("value", "")
            yield detail.get("type", ""), value


def _instances(element: Element) -> Iterator[ResultReference]:
    for sop_class in element.iterfind("ParticipantObjectDescription/SOPClass"):
        for instance in sop_class.findall("Instance"):
            yield ResultReference(sop_class.get("UID", ""), instance.get("UID", ""))
