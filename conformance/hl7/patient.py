"""Rules for patients: PID of every message of IHE, ADT and merges (RAD-1, RAD-12, ITI-30)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from conformance.hl7.fields import add_coded
from conformance.hl7.message import Message, Segment
from conformance.rules import Breach, Rulebook

PATIENT: Rulebook[Message] = Rulebook("hl7_rules", ["patient"])
ADT: Rulebook[Message] = Rulebook("hl7_rules", ["adt", "merge"])

add_coded(PATIENT)


@PATIENT.rule("HL7-055")
def _authority(message: Message) -> Iterator[Breach]:
    yield from _without_authority(message.all("PID"), 3)


@ADT.rule("HL7-045-AUTHORITY")
def _prior_authority(message: Message) -> Iterator[Breach]:
    yield from _without_authority(message.all("MRG"), 1)


def _without_authority(segments: list[Segment], number: int) -> Iterator[Breach]:
    for segment in segments:
        for text in segment.repetitions(number):
            if segment.within(text, 1) and not segment.within(text, 4, 1):
                yield segment.at(number, 4), "an identifier does not name its assigning authority"


@ADT.rule("HL7-S5-EVENT")
def _event(message: Message) -> Iterator[Breach]:
    segment = message.first("EVN")
    if segment and segment.valued(1) and segment.part(1) != message.kind[1]:
        yield segment.at(1), "it is another event than in MSH-9.2"


@ADT.rule("HL7-045")
def _merged_with_itself(message: Message) -> Iterator[Breach]:
    patient: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            patient = segment
        elif segment.name == "MRG" and patient and _identifiers(segment, 1) & _identifiers(patient, 3):
            yield segment.at(1), "the identifier that disappears is one that stays (PID-3)"


def _identifiers(segment: Segment, number: int) -> set[tuple[str, str]]:
    return {
        (segment.within(text, 1), segment.within(text, 4))
        for text in segment.repetitions(number)
        if segment.within(text, 1)
    }


@PATIENT.rule("HL7-079")
def _born_in_future(message: Message) -> Iterator[Breach]:
    """Birth dates that cannot be; the offset of a day is for the time zones."""
    limit = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y%m%d")
    for segment in message.all("PID"):
        date = segment.part(7)[:8]
        if date.isdigit() and date > limit[: len(date)]:
            yield segment.at(7), "the birth date is in the future"
