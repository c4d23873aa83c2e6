"""Rules for what an audit message says: the document, the event and who took part (sole.md 4.1 to 4.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, partial

from lxml import etree

from conformance.rules import Breach, Rulebook
from conformance.sole.reading import APPLICATION, Code, Message, groups, moment, path_of, roles
from profiles.tables import read_table

DOCUMENT: Rulebook[Message] = Rulebook("sole_rules", ["document", "structure", "sole", "audit"])

_NEVER_EVENT_TYPES = {"delay-reason", "metric", "value-set-root", "participant-object-code"}
_SOLE_SCHEMES = ("IHE-RAD", "urn:ihe:rad", "IHE-SOLE")
_PRIVATE = re.compile("99.+")


def _built(rule: str, message: Message) -> Iterator[Breach]:
    for misfit in message.misfits:
        if misfit.rule == rule:
            yield path_of(misfit.element) + (f"@{misfit.attribute}" if misfit.attribute else ""), misfit.words


for _rule in [name for name, row in DOCUMENT.rules.items() if row.applies == "structure"]:
    DOCUMENT.rule(_rule)(partial(_built, _rule))


@DOCUMENT.rule("SOLE-025-ZONE")
def _zone(message: Message) -> Iterator[Breach]:
    text = message.event.get("EventDateTime", "").strip()
    if text and moment(text) is None and moment(f"{text}Z") is not None:
        yield "AuditMessage/EventIdentification@EventDateTime", "has no zone"


@DOCUMENT.rule("SOLE-030")
def _one_requestor(message: Message) -> Iterator[Breach]:
    asked = [one for one in message.participants if one.get("UserIsRequestor", "").strip() in {"true", "1"}]
    if len(asked) > 1:
        yield path_of(asked[1]), f"{len(asked)} participants have UserIsRequestor true"


@DOCUMENT.rule("SOLE-039-NEITHER")
def _named(message: Message) -> Iterator[Breach]:
    for one in message.objects:
        if one.find("ParticipantObjectName") is None and one.find("ParticipantObjectQuery") is None:
            yield path_of(one), "has neither ParticipantObjectName nor ParticipantObjectQuery"


@DOCUMENT.rule("SOLE-023")
def _event_id(message: Message) -> Iterator[Breach]:
    if not message.event_id.is_one("SOLE", *_SOLE_SCHEMES) and message.event.find("EventID") is not None:
        yield "AuditMessage/EventIdentification/EventID", "is not (SOLE, IHE-RAD)"


@DOCUMENT.rule("SOLE-024")
def _action(message: Message) -> Iterator[Breach]:
    if message.event.get("EventActionCode", "").strip() != "E":
        yield "AuditMessage/EventIdentification@EventActionCode", "is not E"


@cache
def _schemes() -> tuple[tuple[re.Pattern[str], frozenset[str]], ...]:
    """Forms of event codes and the names of their schemes: ``tables/sole_schemes.csv``."""
    return tuple(
        (re.compile(row["form"]), frozenset(row["schemes"].lower().split("|")))
        for row in read_table("conformance", "sole_schemes")
    )


def _is_event_code(code: Code) -> bool:
    return any(form.fullmatch(code.value) and code.scheme.lower() in names for form, names in _schemes())


@DOCUMENT.rule("SOLE-027")
def _event_type(message: Message) -> Iterator[Breach]:
    codes = message.event_types
    if not codes:
        yield "AuditMessage/EventIdentification", "has no EventTypeCode"
    elif not _is_event_code(codes[0]) and not _PRIVATE.fullmatch(codes[0].scheme):
        yield _at(message, 0), "is no RIDnnn of RadLex, no SOLEnnn of urn:ihe:rad, and of no private scheme"


@DOCUMENT.rule("SOLE-027-UNKNOWN")
def _known_code(message: Message) -> Iterator[Breach]:
    codes = message.event_types
    if codes and (_is_event_code(codes[0]) or _PRIVATE.fullmatch(codes[0].scheme)) and codes[0].value not in groups():
        yield _at(message, 0), "is not in the list of event codes"


@DOCUMENT.rule("SOLE-028")
def _no_value_code(message: Message) -> Iterator[Breach]:
    for place, code in enumerate(message.event_types):
        group = groups().get(code.value, ("", ""))[1]
        if group in _NEVER_EVENT_TYPES:
            yield _at(message, place), f"is a code for another purpose than events ({group})"


def _at(message: Message, place: int) -> str:
    return path_of(message.event.findall("EventTypeCode")[place])


def is_machine(participant: etree._Element) -> bool:
    """Whether an ActiveParticipant is a machine, software or application."""
    return any(role.is_one(APPLICATION, "DCM") for role in roles(participant))


@DOCUMENT.rule("SOLE-031")
def _machine(message: Message) -> Iterator[Breach]:
    for one in filter(is_machine, message.participants):
        if one.get("NetworkAccessPointTypeCode", "").strip() not in {"1", "2"}:
            yield f"{path_of(one)}@NetworkAccessPointTypeCode", "is neither 1 nor 2 for a machine"
        elif not one.get("NetworkAccessPointID", "").strip():
            yield f"{path_of(one)}@NetworkAccessPointID", "is not given for a machine"


@DOCUMENT.rule("SOLE-031-ROLE")
def _machine_role(message: Message) -> Iterator[Breach]:
    for one in message.participants:
        if one.get("NetworkAccessPointID", "").strip() and not roles(one):
            yield path_of(one), "has a network address and no RoleIDCode"


@DOCUMENT.rule("SOLE-033")
def _person(message: Message) -> Iterator[Breach]:
    for one in message.participants:
        if not one.get("NetworkAccessPointID", "").strip() and not roles(one):
            yield path_of(one), "has no RoleIDCode that says what the person did"


@cache
def _audit_events() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Allowed actions and demanded event types of security audit events: ``tables/sole_audit_events.csv``."""
    return {
        row["event"]: (frozenset(row["actions"].split("|")), frozenset(row["types"].split("|")) - {""})
        for row in read_table("conformance", "sole_audit_events")
    }


@DOCUMENT.rule("SOLE-071")
def _audit_action(message: Message) -> Iterator[Breach]:
    known = _audit_events().get(message.event_id.value)
    action = message.event.get("EventActionCode", "")
    if known and action and action not in known[0]:
        yield "AuditMessage/EventIdentification@EventActionCode", f"is none of {', '.join(sorted(known[0]))}"


@DOCUMENT.rule("SOLE-069")
def _audit_type(message: Message) -> Iterator[Breach]:
    known = _audit_events().get(message.event_id.value)
    told = {code.value for code in message.event_types}
    if known and known[1] and not told:
        yield "AuditMessage/EventIdentification", "has no EventTypeCode, which this event demands"
    elif known and known[1] and "any" not in known[1] and not told & known[1]:
        yield _at(message, 0), f"is none of {', '.join(sorted(known[1]))}"


@DOCUMENT.rule("SOLE-072")
def _audit_query(message: Message) -> Iterator[Breach]:
    asked = [one for one in message.objects if one.find("ParticipantObjectQuery") is not None]
    if message.event_id.is_one("110112", "DCM") and not asked:
        yield "AuditMessage", "tells of a query and has no ParticipantObjectQuery"
