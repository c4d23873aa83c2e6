"""Rules for participant objects, for what an AI's events carry and what nobody's may (sole.md 4.3 to 5.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from lxml import etree
from pydicom.sr.codedict import codes

from conformance.rules import Breach, Rulebook
from conformance.sole.reading import (
    ACCESSION,
    PATIENT,
    STUDY,
    Message,
    decoded,
    details_of,
    is_patient,
    path_of,
    type_of,
)
from profiles.tables import read_table

OBJECTS: Rulebook[Message] = Rulebook("sole_rules", ["any-objects", "sole-objects", "audit-objects"])

_LOCATIONS = ("SOLE51", "SOLE52")
_NO_PHI = re.compile(r"(?i)patient'?s?[ _-]?(name|birth[ _-]?date)|report[ _-]?text|date[ _-]?of[ _-]?birth")
_TRANSACTION = re.compile(r"(?i)(?:0008,?1195|transaction[ _-]?uid)[^.]{0,60}?(?<![0-9.])[0-2](?:\.[0-9]+){2,}")
_ALGORITHM_OUTCOMES = frozenset({"111241", "111242", "111243", "111244", "111245"})
_NONE_SUCCEEDED = "111245"


@OBJECTS.rule("SOLE-035")
def _patient(message: Message) -> Iterator[Breach]:
    for one in filter(is_patient, message.objects):
        if not type_of(one).is_one(PATIENT, "DCM"):
            yield f"{path_of(one)}/ParticipantObjectIDTypeCode", "is not (121025, DCM) for the patient"
        elif _typed(one) != ("1", "1"):
            yield path_of(one), "is the patient and not of type 1 and role 1"
        elif "^" not in one.get("ParticipantObjectID", ""):
            yield f"{path_of(one)}@ParticipantObjectID", "is not in HL7 CX form"


@OBJECTS.rule("SOLE-036")
def _patient_number(message: Message) -> Iterator[Breach]:
    for one in filter(is_patient, message.objects):
        if not type_of(one).is_one("2", "RFC-3881", "RFC 3881", "RFC3881"):
            yield f"{path_of(one)}/ParticipantObjectIDTypeCode", "is not (2, RFC-3881) for the patient"


@OBJECTS.rule("SOLE-037")
def _order_and_study(message: Message) -> Iterator[Breach]:
    for one in message.objects:
        for value, wanted, words in ((ACCESSION, ("2", "20"), "an order"), (STUDY, ("2", "3"), "a study")):
            if type_of(one).is_one(value, "DCM") and _typed(one) != wanted:
                yield path_of(one), f"is {words} and not of type {wanted[0]} and role {wanted[1]}"


@OBJECTS.rule("SOLE-038")
def _location(message: Message) -> Iterator[Breach]:
    for one in message.objects:
        named = type_of(one).value in _LOCATIONS
        if not named and _typed(one) != ("3", "2"):
            continue
        details = dict(details_of(one))
        if not named:
            yield f"{path_of(one)}/ParticipantObjectIDTypeCode", "is neither SOLE51 nor SOLE52 for a location"
        elif _typed(one) != ("3", "2"):
            yield path_of(one), "is a location and not of type 3 and role 2"
        elif not (details.get("Location") and details.get("Location-encoding")):
            yield path_of(one), "lacks the details Location and Location-encoding"


@OBJECTS.rule("SOLE-042")
def _one_patient(message: Message) -> Iterator[Breach]:
    patients = [one for one in message.objects if is_patient(one)]
    if len(patients) > 1 and message.event_id.value not in {
        "110106",
        "110107",
    }:  # export and import may tell of several
        yield path_of(patients[1]), f"{len(patients)} patients are in one message"


@OBJECTS.rule("SOLE-043")
def _no_demographics(message: Message) -> Iterator[Breach]:
    for one in message.objects:
        if is_patient(one) and (one.findtext("ParticipantObjectName") or "").strip():
            yield f"{path_of(one)}/ParticipantObjectName", "of the patient is not empty"
        for detail in one.findall("ParticipantObjectDetail"):
            if _NO_PHI.search(detail.get("type", "")):
                yield path_of(detail), "tells more of the patient than identifiers"


@OBJECTS.rule("SOLE-044")
def _no_transaction_uid(message: Message) -> Iterator[Breach]:
    for element in () if message.root is None else message.root.iter(etree.Element):
        texts = [*(f"{name}={element.get(name)}" for name in map(str, element.attrib)), element.text or ""]
        if element.tag == "ParticipantObjectDetail":
            texts = [f"{element.get('type', '')}={decoded(element.get('value', ''))}"]
        elif element.tag == "ParticipantObjectQuery":
            texts = [decoded(element.text or "")]
        if any(_TRANSACTION.search(text) for text in texts):
            yield path_of(element), "holds a Transaction UID"


@dataclass(frozen=True, slots=True)
class _Told:
    """What an event of an AI carries: a row of ``tables/sole_ai_events.csv``."""

    behind: str
    algorithm: bool
    reason: str
    thread: bool
    workitem: bool


@cache
def _ai_events() -> dict[str, _Told]:
    return {
        row["code"]: _Told(
            row["behind"], row["algorithm"] == "yes", row["reason"], row["thread"] == "yes", row["workitem"] == "yes"
        )
        for row in read_table("conformance", "sole_ai_events")
    }


def _ai_rows(message: Message) -> list[_Told]:
    return [_ai_events()[code.value] for code in message.event_types if code.value in _ai_events()]


@OBJECTS.rule("SOLE-077")
def _algorithm(message: Message) -> Iterator[Breach]:
    told_codes = [code.value for code in message.event_types]
    algorithms = [one for one in message.objects if type_of(one).is_one("111001", "DCM")]
    for told in _ai_rows(message):
        if told.behind and told.behind != told_codes[0]:
            yield "AuditMessage/EventIdentification", f"has an added code that stands behind {told.behind}"
        if told.algorithm and not any(dict(details_of(one)).get("AlgorithmVersion") for one in algorithms):
            yield "AuditMessage", "has no algorithm object with its version"
    inference = bool({"AIX121", "AIX122"} & set(told_codes))
    if algorithms and not inference and told_codes and told_codes[0] in {"SOLE114", "SOLE115"}:
        yield "AuditMessage/EventIdentification", "names an algorithm and lacks the code that tells of inference"


@OBJECTS.rule("SOLE-078")
def _algorithm_outcome(message: Message) -> Iterator[Breach]:
    told = {code.value for code in message.event_types}
    found = told & _ALGORITHM_OUTCOMES
    if "AIX122" in told and len(found) != 1:
        yield "AuditMessage/EventIdentification", f"has {len(found)} codes for how the algorithms fared"
    elif _NONE_SUCCEEDED in told and message.outcome == "0":
        yield "AuditMessage/EventIdentification@EventOutcomeIndicator", "is 0 although no algorithm succeeded"


@OBJECTS.rule("SOLE-079")
def _thread(message: Message) -> Iterator[Breach]:
    if any(told.thread for told in _ai_rows(message)):
        for value, words in ((ACCESSION, "accession number"), (STUDY, "Study Instance UID")):
            if not message.identifiers(value):
                yield "AuditMessage", f"has no object with the {words}"


@OBJECTS.rule("SOLE-079-WORKITEM")
def _workitem(message: Message) -> Iterator[Breach]:
    if any(told.workitem for told in _ai_rows(message)) and not message.workitems:
        yield "AuditMessage", "has no object with the UPS Instance UID"


@cache
def _reasons() -> frozenset[str]:
    """The codes of CID 9300 in the scheme DCM."""
    known = codes.cid9300.concepts.values()
    return frozenset(str(code.value) for code in known if code.scheme_designator == "DCM")


@OBJECTS.rule("SOLE-080")
def _reason(message: Message) -> Iterator[Breach]:
    needed = any(
        told.reason == "always" or (told.reason == "failure" and message.outcome not in {"", "0"})
        for told in _ai_rows(message)
    )
    if not needed:
        return
    told = [text.split("^") for name, text in message.details if name == "ReasonCode"]
    if not told:
        yield "AuditMessage", "has no detail ReasonCode"
    for parts in told:
        if len(parts) < 2 or not all(parts[:2]) or (parts[1] == "DCM" and parts[0] not in _reasons()):  # noqa: PLR2004
            yield "ParticipantObjectDetail (ReasonCode)", "is no code^scheme^meaning of CID 9300"


def _typed(participant: etree._Element) -> tuple[str, str]:
    """Type and role of an object."""
    return (
        participant.get("ParticipantObjectTypeCode", "").strip(),
        participant.get("ParticipantObjectTypeCodeRole", "").strip(),
    )
