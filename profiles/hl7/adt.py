"""What ADT messages say of patients, as values: updates, merges, changed identifiers (RAD-12, ITI-30; orders.md 5).

An absent value keeps what is known, the null ``""`` deletes it (HL7 2.5.1 section 2.5.3; HL7-020).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from profiles.hl7.checks import message_handling
from profiles.hl7.fields import extended_identifier, patient_name, plain
from profiles.hl7.findings import MessageFinding, MessageRefused
from profiles.hl7.message import NULL, Message, Segment
from profiles.hl7.timestamps import birth_date, parse_timestamp
from profiles.hl7.values import EntityIdentifier, Patient

_SEXES = ("F", "M", "O")
_ANY_SENDER = "*"


class PatientAction(StrEnum):
    """What an event does to a patient: the ``handling`` of its message (``tables/messages.csv``)."""

    UPDATE = "patient-update"
    MERGE = "patient-merge"
    CHANGE = "patient-change"


PATIENT_ACTIONS = frozenset(str(action) for action in PatientAction)


@dataclass(frozen=True, slots=True)
class PatientEvent:
    """One thing that happened to one patient.

    Attributes:
        action: what was done.
        identifier: the primary repetition of PID-3: who it is from now on.
        prior: MRG-1 of a merge or a changed identifier: the identifier that disappears.
        others: the other repetitions of PID-3.
        name: PID-5 in DICOM form; empty when deleted, None when nothing was said.
        birth_date: PID-7 as VR DA, likewise; implausible dates say nothing (HL7-079).
        sex: PID-8, likewise; unknown (U) and other codes than F, M and O say nothing.
    """

    action: PatientAction
    identifier: EntityIdentifier
    prior: EntityIdentifier = field(default_factory=EntityIdentifier)
    others: tuple[EntityIdentifier, ...] = ()
    name: str | None = None
    birth_date: str | None = None
    sex: str | None = None


def patient_events(message: Message, now: datetime) -> tuple[PatientEvent, ...]:
    """What a message of one of the `PATIENT_ACTIONS` says: one event for each PATIENT group (HL7-046).

    Args:
        message: ADT.
        now: for the plausibility of birth dates.

    Raises:
        MessageRefused: with every fault: 101 when PID-3 or MRG-1 is missing, 205 when both are the same (HL7-045).
    """
    action = PatientAction(message_handling(message))
    groups = list(_groups(message)) if action is not PatientAction.UPDATE else [(message.segment("PID"), None)]
    findings = [found for number, group in enumerate(groups, 1) for found in _faults(action, *group, number)]
    if findings or not groups:
        raise MessageRefused(findings or [_missing("PID-3", 1)])
    return tuple(event for pid, mrg in groups for event in _events(action, pid, mrg, now))


def event_time(message: Message) -> datetime | None:
    """When it happened: EVN-6, else EVN-2, else MSH-7 (HL7 2.5.1 section 3.4.1)."""
    told = (message.get("EVN-6"), message.get("EVN-2"), message.get("MSH-7"))
    return next((moment for value in told if value and (moment := parse_timestamp(value, UTC))), None)


def with_authority(patient: Patient, sender: str, authorities: Mapping[str, str]) -> Patient:
    """The patient with the assigning authority that is configured for a sender that names none.

    Args:
        patient: of a message.
        sender: MSH-3 and MSH-4, joined by ``|``.
        authorities: by sender, or for ``*``: a namespace, or HD with ``&`` between its components.
    """
    identifier = authorized(patient.identifier, sender, authorities)
    return patient if identifier == patient.identifier else replace(patient, identifier=identifier)


def authorized(identifier: EntityIdentifier, sender: str, authorities: Mapping[str, str]) -> EntityIdentifier:
    """The identifier with the configured authority, when it has a value and no authority of its own."""
    default = authorities.get(sender) or authorities.get(_ANY_SENDER)
    if not default or not identifier or has_authority(identifier):
        return identifier
    return EntityIdentifier(identifier.value, *(*default.split("&"), "", "", "")[:3])


def has_authority(identifier: EntityIdentifier) -> bool:
    """Whether an identifier names who assigned it."""
    return bool(identifier.namespace or identifier.universal_id)


def _groups(message: Message) -> Iterator[tuple[Segment | None, Segment | None]]:
    """PID with the MRG that follows it."""
    pid: Segment | None = None
    merged: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            if pid:
                yield pid, merged
            pid, merged = segment, None
        elif segment.name == "MRG" and merged is None:
            merged = segment
    if pid:
        yield pid, merged


def _faults(action: PatientAction, pid: Segment | None, mrg: Segment | None, number: int) -> Iterator[MessageFinding]:
    stays, goes = _identifiers(pid, 3)[:1], _identifiers(mrg, 1)[:1]
    if not stays:
        yield _missing("PID-3", number)
    if action is PatientAction.UPDATE:
        return
    if not goes:
        yield _missing("MRG-1", number)
    elif stays == goes:
        yield refused_patient("MRG-1", "The prior identifier is the one that stays.", "HL7-045", number)


def refused_patient(path: str, message: str, requirement: str, number: int = 1, code: int = 205) -> MessageFinding:
    """A finding on what a message says of patients."""
    rule = f"{requirement} (IHE RAD TF-2 RAD-12; HL7 2.5.1 table 0357 code {code})"
    remedy = "A person has to look at the identifiers; nothing of the message was applied."
    return MessageFinding(path, message, rule, remedy, code, "E", number)


def _missing(path: str, number: int) -> MessageFinding:
    rule = "HL7-014 (IHE RAD TF-2 RAD-12; HL7 2.5.1 section 3.4)"
    remedy = f"Send the patient identifier with its assigning authority in {path}."
    return MessageFinding(path, f"{path} is empty.", rule, remedy, 101, "E", number)


def _events(action: PatientAction, pid: Segment | None, mrg: Segment | None, now: datetime) -> Iterator[PatientEvent]:
    identifier, *others = _identifiers(pid, 3)
    priors = [one for one in _identifiers(mrg, 1) if one not in (identifier, *others)]
    for prior in priors or [EntityIdentifier()]:
        yield PatientEvent(
            action,
            identifier,
            prior,
            tuple(others),
            _said(pid, 5, patient_name(pid, 5)),
            _said(pid, 7, birth_date(plain(pid, 7), now)),
            _said(pid, 8, sex if (sex := plain(pid, 8).upper()) in _SEXES else ""),
        )


def _identifiers(segment: Segment | None, number: int) -> list[EntityIdentifier]:
    count = segment.repetitions(number) if segment else 0
    found = [extended_identifier(segment, number, repetition) for repetition in range(1, count + 1)]
    return [one for one in found if one]


def _said(segment: Segment | None, number: int, value: str) -> str | None:
    """The value; empty when the field is the null, None when it says nothing usable."""
    if value:
        return value
    return "" if segment and segment.raw(number) == NULL else None
