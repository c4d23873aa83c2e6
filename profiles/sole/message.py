"""SOLE events as DICOM audit messages and back (PS3.15 2023b A.5, sole.md section 4)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from defusedxml import ElementTree as SafeTree
from lxml import etree

from profiles.dicom import Code
from profiles.errors import BadInput
from profiles.sole.event import OperationalEvent, ResultReference
from profiles.sole.steps import step_of, step_rows

_NAMESPACE = uuid.UUID("6d0f8f5e-34a1-5a9e-9a3f-1d6f5b6f7a10")
_EVENT = Code("SOLE", "IHE-RAD", "Imaging Operational Event")
_APPLICATION = Code("110150", "DCM", "Application")
_PATIENT = Code("121025", "DCM", "Patient")
_ACCESSION = Code("121022", "DCM", "Accession Number")
_STUDY = Code("110180", "DCM", "Study Instance UID")
_URI = Code("12", "RFC-3881", "URI")
_ALGORITHM = Code("111001", "DCM", "Algorithm Name")
_PERSON, _SYSTEM = "1", "2"
_ROLE_PATIENT, _ROLE_REPORT, _ROLE_JOB, _ROLE_PROCESSING = "1", "3", "20", "26"
_SERVER = "4"
EVENT_ID = "EventId"


@dataclass(frozen=True, slots=True)
class Source:
    """Who reports.

    Attributes:
        source_id: AuditSourceID, the same in all messages of one actor.
        site: AuditEnterpriseSiteID.
        host: NetworkAccessPointID of the reporting machine.
    """

    source_id: str
    site: str
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """What a message says, as far as it could be read."""

    event_id: str = ""
    step: str = ""
    codes: tuple[Code, ...] = ()
    at: datetime | None = None
    outcome: int = 0
    source: str = ""
    performer: str = ""
    patient_id: str = ""
    accession: str = ""
    study: str = ""
    workitem: str = ""
    orders: tuple[str, ...] = ()
    algorithm: Mapping[str, str] = field(default_factory=dict)
    results: tuple[ResultReference, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


def event_id(event: OperationalEvent, source: Source) -> str:
    """The id that the same occurrence always gets: a name-based UUID over source, step, thread and occurrence."""
    thread = event.thread
    parts = (source.source_id, event.step, thread.accession_number, thread.study_instance_uid, thread.workitem_uid,
             thread.placer_order_number, event.occurrence)  # fmt: skip
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def encode(event: OperationalEvent, source: Source) -> bytes:
    """An audit message that is valid against the 2023b schema.

    The event id travels as detail ``EventId`` of the first participant object; every object has exactly one of Name and
    Query, as the schema demands.

    Raises:
        KeyError: when the step is none of ``tables/steps.csv``.
    """
    row = step_rows()[event.step]
    root = etree.Element("AuditMessage")
    head = etree.SubElement(
        root,
        "EventIdentification",
        EventActionCode=row.action,
        EventDateTime=event.at.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=str(int(event.outcome)),
    )
    _code(head, "EventID", _EVENT)
    for code in row.codes:
        _code(head, "EventTypeCode", code)
    if event.description:
        etree.SubElement(head, "EventOutcomeDescription").text = event.description
    _machine(root, source.source_id, source.host, requestor=True)
    if event.performer:
        _machine(root, event.performer, source.host, requestor=False, ae_title=event.performer)
    origin = etree.SubElement(
        root, "AuditSourceIdentification", AuditEnterpriseSiteID=source.site, AuditSourceID=source.source_id
    )
    etree.SubElement(origin, "AuditSourceTypeCode").set("csd-code", _SERVER)
    details = {EVENT_ID: event_id(event, source), **event.details}
    for kind, identifier, role, code, name in _objects(event):
        _object(root, kind, identifier, role, code, name, details)
        details = {}
    _workitem_and_algorithm(root, event, details)
    return etree.tostring(root, encoding="utf-8")


def _objects(event: OperationalEvent) -> Iterator[tuple[str, str, str, Code, str]]:
    thread = event.thread
    if thread.study_instance_uid:
        yield _SYSTEM, thread.study_instance_uid, _ROLE_REPORT, _STUDY, "study"
    if thread.accession_number:
        yield _SYSTEM, thread.accession_number, _ROLE_JOB, _ACCESSION, "order"
    if thread.patient_id:
        yield _PERSON, thread.patient_id, _ROLE_PATIENT, _PATIENT, ""


def _workitem_and_algorithm(root: Any, event: OperationalEvent, details: dict[str, str]) -> None:
    thread = event.thread
    orders = {"PlacerOrderNumber": thread.placer_order_number, "FillerOrderNumber": thread.filler_order_number}
    orders = {key: value for key, value in orders.items() if value}
    if thread.workitem_uid:
        extra = {"UPSInstanceUID": thread.workitem_uid, **orders, **details}
        _object(root, _SYSTEM, f"urn:oid:{thread.workitem_uid}", _ROLE_JOB, _URI, "workitem", extra)
    elif orders:
        number = next(iter(orders.values()))
        _object(root, _SYSTEM, f"urn:order:{number}", _ROLE_JOB, _URI, "order numbers", {**orders, **details})
    if event.algorithm:
        version = {"AlgorithmVersion": event.algorithm.version}
        _object(root, _SYSTEM, event.algorithm.name, _ROLE_PROCESSING, _ALGORITHM, event.algorithm.name, version)
    for result in event.results:
        extra = {"SOPClassUID": result.sop_class_uid, "SOPInstanceUID": result.sop_instance_uid}
        _object(
            root, _SYSTEM, thread.study_instance_uid or result.sop_instance_uid, _ROLE_REPORT, _STUDY, "result", extra
        )


def _code(parent: Any, name: str, code: Code) -> None:
    element = etree.SubElement(parent, name)
    element.set("csd-code", code.value)
    element.set("codeSystemName", code.scheme)
    element.set("originalText", code.meaning)


def _machine(root: Any, user: str, host: str, *, requestor: bool, ae_title: str = "") -> None:
    element = etree.SubElement(root, "ActiveParticipant", UserID=user)
    if ae_title:
        element.set("AlternativeUserID", f"AETITLES={ae_title}")
    element.set("UserIsRequestor", "true" if requestor else "false")
    element.set("NetworkAccessPointID", host)
    element.set("NetworkAccessPointTypeCode", "2")
    _code(element, "RoleIDCode", _APPLICATION)


def _object(
    root: Any, kind: str, identifier: str, role: str, code: Code, name: str, details: Mapping[str, str]
) -> None:
    element = etree.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=identifier,
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    _code(element, "ParticipantObjectIDTypeCode", code)
    etree.SubElement(element, "ParticipantObjectName").text = name
    for key, value in details.items():
        encoded = base64.b64encode(value.encode()).decode()
        etree.SubElement(element, "ParticipantObjectDetail", type=key, value=encoded)


def parse(message: bytes) -> ParsedEvent:
    """What an audit message says; tolerant of what other vendors leave out.

    Raises:
        BadInput: when it is no well-formed audit message, or tries entities.
    """
    try:
        root = SafeTree.fromstring(message)
    except Exception as error:  # the parser's and the defuser's errors share no base class
        raise BadInput(f"The message is not well-formed XML: {error} (PS3.15 A.5).") from error
    if root.tag.rsplit("}", 1)[-1] != "AuditMessage":
        raise BadInput(f"The root element is {root.tag}, not AuditMessage (PS3.15 A.5).")
    return _Reading(root).event()


class _Reading:
    """The parts of one message."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._head = root.find("EventIdentification")
        self._objects = [(one, _read_details(one)) for one in root.findall("ParticipantObjectIdentification")]

    def event(self) -> ParsedEvent:
        head = self._head if self._head is not None else {}
        codes = tuple(_read_code(one) for one in self._root.findall("EventIdentification/EventTypeCode"))
        details = {key: value for _, found in self._objects for key, value in found.items()}
        origin = self._root.find("AuditSourceIdentification")
        machines = [one for one in self._root.findall("ActiveParticipant") if one.get("AlternativeUserID")]
        results = tuple(
            ResultReference(found.get("SOPClassUID", ""), found["SOPInstanceUID"])
            for _, found in self._objects
            if "SOPInstanceUID" in found
        )
        orders = tuple(details[key] for key in ("PlacerOrderNumber", "FillerOrderNumber") if key in details)
        return ParsedEvent(
            event_id=details.get(EVENT_ID, ""),
            step=step_of(tuple(code.value for code in codes)),
            codes=codes,
            at=_moment(head.get("EventDateTime", "")),
            outcome=_number(head.get("EventOutcomeIndicator", "0")),
            source=origin.get("AuditSourceID", "") if origin is not None else "",
            performer=machines[0].get("UserID", "") if machines else "",
            patient_id=self._identifier(_PATIENT.value),
            accession=self._identifier(_ACCESSION.value),
            study=self._identifier(_STUDY.value),
            workitem=details.get("UPSInstanceUID", ""),
            orders=orders,
            algorithm=self._algorithm(),
            results=results,
            details={key: value for key, value in details.items() if key not in _STRUCTURAL},
            description=self._root.findtext("EventIdentification/EventOutcomeDescription") or "",
        )

    def _identifier(self, code: str) -> str:
        for one, _ in self._objects:
            kind = one.find("ParticipantObjectIDTypeCode")
            if kind is not None and kind.get("csd-code") == code:
                return str(one.get("ParticipantObjectID", ""))
        return ""

    def _algorithm(self) -> dict[str, str]:
        for one, details in self._objects:
            if one.get("ParticipantObjectTypeCodeRole") == _ROLE_PROCESSING:
                return {"name": one.get("ParticipantObjectID", ""), "version": details.get("AlgorithmVersion", "")}
        return {}


_STRUCTURAL = frozenset(
    {
        EVENT_ID,
        "UPSInstanceUID",
        "SOPClassUID",
        "SOPInstanceUID",
        "AlgorithmVersion",
        "PlacerOrderNumber",
        "FillerOrderNumber",
    }
)


def _read_code(element: Any) -> Code:
    value = element.get("csd-code") or element.get("code") or ""
    return Code(
        value, element.get("codeSystemName", ""), element.get("originalText") or element.get("displayName") or ""
    )


def _read_details(element: Any) -> dict[str, str]:
    found = {}
    for detail in element.findall("ParticipantObjectDetail"):
        try:
            found[detail.get("type", "")] = base64.b64decode(detail.get("value", ""), validate=True).decode()
        except ValueError:
            found[detail.get("type", "")] = detail.get("value", "")
    return found


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
