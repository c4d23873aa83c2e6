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
        algorithm: the algorithm that took part, if one did.
        results: the result objects concerned.
        details: further detail texts, by the names of sole.md 4.4 (``InstanceCount``, ``ReasonCode``, ``Priority``).
        description: what went wrong, in words, without patient data.
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
