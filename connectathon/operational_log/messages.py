"""Entries of the log as the messages that say the same: what the systems of a hospital would have sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from profiles.sole import message as audit
from profiles.sole.catalogue import event_code
from profiles.sole.event import Outcome, Source
from profiles.sole.syslog import SOLE_APPLICATION, compose, priority
from sole_logging.measures.entry import LogEntry

_DETAILS = {
    "Modality": "modality",
    "PlaceOfService": "place",
    "Priority": "priority",
    "ReasonCode": "reason",
    "ByteCount": "bytes",
    "InstanceCount": "instances",
}


def messages_of(entries: Iterable[LogEntry]) -> Iterator[bytes]:
    """The syslog message of each entry, without frame; entries with the same id make the same message."""
    for one in entries:
        yield compose(
            _document(one),
            pri=priority(Outcome(one.outcome)),
            at=one.at,
            hostname=one.host,
            application=SOLE_APPLICATION,
            process="1",
            message_id=one.codes[0],
        )


def _document(one: LogEntry) -> bytes:
    codes = [event_code(code) for code in one.codes]
    source = Source(one.source, one.host, "1", one.site)
    told = audit.identification(audit.EVENT_ID, codes, "E", one.at, Outcome(one.outcome), "")
    return audit.document(told, *_participants(one, source), _audit_source(one), *_objects(one))


def _participants(one: LogEntry, source: Source) -> Iterator[str]:
    yield audit.application(source, requestor=not one.person)
    if one.performer:
        names = {"UserID": one.performer, "AlternativeUserID": f"AETITLES={one.performer}", "UserIsRequestor": "false"}
        yield audit.element("ActiveParticipant", names, audit.coded("RoleIDCode", audit.PERFORMING))
    if one.person:
        names = {"UserID": one.person, "UserIsRequestor": "true"}
        yield audit.element("ActiveParticipant", names, audit.coded("RoleIDCode", audit.VERIFYING))


def _audit_source(one: LogEntry) -> str:
    attributes = {"AuditSourceID": one.source}
    if one.site:
        attributes["AuditEnterpriseSiteID"] = one.site
    return audit.element(
        "AuditSourceIdentification", attributes, audit.element("AuditSourceTypeCode", {"csd-code": "4"})
    )


def _objects(one: LogEntry) -> Iterator[str]:
    if one.accession:
        yield audit.participant_object(one.accession, audit.ACCESSION, "2", "20", audit.named("order"))
    if one.study:
        yield audit.participant_object(one.study, audit.STUDY, "2", "3", audit.named("study"))
    if one.workitem:
        inside = (audit.named("workitem"), audit.detail("UPSInstanceUID", one.workitem))
        yield audit.participant_object(f"urn:oid:{one.workitem}", audit.URI, "2", "20", *inside)
    if one.engine:
        inside = (audit.named(one.engine), audit.detail("AlgorithmVersion", one.engine_version))
        yield audit.participant_object(one.engine, audit.ALGORITHM, "2", "26", *inside)
    details = [audit.detail(name, str(value)) for name, key in _DETAILS.items() if (value := getattr(one, key))]
    yield audit.participant_object(f"urn:uuid:{one.event_id}", audit.URI, "4", "", audit.named("event"), *details)
