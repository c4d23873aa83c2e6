"""Rules for orders: ORM^O01, OMI^O23 and OMG^O19 (RAD-3, RAD-4, RAD-13)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from conformance.hl7.fields import add_coded, by_ihe, left_out
from conformance.hl7.kinds import names_a_study
from conformance.hl7.message import Message, Segment
from conformance.hl7.orders import Order, orders
from conformance.hl7.standard import codes_of
from conformance.hl7.words import shown
from conformance.rules import Breach, Rulebook
from profiles.tables import read_table

ORDER: Rulebook[Message] = Rulebook("hl7_rules", ["order", "omi"])
BY_IHE: Rulebook[Message] = Rulebook("hl7_rules", ["ihe"])
BY_IHE.rule("HL7-S3-IHE")(by_ihe)
BY_IHE.rule("HL7-S3-FORBIDDEN")(left_out)

_WITHOUT_PATIENT = {"CA", "OC", "DC", "OD", "HD", "RL"}
_PAIRED = {"NW", "XO", "CA", "DC", "SC"}
_TIMED = re.compile(r"T[DHLMSW]\d+")
_ACCESSION_LENGTH = 16
_UNITS = {"body weight": "kg", "body height": "m"}

add_coded(ORDER)


@ORDER.rule("HL7-S2-PATIENT")
def _patient_of_order(message: Message) -> Iterator[Breach]:
    if not _only_ends(message):
        yield from _patient_missing(message)


@ORDER.rule("HL7-S2-PATIENT-CANCEL")
def _patient_of_cancel(message: Message) -> Iterator[Breach]:
    if _only_ends(message):
        yield from _patient_missing(message)


def _only_ends(message: Message) -> bool:
    return all(order.control in _WITHOUT_PATIENT for order in orders(message))


def _patient_missing(message: Message) -> Iterator[Breach]:
    for name in ("PID", "PV1"):
        if not message.all(name):
            yield name, "the segment is missing"


@ORDER.rule("HL7-S2-TIMING")
def _timing(message: Message) -> Iterator[Breach]:
    for order in orders(message):
        if order.is_new and not order.all("TQ1"):
            yield order.segments[0].here, "the new order has no TQ1"


@ORDER.rule("HL7-014-KEY")
def _key(message: Message) -> Iterator[Breach]:
    for order in orders(message):
        placer = any(one.valued(2) for name in ("ORC", "OBR") for one in order.all(name))
        if not placer:
            other = any(_other_keys(order))
            words = "has no placer number" if other else "has no number at all by which it could be known"
            yield order.segments[0].here, f"the order {words}"


def _other_keys(order: Order) -> Iterator[bool]:
    yield from (one.valued(3) for name in ("ORC", "OBR") for one in order.all(name))
    yield from (one.valued(18) for one in order.all("OBR"))
    yield from (one.valued(1) or one.valued(3) for one in order.all("IPC"))


@ORDER.rule("HL7-014-NUMBERS")
def _same_numbers(message: Message) -> Iterator[Breach]:
    for order in orders(message):
        control, request = order.first("ORC"), order.first("OBR")
        if control is None or request is None:
            continue
        for number in (2, 3):
            valued = control.valued(number) and request.valued(number)
            if valued and control.part(number) != request.part(number):
                yield request.at(number), f"it is another number than in {control.at(number)}"


@ORDER.rule("HL7-S3-ORGANIZATION")
def _organization(message: Message) -> Iterator[Breach]:
    for order in orders(message):
        control = order.first("ORC")
        if order.is_new and control and not control.valued(17):
            yield control.at(17), "the entering organization is not named"


@ORDER.rule("HL7-042-EMPTY")
def _status_without_status(message: Message) -> Iterator[Breach]:
    for order in orders(message):
        if order.control == "SC" and not order.status:
            yield order.segments[0].at(5), "a status message does not say the status"


@ORDER.rule("HL7-S4-PAIR")
def _pair(message: Message) -> Iterator[Breach]:
    statuses = codes_of(message.version, "0038")
    for order in orders(message):
        judged = order.control in _PAIRED and order.status in statuses
        if judged and (order.control, order.status) not in _pairs():
            yield order.segments[0].at(5), f"{order.control} does not go with {order.status}"


@cache
def _pairs() -> frozenset[tuple[str, str]]:
    return frozenset((row["control"], row["status"]) for row in read_table("conformance", "hl7_pairs"))


@ORDER.rule("HL7-057")
def _priority(message: Message) -> Iterator[Breach]:
    known = codes_of(message.version, "0485")
    for name, number, component in (("TQ1", 9, 1), ("ORC", 7, 6), ("OBR", 27, 6)):
        for segment in message.all(name):
            for text in segment.repetitions(number):
                value = segment.within(text, component, 1)
                if value and value not in known and not _TIMED.fullmatch(value):
                    yield segment.at(number, component), f"the priority is {shown(value)}"


@ORDER.rule("HL7-051")
def _study(message: Message) -> Iterator[Breach]:
    """In OMI^O23 the structure requires IPC, and IPC requires the study."""
    if message.kind[0] == "OMI" or any(one.valued(1) for one in message.all("ZDS")):
        return
    if any(names_a_study(one) for one in message.all("OBX")):
        return
    if any(order.is_new for order in orders(message)):
        yield "", "neither ZDS-1 nor an OBX names the study of the new order"


@ORDER.rule("HL7-S3-ZDS")
def _study_pointer(message: Message) -> Iterator[Breach]:
    for segment in message.all("ZDS"):
        if segment.valued(1) and (segment.part(1, 3), segment.part(1, 4)) != ("Application", "DICOM"):
            yield segment.at(1), "the third and fourth component are not Application and DICOM"


@ORDER.rule("HL7-024")
def _place_of_study(message: Message) -> Iterator[Breach]:
    for segment in message.all("ZDS"):
        if any(one.name == "ORC" and one.place > segment.place for one in message.segments):
            yield segment.here, "orders follow the ZDS"


@ORDER.rule("HL7-025")
def _one_procedure(message: Message) -> Iterator[Breach]:
    """A ZDS is of the orders before it that no other ZDS is of (orders.md section 2)."""
    covered: list[Segment] = []
    for segment in message.segments:
        if segment.name == "OBR":
            covered.append(segment)
        elif segment.name == "ZDS":
            for number, name in ((18, "accession number"), (19, "Requested Procedure ID")):
                if len({one.part(number) for one in covered}) > 1:
                    yield segment.here, f"the orders that share it have different values of OBR-{number} ({name})"
            covered = []


@ORDER.rule("HL7-027")
def _one_study(message: Message) -> Iterator[Breach]:
    for order in orders(message):
        if len({one.part(3) for one in order.all("IPC")}) > 1:
            yield order.all("IPC")[0].at(3), "the IPC of one OBR name several studies"


@ORDER.rule("HL7-052")
def _accession(message: Message) -> Iterator[Breach]:
    found = [(one, 18) for one in message.all("OBR")] + [(one, 1) for one in message.all("IPC")]
    for segment, number in found:
        length = len(segment.part(number, 1, 1).strip())
        if length > _ACCESSION_LENGTH:
            yield segment.at(number), f"the accession number has {length} characters"


@ORDER.rule("HL7-S3-MODALITY")
def _modality(message: Message) -> Iterator[Breach]:
    found = [(one, 5) for one in message.all("IPC")]
    if message.kind[0] == "ORM":
        found += [(one, 24) for one in message.all("OBR")]
    for segment, number in found:
        value = segment.part(number, 1, 1).strip()
        if value and value not in _modalities():
            yield segment.at(number), f"{shown(value)} is no modality of DICOM"


@cache
def _modalities() -> frozenset[str]:
    return frozenset(row["modality"] for row in read_table("conformance", "hl7_modalities"))


@ORDER.rule("HL7-S3-BODY")
def _body(message: Message) -> Iterator[Breach]:
    for segment in message.all("OBX"):
        unit = _UNITS.get(segment.part(3, 2).strip().lower())
        if unit and segment.part(6) != unit:
            yield segment.at(6), f"the unit is not {unit}"
