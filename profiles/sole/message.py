"""Operational events as DICOM audit messages (PS3.15 2023b A.5.1.1, specialised as sole.md section 4 says).

Where our event id is: the last ParticipantObjectIdentification of every SOLE message we make has
ParticipantObjectTypeCode 4 (other), ParticipantObjectIDTypeCode (12, RFC-3881, "URI"), ParticipantObjectName ``event``
and as ParticipantObjectID the URI ``urn:uuid:<event id>``. The schema allows that, and nobody else gives it a meaning.

The document is put together as text: every event of every actor goes through here, and a tree of elements costs thrice
as much.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby

from profiles.sole.catalogue import EventCode, detail_objects, event_code, steps
from profiles.sole.event import OperationalEvent, Outcome, SecurityEvent, Source, Thread

EVENT_ID = EventCode("SOLE", "IHE-RAD", "Imaging Operational Event")
APPLICATION = EventCode("110150", "DCM", "Application")
VERIFYING = EventCode("121098", "DCM", "Verifying")
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
#: What cannot stand in an attribute as it is.
_UNPLAIN = re.compile('[\x00-\x1f"&<>\ud800-\udfff\ufffe\uffff]')
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#09;"})
_THREAD = tuple(one.name for one in fields(Thread))
#: Identifier, its type, role, what is inside.
_Known = tuple[str, EventCode, str, tuple[str, ...]]


def event_id(event: OperationalEvent | SecurityEvent, source: Source) -> str:
    """The id of an event: the same for the same occurrence of a step on the same thread from the same source."""
    kept: list[object]
    if isinstance(event, OperationalEvent):
        thread = {name: getattr(event.thread, name) for name in _THREAD}
        kept = [event.step, thread, event.occurrence, event.performer]
    else:
        kept = [event.kind, event.target, event.occurrence or str(event.at.timestamp())]
    name = json.dumps([source.instance or source.identifier, *kept], sort_keys=True)
    return str(uuid.uuid5(_NAMESPACE, name))


def clean(text: str) -> str:
    """A text as XML 1.0 can carry it: line ends as LF, characters that XML forbids replaced."""
    if not _UNPLAIN.search(text):
        return text
    return _ILLEGAL.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")


def element(tag: str, attributes: Mapping[str, str], *inside: str) -> str:
    """An element: its attributes as they are meant, what is inside as XML."""
    start = "".join([f' {name}="{_escaped(value)}"' for name, value in attributes.items()])
    content = "".join(inside)
    return f"<{tag}{start}>{content}</{tag}>" if content else f"<{tag}{start} />"


def words(text: str) -> str:
    """A text between tags."""
    if not _UNPLAIN.search(text):
        return text
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped(value: str) -> str:
    return clean(value).translate(_ESCAPED) if _UNPLAIN.search(value) else value


@lru_cache(256)
def coded(tag: str, code: EventCode) -> str:
    """A coded element (SOLE-022)."""
    return element(tag, {"csd-code": code.code, "codeSystemName": code.scheme, "originalText": code.meaning})


def detail(name: str, value: str) -> str:
    """A ParticipantObjectDetail; the value is base64 of its UTF-8 (SOLE-040)."""
    return f'<ParticipantObjectDetail type="{_escaped(name)}" value="{encoded(value)}" />'


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


def identification(
    event: EventCode, types: Iterable[EventCode], action: str, at: datetime, outcome: Outcome, description: str
) -> str:
    """EventIdentification with EventID, EventTypeCodes and what went wrong."""
    attributes = {
        "EventActionCode": action,
        "EventDateTime": moment(at),
        "EventOutcomeIndicator": str(int(outcome)),
    }
    parts = [coded("EventID", event), *[coded("EventTypeCode", code) for code in types]]
    if description:
        parts.append(element("EventOutcomeDescription", {}, words(description)))
    return element("EventIdentification", attributes, *parts)


@lru_cache(256)
def application(source: Source, *, requestor: bool, ae_title: str = "", role: EventCode | None = None) -> str:
    """The reporting process as a machine participant (SOLE-031), with its role in a transfer where it has one."""
    attributes = {"UserID": source.actor, "UserIsRequestor": str(requestor).lower()}
    if ae_title:
        attributes["AlternativeUserID"] = f"AETITLES={ae_title}"
    attributes |= {"NetworkAccessPointID": source.host, "NetworkAccessPointTypeCode": "1"}
    roles = [coded("RoleIDCode", one) for one in (role, APPLICATION) if one]
    return element("ActiveParticipant", attributes, *roles)


@lru_cache(256)
def audit_source(source: Source) -> str:
    """AuditSourceIdentification; an application server (SOLE-034)."""
    attributes = {"AuditSourceID": source.identifier}
    if source.site:
        attributes["AuditEnterpriseSiteID"] = source.site
    return element("AuditSourceIdentification", attributes, element("AuditSourceTypeCode", {"csd-code": "4"}))


@lru_cache(256)
def named(name: str) -> str:
    """The ParticipantObjectName, which may be empty but must be there unless there is a query (SOLE-039)."""
    return element("ParticipantObjectName", {}, words(name))


def participant_object(identifier: str, id_type: EventCode, kind: str, role: str, *inside: str) -> str:
    """A ParticipantObjectIdentification with the code that says what its identifier is."""
    between = _between(id_type, kind, role)
    return "".join((_OBJECT, _escaped(identifier), between, *inside, "</ParticipantObjectIdentification>"))


_OBJECT = '<ParticipantObjectIdentification ParticipantObjectID="'


@lru_cache(256)
def _between(id_type: EventCode, kind: str, role: str) -> str:
    """What stands between the identifier of an object and what is inside it."""
    roles = f' ParticipantObjectTypeCodeRole="{role}"' if role else ""
    return f'" ParticipantObjectTypeCode="{kind}"{roles}>{coded("ParticipantObjectIDTypeCode", id_type)}'


def document(*parts: str) -> bytes:
    """The document in UTF-8, without declaration and without byte order mark (SOLE-010)."""
    return element("AuditMessage", {}, *parts).encode()


def encode(event: OperationalEvent, source: Source, identifier: str = "") -> bytes:
    """A SOLE event message, valid against the schema of PS3.15 2023b A.5.1.1.

    Args:
        event: what happened.
        source: who reports it.
        identifier: its event id, where that was made before.

    Returns:
        The XML document in UTF-8.

    Raises:
        KeyError: when the step or a further code is in no table.
        ValueError: when the event's time carries no zone.
    """
    return document(
        identification(EVENT_ID, type_codes(event), "E", event.at, event.outcome, event.description),
        *_participants(event, source),
        audit_source(source),
        *_objects(event, identifier or event_id(event, source)),
    )


def type_codes(event: OperationalEvent) -> tuple[EventCode, ...]:
    """The EventTypeCodes of an event; the first one is the MSGID (SOLE-006)."""
    row = steps()[event.step]
    added = tuple(event_code(code) for code in event.codes)
    if not added and row.outcome_codes:
        added = row.outcome_codes[:1] if event.outcome is Outcome.SUCCESS else row.outcome_codes[1:]
    return (*row.codes, *added)


def _participants(event: OperationalEvent, source: Source) -> Iterator[str]:
    part = steps()[event.step].performer if event.performer else ""
    asked_by = "requestor" if part == "requestor" else "person" if event.person else "self"
    ae_title = event.performer if part in ("self", "") else ""
    yield application(source, requestor=asked_by == "self", ae_title=ae_title)
    if part in ("requestor", "participant"):
        attributes = {
            "UserID": event.performer,
            "AlternativeUserID": f"AETITLES={event.performer}",
            "UserIsRequestor": str(part == "requestor").lower(),
        }
        yield element("ActiveParticipant", attributes, coded("RoleIDCode", PERFORMING))
    if event.person:  # a reader verifies what machines made (CID 7453; SOLE-033)
        attributes = {"UserID": event.person, "UserIsRequestor": str(asked_by == "person").lower()}
        yield element("ActiveParticipant", attributes, coded("RoleIDCode", VERIFYING))


def _objects(event: OperationalEvent, identifier: str) -> Iterator[str]:
    """The objects of an event, each with the details that belong to it; those of none are the event's."""
    known = _known(event)
    details: dict[str, list[str]] = {name: [] for name in (*known, "event")}
    for name, value in event.details.items():
        carrier = detail_objects().get(name, "event")
        details[carrier if carrier in details else "event"].append(detail(name, str(value)))
    patient = event.thread.patient_id
    if patient:  # in CX form, never by name (SOLE-035, SOLE-043)
        yield participant_object(patient if "^" in patient else f"{patient}^^^", PATIENT, "1", "1", named(""))
    for name, (number, id_type, role, inside) in known.items():
        yield participant_object(number, id_type, "2", role, *inside, *details[name])
    if event.results:
        yield _results(event)
    yield participant_object(f"urn:uuid:{identifier}", URI, "4", "", named("event"), *details["event"])


def _known(event: OperationalEvent) -> dict[str, _Known]:
    """The objects that an event names, by the names that details have for them."""
    thread = event.thread
    numbers = (
        ("order", thread.accession_number, ACCESSION),
        ("placer order", thread.placer_order_number, PLACER),
        ("filler order", thread.filler_order_number, FILLER),
    )
    known: dict[str, _Known] = {
        name: (number, id_type, "20", (named(name),)) for name, number, id_type in numbers if number
    }
    if uid := thread.study_instance_uid:
        known["study"] = (uid, STUDY, "3", (named("study"),))
    if uid := thread.workitem_uid:
        known["workitem"] = (f"urn:oid:{uid}", URI, "20", (named("workitem"), detail("UPSInstanceUID", uid)))
    if algorithm := event.algorithm:
        version = detail("AlgorithmVersion", algorithm.version)
        known["algorithm"] = (algorithm.name, ALGORITHM, "26", (named(algorithm.name), version))
    return known


def _results(event: OperationalEvent) -> str:
    """Result objects, described by class and instance (sole.md 4.4 result object)."""
    study = event.thread.study_instance_uid
    identifier, id_type = (study, STUDY) if study else (f"urn:oid:{event.results[0].sop_instance_uid}", URI)
    classes = []
    for sop_class, group in groupby(event.results, key=lambda one: one.sop_class_uid):
        instances = [element("Instance", {"UID": member.sop_instance_uid}) for member in group]
        classes.append(element("SOPClass", {"UID": sop_class, "NumberOfInstances": str(len(instances))}, *instances))
    description = element("ParticipantObjectDescription", {}, *classes)
    return participant_object(identifier, id_type, "2", "3", named("result"), description)
