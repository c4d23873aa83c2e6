"""Operational events as DICOM audit messages (PS3.15 2023b A.5.1.1, specialised as sole.md section 4 says).

Where our event id is: the last ParticipantObjectIdentification of every SOLE message we make has
ParticipantObjectTypeCode 4 (other), ParticipantObjectIDTypeCode (12, RFC-3881, "URI"), ParticipantObjectName ``event``
and as ParticipantObjectID the URI ``urn:uuid:<event id>``. The schema allows that, and nobody else gives it a meaning.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, tostring

from profiles.sole.catalogue import EventCode, detail_objects, event_code, steps
from profiles.sole.event import OperationalEvent, Outcome, SecurityEvent, Source

EVENT_ID = EventCode("SOLE", "IHE-RAD", "Imaging Operational Event")
APPLICATION = EventCode("110150", "DCM", "Application")
PERFORMING = EventCode("121094", "DCM", "Performing")
PATIENT = EventCode("121025", "DCM", "Patient")
ACCESSION = EventCode("121022", "DCM", "Accession Number")
STUDY = EventCode("110180", "DCM", "Study Instance UID")
ALGORITHM = EventCode("111001", "DCM", "Algorithm Name")
URI = EventCode("12", "RFC-3881", "URI")
#: Codes of HL7 v2 table 0203; the scheme is named by its OID, which A.5.1.1 allows.
PLACER = EventCode("PLAC", "2.16.840.1.113883.12.203", "Placer Identifier")
FILLER = EventCode("FILL", "2.16.840.1.113883.12.203", "Filler Identifier")

_NAMESPACE = uuid.UUID("0d1c0c0e-6a55-5d4b-9a2e-5f0b3b9d6a11")
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def event_id(event: OperationalEvent | SecurityEvent, source: Source) -> str:
    """The id of an event: the same for the same occurrence of a step on the same thread from the same source."""
    content = asdict(event)
    if isinstance(event, OperationalEvent):
        kept = [event.step, content["thread"], event.occurrence, event.performer]
    else:
        kept = [event.kind, event.target, event.occurrence or str(event.at.timestamp())]
    name = json.dumps([source.instance or source.identifier, *kept], sort_keys=True)
    return str(uuid.uuid5(_NAMESPACE, name))


def clean(text: str) -> str:
    """A text as XML 1.0 can carry it: line ends as LF, characters that XML forbids replaced."""
    return _ILLEGAL.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")


def add_code(parent: Element, tag: str, code: EventCode) -> None:
    """A coded element (SOLE-022)."""
    SubElement(
        parent,
        tag,
        {"csd-code": clean(code.code), "codeSystemName": clean(code.scheme), "originalText": clean(code.meaning)},
    )


def add_detail(parent: Element, name: str, value: str) -> None:
    """A ParticipantObjectDetail; the value is base64 of its UTF-8 (SOLE-040)."""
    SubElement(parent, "ParticipantObjectDetail", {"type": clean(name), "value": encoded(value)})


def encoded(value: str) -> str:
    """Base64 of the UTF-8 of a text."""
    return base64.b64encode(clean(value).encode()).decode()


def moment(at: datetime) -> str:
    """EventDateTime: UTC with its zone, milliseconds or finer (SOLE-025).

    Raises:
        ValueError: when the moment carries no zone.
    """
    if at.tzinfo is None:
        raise ValueError("an event's time is timezone-aware")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def begin(identification: EventCode, action: str, at: datetime, outcome: Outcome) -> tuple[Element, Element]:
    """The root and its EventIdentification with EventID."""
    root = Element("AuditMessage")
    attributes = {
        "EventActionCode": action,
        "EventDateTime": moment(at),
        "EventOutcomeIndicator": str(int(outcome)),
    }
    event = SubElement(root, "EventIdentification", attributes)
    add_code(event, "EventID", identification)
    return root, event


def add_application(root: Element, source: Source, *, requestor: bool, ae_title: str = "") -> None:
    """The reporting process as a machine participant (SOLE-031)."""
    attributes = {"UserID": clean(source.actor), "UserIsRequestor": str(requestor).lower()}
    if ae_title:
        attributes["AlternativeUserID"] = f"AETITLES={clean(ae_title)}"
    attributes |= {"NetworkAccessPointID": clean(source.host), "NetworkAccessPointTypeCode": "1"}
    participant = SubElement(root, "ActiveParticipant", attributes)
    add_code(participant, "RoleIDCode", APPLICATION)


def add_audit_source(root: Element, source: Source) -> None:
    """AuditSourceIdentification; an application server (SOLE-034)."""
    attributes = {"AuditSourceID": clean(source.identifier)}
    if source.site:
        attributes["AuditEnterpriseSiteID"] = clean(source.site)
    SubElement(SubElement(root, "AuditSourceIdentification", attributes), "AuditSourceTypeCode", {"csd-code": "4"})


def add_object(root: Element, identifier: str, id_type: EventCode, kind: str, role: str, name: str = "") -> Element:
    """A ParticipantObjectIdentification with its type and name, which may be empty but must be there (SOLE-039)."""
    attributes = {"ParticipantObjectID": clean(identifier), "ParticipantObjectTypeCode": kind}
    if role:
        attributes["ParticipantObjectTypeCodeRole"] = role
    participant = SubElement(root, "ParticipantObjectIdentification", attributes)
    add_code(participant, "ParticipantObjectIDTypeCode", id_type)
    SubElement(participant, "ParticipantObjectName").text = clean(name)
    return participant


def add_event_object(root: Element, identifier: str) -> Element:
    """The object that carries our event id (see the module's docstring)."""
    return add_object(root, f"urn:uuid:{identifier}", URI, "4", "", "event")


def as_bytes(root: Element) -> bytes:
    """The document in UTF-8, without declaration and without byte order mark (SOLE-010)."""
    return tostring(root, encoding="unicode").encode()


def encode(event: OperationalEvent, source: Source) -> bytes:
    """A SOLE event message, valid against the schema of PS3.15 2023b A.5.1.1.

    Args:
        event: what happened.
        source: who reports it.

    Returns:
        The XML document in UTF-8.

    Raises:
        KeyError: when the step or a further code is in no table.
        ValueError: when the event's time carries no zone.
    """
    root, identification = begin(EVENT_ID, "E", event.at, event.outcome)
    for code in type_codes(event):
        add_code(identification, "EventTypeCode", code)
    if event.description:
        SubElement(identification, "EventOutcomeDescription").text = clean(event.description)
    _add_participants(root, event, source)
    add_audit_source(root, source)
    _add_patient(root, event)
    objects = _add_orders(root, event)
    objects |= _add_study(root, event) | _add_workitem(root, event) | _add_algorithm(root, event)
    _add_results(root, event)
    objects["event"] = add_event_object(root, event_id(event, source))
    _add_details(objects, event.details)
    return as_bytes(root)


def type_codes(event: OperationalEvent) -> tuple[EventCode, ...]:
    """The EventTypeCodes of an event; the first one is the MSGID (SOLE-006)."""
    row = steps()[event.step]
    added = tuple(event_code(code) for code in event.codes)
    if not added and row.outcome_codes:
        added = row.outcome_codes[:1] if event.outcome is Outcome.SUCCESS else row.outcome_codes[1:]
    return (*row.codes, *added)


def _add_participants(root: Element, event: OperationalEvent, source: Source) -> None:
    part = steps()[event.step].performer if event.performer else ""
    add_application(
        root, source, requestor=part != "requestor", ae_title=event.performer if part in ("self", "") else ""
    )
    if part in ("requestor", "participant"):
        attributes = {
            "UserID": clean(event.performer),
            "AlternativeUserID": f"AETITLES={clean(event.performer)}",
            "UserIsRequestor": str(part == "requestor").lower(),
        }
        add_code(SubElement(root, "ActiveParticipant", attributes), "RoleIDCode", PERFORMING)


def _add_patient(root: Element, event: OperationalEvent) -> None:
    """The patient by identifier in CX form, never by name (SOLE-035, SOLE-043)."""
    identifier = event.thread.patient_id
    if identifier:
        add_object(root, identifier if "^" in identifier else f"{identifier}^^^", PATIENT, "1", "1")


def _add_orders(root: Element, event: OperationalEvent) -> dict[str, Element]:
    thread, objects = event.thread, {}
    numbers = (
        ("order", thread.accession_number, ACCESSION),
        ("placer order", thread.placer_order_number, PLACER),
        ("filler order", thread.filler_order_number, FILLER),
    )
    for name, number, id_type in numbers:
        if number:
            objects[name] = add_object(root, number, id_type, "2", "20", name)
    return objects


def _add_study(root: Element, event: OperationalEvent) -> dict[str, Element]:
    uid = event.thread.study_instance_uid
    return {"study": add_object(root, uid, STUDY, "2", "3", "study")} if uid else {}


def _add_workitem(root: Element, event: OperationalEvent) -> dict[str, Element]:
    uid = event.thread.workitem_uid
    if not uid:
        return {}
    workitem = add_object(root, f"urn:oid:{uid}", URI, "2", "20", "workitem")
    add_detail(workitem, "UPSInstanceUID", uid)
    return {"workitem": workitem}


def _add_algorithm(root: Element, event: OperationalEvent) -> dict[str, Element]:
    if event.algorithm is None:
        return {}
    algorithm = add_object(root, event.algorithm.name, ALGORITHM, "2", "26", event.algorithm.name)
    add_detail(algorithm, "AlgorithmVersion", event.algorithm.version)
    return {"algorithm": algorithm}


def _add_details(objects: Mapping[str, Element], details: Mapping[str, str]) -> None:
    for name, value in details.items():
        carrier = objects.get(detail_objects().get(name, ""), objects["event"])
        add_detail(carrier, name, str(value))


def _add_results(root: Element, event: OperationalEvent) -> None:
    """Result objects, described by class and instance (sole.md 4.4 result object)."""
    if not event.results:
        return
    study = event.thread.study_instance_uid
    identifier, id_type = (study, STUDY) if study else (f"urn:oid:{event.results[0].sop_instance_uid}", URI)
    result = add_object(root, identifier, id_type, "2", "3", "result")
    description = SubElement(result, "ParticipantObjectDescription")
    for sop_class, group in groupby(event.results, key=lambda one: one.sop_class_uid):
        members = list(group)
        attributes = {"UID": clean(sop_class), "NumberOfInstances": str(len(members))}
        element = SubElement(description, "SOPClass", attributes)
        for member in members:
            SubElement(element, "Instance", {"UID": clean(member.sop_instance_uid)})
