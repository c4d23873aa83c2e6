"""One operational event as a value, before it becomes an audit message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum


class Outcome(IntEnum):
    """EventOutcomeIndicator (PS3.15 A.5.2)."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8
    MAJOR_FAILURE = 12


@dataclass(frozen=True, slots=True)
class Thread:
    """The identifiers that tie one study together, from order to event. Unknown ones are empty.

    No patient name or birth date ever: only the patient id, in HL7 CX form (sole.md 3.8).
    """

    patient_id: str = ""
    accession_number: str = ""
    placer_order_number: str = ""
    filler_order_number: str = ""
    study_instance_uid: str = ""
    workitem_uid: str = ""


@dataclass(frozen=True, slots=True)
class ResultReference:
    """A stored result object."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The algorithm that took part (sole.md 4.4)."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Source:
    """Who reports.

    Attributes:
        actor: name of the actor, as in its logs; UserID of its ActiveParticipant.
        host: DNS name or address of this machine, the same in all messages (SOLE-032); HOSTNAME and
            NetworkAccessPointID.
        process: process id; PROCID.
        site: name of the organisation; AuditEnterpriseSiteID.
        instance: stays the same over restarts and moves of one installation of the actor; event ids are made from it.
    """

    actor: str
    host: str
    process: str
    site: str = ""
    instance: str = ""

    @property
    def identifier(self) -> str:
        """AuditSourceID."""
        return f"{self.actor}@{self.host}"


@dataclass(frozen=True, slots=True)
class OperationalEvent:
    """Something that happened to a study.

    Attributes:
        step: key of a row of ``tables/steps.csv``, e.g. ``inference-started``.
        at: when it happened (not when it is reported), timezone-aware.
        thread: what it happened to.
        outcome: success or one of the failures.
        occurrence: tells repeats of the same step on the same thread apart (attempt number, outbox sequence). The event
            id is made from source, step, thread and occurrence, so reporting the same occurrence again is recognised.
        performer: AE title of the performer that took part, if one did.
        person: user id of the reader that took part, if one did; never a name.
        algorithm: the algorithm that took part, if one did.
        results: the result objects concerned.
        details: further detail texts, by the names of sole.md 4.4 (``InstanceCount``, ``ReasonCode``, ``Priority``).
        description: what went wrong, in words, without patient data.
        codes: further EventTypeCodes by their code in ``tables/sole_events.csv``, e.g. ``111242`` (all algorithms
            succeeded; with findings) on ``inference-ended``.
    """

    step: str
    at: datetime
    thread: Thread
    outcome: Outcome = Outcome.SUCCESS
    occurrence: str = ""
    performer: str = ""
    algorithm: Algorithm | None = None
    results: tuple[ResultReference, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    codes: tuple[str, ...] = ()
    person: str = ""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something for the audit trail: a refusal, a start or stop, a query on the log (PS3.15 A.5.3).

    Attributes:
        kind: key of a row of ``tables/audit_events.csv``, e.g. ``request-refused``.
        at: when it happened, timezone-aware.
        outcome: of the event; of an alert, how bad it is (sole.md 6.1 notes).
        caller: who asked, where somebody did; never a secret.
        address: network address of the caller.
        target: URI of what was asked for or is the subject; a request path will do. Never with a Transaction UID.
        query: text of a query that was asked.
        description: what happened, in words, without patient data.
        occurrence: tells repeats apart.
        patient_id: whose records were used, in CX form.
        studies: Study Instance UIDs of what was used.
    """

    kind: str
    at: datetime
    outcome: Outcome = Outcome.SUCCESS
    caller: str = ""
    address: str = ""
    target: str = ""
    query: str = ""
    description: str = ""
    occurrence: str = ""
    patient_id: str = ""
    studies: tuple[str, ...] = ()
