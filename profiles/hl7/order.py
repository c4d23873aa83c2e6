"""Orders out of messages: OMI^O23 with IPC, ORM^O01 with ZDS (IHE RAD TF-2 RAD-4, RAD-13)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache

from profiles.hl7.fields import coded, entity_identifier, entity_pair, extended_identifier, patient_name, person, plain
from profiles.hl7.findings import MessageFinding, MessageRefused
from profiles.hl7.message import Message, Segment
from profiles.hl7.timestamps import birth_date
from profiles.hl7.values import EntityIdentifier, ImagingOrder, Patient, ScheduledStep
from profiles.tables import read_table

_STUDY_CONCEPTS = ("113014", "110180")
_SEXES = ("F", "M", "O")
_COMPONENTS_OF_PROTOCOL = 4
_STUDIES = uuid.uuid5(uuid.NAMESPACE_OID, "stepwell.profiles.hl7.studies")
_PARENT, _CHILD = "PA", "CH"
_NO_SEGMENT: tuple[Segment, ...] = ()


@dataclass(slots=True)
class _Group:
    """The segments of one ORC with what follows it."""

    sequence: int
    segments: dict[str, list[Segment]] = field(default_factory=dict)
    study_uids: set[str] = field(default_factory=set)

    def first(self, name: str) -> Segment | None:
        found = self.segments.get(name)
        return found[0] if found else None

    def every(self, name: str) -> Sequence[Segment]:
        return self.segments.get(name, _NO_SEGMENT)

    @property
    def accession(self) -> EntityIdentifier:
        return entity_identifier(self.first("IPC"), 1) or entity_identifier(self.first("OBR"), 18)


def order_from(message: Message) -> ImagingOrder:
    """The first order of a message (most have one).

    Raises:
        MessageRefused: as `orders_from`.
    """
    return orders_from(message)[0]


def orders_from(message: Message, now: datetime | None = None) -> tuple[ImagingOrder, ...]:
    """The orders of a message: one per requested procedure, each with its scheduled steps.

    ORC/OBR pairs that share a Study Instance UID are the steps of one procedure (HL7-025); pairs with different ones
    are different orders (HL7-026). A ZDS speaks for every OBR before it that no ZDS spoke for yet (HL7-024).

    Args:
        message: an order message.
        now: for the plausibility of birth dates; the present when not given.

    Raises:
        MessageRefused: no ORC, an IPC or ZDS before it, or contradicting Study Instance UIDs or accession numbers.
    """
    groups = _groups(message)
    header = message.segment("MSH")
    patient = patient_of(message.segment("PID"), now or datetime.now(UTC))
    visit = message.segment("PV1")
    sender = f"{plain(header, 3)}|{plain(header, 4)}"
    orders = [_order(message, steps, patient, visit, sender) for steps in _by_procedure(groups)]
    return tuple(
        replace(order, parent=_parent(order, orders)) if order.control == _CHILD else order for order in orders
    )


def _parent(child: ImagingOrder, orders: Sequence[ImagingOrder]) -> EntityIdentifier:
    """The order that a child names itself, else the parent that comes before it in the message (HL7 2.5.1 4.5.1.8)."""
    before = [one for one in orders[: orders.index(child)] if one.control == _PARENT]
    return child.parent or (before[-1].filler or before[-1].placer if before else EntityIdentifier())


@cache
def _actions(name: str) -> dict[str, str]:
    return {row["code"]: row["action"] for row in read_table("profiles.hl7", name)}


def with_derived_study(order: ImagingOrder) -> ImagingOrder:
    """An order that names no study, with a UID that follows from its requested procedure id, else its accession number.

    The same for every message about the order (HL7-051; orders.md 6.4).
    """
    named = order.requested_procedure_id or str(order.accession)
    if order.study_instance_uid or not named:
        return order
    name = "\x1f".join((order.sender, named))
    return replace(order, derived_study_uid=f"2.25.{uuid.uuid5(_STUDIES, name).int}")


def order_action(control: str, status: str) -> str | None:
    """What an order control code with a status asks for (HL7 2.5.1 tables 0119 and 0038).

    One of ``create``, ``update``, ``status``, ``cancel``, ``hold``, ``release`` and ``note`` (kept, without effect).
    Cancel and hold decide by themselves; otherwise the status decides when it is one of cancel or hold.

    Returns:
        None when the control code, or the status that has to decide, is not in its table (0119, 0038).
    """
    action = _actions("order_control").get(control)
    if action not in {"create", "update", "status", "release"} or not status:
        return action
    by_status = _actions("order_status").get(status)
    if by_status is None:
        return None if action == "status" else action
    if by_status in {"cancel", "hold"}:
        return by_status
    return by_status if action == "status" else action


def _groups(message: Message) -> list[_Group]:
    groups: list[_Group] = []
    uncovered: list[_Group] = []
    for segment in message.segments:
        if segment.name == "ORC":
            groups.append(_Group(len(groups) + 1))
            uncovered.append(groups[-1])
        elif segment.name in {"IPC", "ZDS", "OBR"} and not groups:
            raise _refused(segment.name, f"{segment.name} comes before the first ORC.", "HL7-024", "Send ORC first.")
        if segment.name == "ZDS":
            uid = plain(segment, 1)
            for group in uncovered:
                group.study_uids |= {uid} if uid else set()
            _require_one_procedure(uncovered)
            uncovered = []
        elif groups:
            groups[-1].segments.setdefault(segment.name, []).append(segment)
    if not groups:
        raise _refused("ORC", "The order message has no ORC.", "HL7-014", "Send one ORC per order.", 101)
    for group in groups:
        group.study_uids |= {plain(segment, 3) for segment in group.every("IPC")} - {""}
        group.study_uids |= _observed_studies(group) if not group.study_uids else set()
        _require_one_study(group)
    return groups


def _observed_studies(group: _Group) -> set[str]:
    found = {plain(segment, 5) for segment in group.every("OBX") if plain(segment, 3) in _STUDY_CONCEPTS}
    return found - {""}


def _require_one_study(group: _Group) -> None:
    if len(group.study_uids) > 1:
        raise _refused(
            "IPC-3" if group.every("IPC") else "ZDS-1",
            "One order names different Study Instance UIDs.",
            "HL7-027",
            "Send one ORC/OBR group per requested procedure.",
            sequence=group.sequence,
        )
    for uid in group.study_uids:
        if not _is_uid(uid):
            path = "IPC-3" if group.every("IPC") else "ZDS-1"
            raise _refused(path, "The Study Instance UID is no UID.", "HL7-014", "See PS3.5 section 9.1.", 102)


def _require_one_procedure(covered: Sequence[_Group]) -> None:
    if len({group.accession.value for group in covered if group.accession}) > 1:
        raise _refused(
            "OBR-18",
            "One ZDS covers OBR segments with different accession numbers.",
            "HL7-024",
            "Send one message per requested procedure, or a ZDS after each OBR.",
        )


def _is_uid(value: str) -> bool:
    longest = 64
    parts = value.split(".")
    return len(value) <= longest and all(
        part.isascii() and part.isdigit() and (part == "0" or part[0] != "0") for part in parts
    )


def _by_procedure(groups: Sequence[_Group]) -> list[list[_Group]]:
    """Groups that are steps of one procedure: same study, or (without one) same order numbers; controls must agree.

    Children of one order are told apart by their numbers: each is an order of its own.
    """
    procedures: dict[tuple[str, ...], list[_Group]] = {}
    for group in groups:
        order = group.first("ORC")
        study = next(iter(group.study_uids), "")
        numbers = not study or plain(order, 1).upper() == _CHILD
        same = (study,) if not numbers else (str(_number(group, 2)), str(_number(group, 3)), group.accession.value)
        procedures.setdefault((plain(order, 1), plain(order, 5), *same), []).append(group)
    return list(procedures.values())


def _number(group: _Group, field: int) -> EntityIdentifier:
    """Placer (2) or filler (3) order number, which stand in ORC and OBR at the same place."""
    return entity_identifier(group.first("ORC"), field) or entity_identifier(group.first("OBR"), field)


def _order(
    message: Message, steps: Sequence[_Group], patient: Patient, visit: Segment | None, sender: str
) -> ImagingOrder:
    group = steps[0]
    common, request, timing = group.first("ORC"), group.first("OBR"), group.first("TQ1")
    imaging = group.first("IPC")
    return ImagingOrder(
        control=plain(common, 1).upper(),
        status=plain(common, 5).upper(),
        control_id=message.get("MSH-10"),
        sender=sender,
        transaction_time=plain(common, 9) or message.get("MSH-7"),
        placer=_number(group, 2),
        filler=_number(group, 3),
        accession=group.accession,
        requested_procedure_id=plain(imaging, 2) or plain(request, 19),
        study_instance_uid=next(iter(group.study_uids), ""),
        patient=patient,
        patient_class=plain(visit, 2),
        admission=extended_identifier(visit, 19) or extended_identifier(message.segment("PID"), 18),
        procedure=coded(request, 44) or coded(request, 4),
        steps=tuple(step for one in steps for step in _steps(one)),
        priority=_first(
            plain(timing, 9), plain(common, 7, 6), plain(request, 27, 6), plain(request, 5) if request else ""
        ),
        start=_first(plain(timing, 7), plain(common, 7, 4), plain(request, 27, 4), plain(request, 36)),
        reason=_first(plain(request, 31, 2), plain(request, 31)),
        reason_code=coded(request, 31) if plain(request, 31, 2) else None,
        requesting_physician=person(request, 16) if plain(request, 16, 2) else person(common, 12),
        referring_physician=person(visit, 8),
        requesting_service=_first(plain(common, 17, 2), plain(common, 21)),
        cancel_reason=_first(plain(common, 16, 2), plain(common, 16)),
        parent=entity_pair(common, 8, 2) or entity_pair(common, 8, 1),
        comments="\n".join(filter(None, [plain(request, 13), *(plain(note, 3) for note in group.every("NTE"))])),
    )


def _first(*values: str) -> str:
    return next((value for value in values if value), "")


def _steps(group: _Group) -> list[ScheduledStep]:
    if group.every("IPC"):
        return [
            ScheduledStep(plain(imaging, 4), _modality(plain(imaging, 5)), coded(imaging, 6), plain(imaging, 9))
            for imaging in group.every("IPC")
        ]
    request = group.first("OBR")
    if request is None:
        return []
    protocol = coded(request, 4, _COMPONENTS_OF_PROTOCOL)
    return [ScheduledStep(plain(request, 20), _modality(plain(request, 24)), protocol)]


@cache
def _modalities() -> dict[str, str]:
    return {row["code"]: row["modality"] for row in read_table("profiles.hl7", "modalities")}


def _modality(value: str) -> str:
    """OBR-24 or IPC-5 as a DICOM modality; many feeds send codes of HL7 table 0074."""
    return _modalities().get(value.upper(), value.upper())


def patient_of(segment: Segment | None, now: datetime) -> Patient:
    """The patient of a PID.

    Args:
        segment: nobody is known without it.
        now: for the plausibility of the birth date (HL7-079).
    """
    if segment is None:
        return Patient()
    count = segment.repetitions(3)
    identifiers = [extended_identifier(segment, 3, number) for number in range(1, count + 1)]
    named = [identifier for identifier in identifiers if identifier]
    sex = plain(segment, 8).upper()
    return Patient(
        identifier=named[0] if named else EntityIdentifier(),
        identifier_type=plain(segment, 3, 5),
        other_identifiers=tuple(named[1:]),
        name=patient_name(segment, 5),
        birth_date=birth_date(plain(segment, 7), now),
        sex=sex if sex in _SEXES else "",
    )


def _refused(
    path: str, message: str, requirement: str, remedy: str, code: int = 100, *, sequence: int = 1
) -> MessageRefused:
    rule = f"{requirement} (IHE RAD TF-2 RAD-4; HL7 2.5.1 table 0357)"
    return MessageRefused([MessageFinding(path, message, rule, remedy, code, "E", sequence)])
