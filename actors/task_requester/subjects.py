"""What a message tells of, as names: these decide what is answered at once and what waits for what (decision 0010)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from actors.task_requester.inbox import SHARED
from actors.task_requester.settings import Settings
from profiles.hl7 import ImagingOrder, Message, MessageRefused, message_handling, orders_from, require_complete
from profiles.hl7.adt import PATIENT_ACTIONS, patient_events
from profiles.hl7.notices import notice_of


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message tells of.

    Attributes:
        names: of the message itself, and of the orders and patients that it tells of.
        values: the numbers and UIDs by which an order may be known already; none when it cannot be answered at once.
    """

    names: frozenset[str]
    values: frozenset[str] = frozenset()


def subject_of(message: Message, sender: str, settings: Settings, now: datetime) -> Subject:
    """What a message tells of; of one that will be refused, its control id only.

    Only a whole order can be answered at once: what ADT and notices do depends on what is known. So does an order
    whose sender is as good as ADT, or that is not taken for a patient identifier that was merged away.
    """
    names = {f"control:{sender}|{message.get('MSH-10')}"}
    try:
        handling = message_handling(message)
        if handling in PATIENT_ACTIONS:
            events = patient_events(message, now)
            named = (one.value for event in events for one in (event.identifier, event.prior) if one)
            return Subject(frozenset(names | {f"{SHARED}{value}" for value in named}))
        if handling != "order":
            notice = notice_of(message, now) if handling == "notice" else None
            return Subject(frozenset(names | (set(_named(notice.order)) if notice else set())))
        orders = orders_from(message, now)
        require_complete(message, orders)
    except MessageRefused:
        return Subject(frozenset(names))
    names |= {name for order in orders for name in _named(order)}
    depends = settings.of(sender).merged_identifiers != "map" or sender in settings.demographics_from_orders
    values = frozenset() if depends else {value for order in orders for _, value in _keys(order)}
    return Subject(frozenset(names), frozenset(values))


def content_hash(content: bytes, message: Message | None) -> str:
    """Of the content without MSH-7, which some senders renew when they send again (HL7-029)."""
    if message is not None:
        header, end, rest = content.partition(b"\r")
        fields = header.split(message.delimiters.field.encode())
        content = message.delimiters.field.encode().join(fields[:6] + fields[7:]) + end + rest
    return hashlib.sha256(content).hexdigest()


def _named(order: ImagingOrder) -> Iterator[str]:
    yield from (f"{kind}:{value}" for kind, value in _keys(order))
    if order.patient.identifier:
        yield f"{SHARED}{order.patient.identifier.value}"


def _keys(order: ImagingOrder) -> Iterator[tuple[str, str]]:
    for kind in ("filler", "placer", "accession"):
        if identifier := getattr(order, kind):
            yield kind, identifier.value
    if order.study_instance_uid:
        yield "study", order.study_instance_uid
