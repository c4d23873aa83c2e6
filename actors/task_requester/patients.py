"""Patients in the order store: what was told of them is kept, and looked up when an order is worked on.

Orders keep the patient as they were told. Who that is now is asked each time, so a merge reaches every order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter
from sqlmodel import Session, col, or_, select

from actors.shared.logs import get_logger
from actors.task_requester.database import OrderEventRow, OrderRow, PatientEventRow, lock, moment
from actors.task_requester.patients_folding import (
    EVENT,
    Happened,
    Known,
    Registry,
    in_use,
    present_patient,
    told_attributes,
    trouble,
)
from actors.task_requester.settings import Settings
from profiles.hl7 import EntityIdentifier, ImagingOrder, MessageRefused
from profiles.hl7.adt import PatientAction, PatientEvent, authorized, has_authority, refused_patient, with_authority
from profiles.hl7.order import with_derived_study

Policy = Literal["map", "refuse", "ignore"]
#: Begins the note of a message that was not acted upon because of its patient.
IGNORED = "ignored: "
_ORDER = TypeAdapter(ImagingOrder)
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Registered:
    """What came of the patient events of a message.

    Attributes:
        words: for each event.
        changed: all identifiers of the patients that are others now, or known otherwise.
    """

    words: tuple[str, ...]
    changed: tuple[EntityIdentifier, ...]


def known_patient(session: Session, identifier: EntityIdentifier) -> Known:
    """What is known of the patient that an identifier names."""
    if not identifier:
        return Known(identifier, identifier)
    return Registry(_history(session, [identifier.value])).known(identifier)


def patients_of(session: Session, value: str) -> list[Known]:
    """The patients that the bare value of an identifier may name, those into whom they were merged."""
    events = _history(session, [value])
    registry = Registry(events)
    named = {one for found in events for one in (found.event.identifier, found.event.prior) if one.value == value}
    return [registry.known(one) for one in sorted({registry.node(one) for one in named}, key=str)]


def present_order(session: Session, order: ImagingOrder) -> ImagingOrder:
    """An order for its patient as known now; events keep the patient as they were told."""
    known = known_patient(session, order.patient.identifier)
    if not known.is_registered:
        return order
    patient = present_patient(order.patient, known)
    return replace(order, patient=patient, registered=told_attributes(known))


def doubt(session: Session, order: ImagingOrder, *, must_be_registered: bool) -> str:
    """Why a person has to look before anything is done for an order's patient; empty when nobody has to."""
    known = known_patient(session, order.patient.identifier)
    return trouble(order, known, must_be_registered=must_be_registered)


def register(
    session: Session, events: Sequence[PatientEvent], time: datetime, *, received_at: str, message_number: int
) -> Registered:
    """Take what a message says of patients, all of it or nothing (HL7-046).

    Args:
        session: writing; the caller ends the transaction, or rolls back when this raises.
        events: in their order.
        time: when it happened, timezone-aware.
        received_at: when it was received.
        message_number: of the message.

    Raises:
        MessageRefused: code 204 or 205 when a merge or a changed identifier cannot be (HL7-045, HL7-049).
    """
    lock(session, {f"patient:{one.value}" for event in events for one in (event.identifier, event.prior) if one})
    words: list[str] = []
    changed: dict[EntityIdentifier, None] = {}
    for event in events:
        found = Happened(moment(time), event)
        named = [one for one in (event.identifier, event.prior) if one]
        history = _history(session, [one.value for one in named])
        before = Registry(history)
        _require_possible(session, before, found)
        if found in history:
            words.append("known already; nothing changed")
            continue
        _append(session, found, received_at, message_number)
        after = Registry([*history, found])
        differs = {one: None for name in named for one in _changed(before.known(name), after.known(name))}
        changed |= differs
        words.append(_words(event) if differs else "known already; nothing changed")
    return Registered(tuple(words), tuple(changed))


def retired(session: Session, named: Iterable[tuple[EntityIdentifier, datetime]], policy: Policy) -> str:
    """What is to be noted about identifiers that were merged away before they were used (HL7-047).

    Args:
        session: reads.
        named: identifiers with the time at which they were used.
        policy: ``map`` them to the survivor, ``refuse`` the message, or ``ignore`` it.

    Returns:
        A note; empty when all identifiers are valid.

    Raises:
        MessageRefused: code 204, when the site wants that.
    """
    for identifier, time in named:
        known = known_patient(session, identifier)
        if not known.gone_since or known.gone_since >= moment(time):
            continue
        if policy == "refuse":
            words = "The patient identifier was merged into another one before."
            raise MessageRefused([refused_patient("PID-3", words, "HL7-047", code=204)])
        return f"{IGNORED * (policy == 'ignore')}the patient identifier was merged into another one before"
    return ""


def filled_in(order: ImagingOrder, settings: Settings) -> ImagingOrder:
    """An order with what its sender leaves unsaid and the site knows: patient authority, a UID for its study."""
    patient = with_authority(order.patient, order.sender, settings.patient_authorities)
    _warn(order.patient.identifier, patient.identifier, order.sender)
    order = order if patient is order.patient else replace(order, patient=patient)
    return with_derived_study(order) if settings.of(order.sender).missing_study_uid == "derive" else order


def event_with_authority(event: PatientEvent, sender: str, authorities: Mapping[str, str]) -> PatientEvent:
    """A patient event whose identifiers have the configured authority where the sender names none."""
    identifier, prior = (authorized(one, sender, authorities) for one in (event.identifier, event.prior))
    _warn(event.identifier, identifier, sender)
    return replace(event, identifier=identifier, prior=prior)


def told_by_order(order: ImagingOrder) -> PatientEvent:
    """What an order says of its patient, for senders whose orders are as good as ADT (HL7-050)."""
    patient = order.patient
    return PatientEvent(
        PatientAction.UPDATE,
        patient.identifier,
        others=patient.other_identifiers,
        name=patient.name or None,
        birth_date=patient.birth_date or None,
        sex=patient.sex or None,
    )


def _warn(sent: EntityIdentifier, taken: EntityIdentifier, sender: str) -> None:
    if sent and not has_authority(sent):
        _log.warning("identifier-without-authority", sender=sender, taken=taken.namespace or taken.universal_id)


def _history(session: Session, values: Iterable[str]) -> list[Happened]:
    """All events of the patients that identifiers of these values name: links are followed in both directions."""
    rows: dict[int, PatientEventRow] = {}
    todo, done = set(values), set[str]()
    while todo:
        wanted = or_(col(PatientEventRow.patient_id).in_(todo), col(PatientEventRow.prior_id).in_(todo))
        found = session.exec(select(PatientEventRow).where(wanted)).all()
        rows |= {row.number or 0: row for row in found}
        done |= todo
        todo = {value for row in found for value in (row.patient_id, row.prior_id) if value} - done
    return [Happened(row.event_time, EVENT.validate_json(row.content)) for row in rows.values()]


def _require_possible(session: Session, registry: Registry, found: Happened) -> None:
    against = registry.against(found)
    if against is None and found.event.action is PatientAction.CHANGE and not registry.has_link(found.event):
        against = in_use() if _has_orders(session, found.event.identifier, found.time) else None
    if against:
        raise MessageRefused([against])


def _has_orders(session: Session, identifier: EntityIdentifier, before: str) -> bool:
    numbers = select(OrderRow.number).where(OrderRow.patient_id == identifier.value)
    earlier = select(OrderEventRow).where(
        col(OrderEventRow.order_number).in_(numbers), OrderEventRow.event_time < before
    )
    return any(
        _ORDER.validate_json(row.content).patient.identifier.same_as(identifier) for row in session.exec(earlier)
    )


def _append(session: Session, found: Happened, received_at: str, message_number: int) -> None:
    event = found.event
    session.add(
        PatientEventRow(
            message_number=message_number,
            patient_id=event.identifier.value,
            prior_id=event.prior.value,
            event_time=found.time,
            received_at=received_at,
            content=EVENT.dump_json(event).decode(),
        )
    )
    session.flush()


def _changed(before: Known, after: Known) -> tuple[EntityIdentifier, ...]:
    if before.as_orders_see() == after.as_orders_see():
        return ()
    return tuple(dict.fromkeys((*before.identifiers, *after.identifiers)))


def _words(event: PatientEvent) -> str:
    words = {
        PatientAction.UPDATE: "patient updated",
        PatientAction.MERGE: "patients merged",
        PatientAction.CHANGE: "patient identifier changed",
    }
    return words[event.action]
