"""What a message does to an order: a function from the order's state and the message's action (orders.md 4.3, 6.3)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from actors.task_requester.database import OrderState
from profiles.hl7 import EntityIdentifier, ImagingOrder

_NOT_CONTENT = ("control", "status", "control_id", "transaction_time", "cancel_reason")
_REVIEWED_AGAIN = (OrderState.NO_RULE, OrderState.REFUSED)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an order before the message.

    Attributes:
        state: where it stands.
        complete: whether a message that makes an order was seen.
        same_content: whether the message says nothing new.
        newer: whether the message is newer than the last one with an effect.
    """

    state: OrderState
    complete: bool
    same_content: bool
    newer: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of the order.

    Attributes:
        state: its new state.
        take_content: whether the message's content replaces what was known.
        effect: in words.
    """

    state: OrderState
    take_content: bool
    effect: str


def project(known: Known | None, action: str, usable: bool) -> Change:
    """Decide what a message does.

    Args:
        known: None for an order that no message has named before.
        action: of the message's order control code (`profiles.hl7.order_action`).
        usable: whether the message itself names patient and study or accession number.
    """
    if known is None:
        return _first(action, usable)
    if action == "cancel":
        return _cancel(known)
    if action in {"hold", "release"}:
        return _hold(known, action)
    if action == "status":
        return Change(known.state, False, "status noted")
    return _content(known, action)


def content_hash(order: ImagingOrder) -> str:
    """Equal for messages that say the same about an order."""
    said = {name: value for name, value in asdict(order).items() if name not in _NOT_CONTENT}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def same_order(known: ImagingOrder, order: ImagingOrder) -> bool:
    """Whether a message is about a known order: by filler number, else placer number, else accession, else study.

    Different Study Instance UIDs are different orders whatever else agrees (HL7-026): the UID never changes in RAD-13.
    """
    if known.study_instance_uid and order.study_instance_uid and known.study_instance_uid != order.study_instance_uid:
        return False
    for mine, theirs in (
        (known.filler, order.filler),
        (known.placer, order.placer),
        (known.accession, order.accession),
    ):
        if mine and theirs:
            return mine.same_as(theirs)
    return bool(known.study_instance_uid) and known.study_instance_uid == order.study_instance_uid


def other_patient(known: ImagingOrder, order: ImagingOrder) -> bool:
    """Whether a message gives a known accession number or study to another patient (HL7-053)."""
    mine, theirs = known.patient.identifier, order.patient.identifier
    if not mine or not theirs or mine.same_as(theirs):
        return False
    return _shared(known.accession, order.accession) or (
        bool(order.study_instance_uid) and known.study_instance_uid == order.study_instance_uid
    )


def _shared(mine: EntityIdentifier, theirs: EntityIdentifier) -> bool:
    return bool(mine) and mine.same_as(theirs)


def _first(action: str, usable: bool) -> Change:
    if action == "cancel":
        return Change(OrderState.CANCELED, True, "canceled before the order itself came")
    if action == "hold":
        return Change(OrderState.HELD, True, "held before the order itself came")
    if usable:
        effect = "new order" if action == "create" else "taken as a new order: no earlier message named it"
        return Change(OrderState.PENDING, True, effect)
    return Change(OrderState.INCOMPLETE, True, "kept until the order itself comes")


def _cancel(known: Known) -> Change:
    if known.state is OrderState.CANCELED:
        return Change(known.state, False, "canceled already")
    return Change(OrderState.CANCELED, False, "canceled")


def _hold(known: Known, action: str) -> Change:
    if action == "hold" and known.state in {OrderState.PENDING, OrderState.MISMATCH}:
        return Change(OrderState.HELD, False, "held")
    if action == "release" and known.state is OrderState.HELD:
        return Change(OrderState.PENDING if known.complete else OrderState.INCOMPLETE, False, "released")
    return Change(known.state, False, f"{action} noted; the order is {known.state}")


def _content(known: Known, action: str) -> Change:
    if known.state is OrderState.CANCELED:
        if action == "create" and not known.complete and known.newer:
            return Change(OrderState.PENDING, True, "ordered again after its cancellation")
        return Change(known.state, False, "canceled orders stay canceled")
    if known.state is OrderState.INCOMPLETE and action == "create":
        return Change(OrderState.PENDING, True, "the order itself came")
    if known.same_content:
        return Change(known.state, False, "known already; nothing changed")
    if not known.newer:
        return Change(known.state, False, "older than what is known; kept, without effect")
    state = OrderState.PENDING if known.state in _REVIEWED_AGAIN else known.state
    return Change(state, True, "changed")
