"""Whether a message can be taken: type, event, processing id, version, and the fields that this receiver needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from profiles.hl7.findings import MessageFinding, MessageRefused
from profiles.hl7.message import Message
from profiles.hl7.order import order_action, orders_from
from profiles.hl7.timestamps import parse_timestamp
from profiles.hl7.values import ImagingOrder
from profiles.tables import read_table

_OLDEST, _NEWEST = (2, 1), (2, 9)
_ALL = "*"


@cache
def _handling() -> dict[tuple[str, str], str]:
    return {(row["type"], row["event"]): row["handling"] for row in read_table("profiles.hl7", "messages")}


def message_handling(message: Message) -> str:
    """What becomes of a message (``tables/messages.csv``).

    ``order``, ``patient-update``, ``patient-merge``, ``patient-change``, ``notice`` (may tell of an order), or
    ``unused``: known, but not acted upon.
    """
    return _handling()[message.kind]


def require_acceptable(
    message: Message, processing_ids: Collection[str] = ("P", "T", "D"), versions: Collection[str] = ()
) -> None:
    """Refuse what this receiver does not take, before anything else is read of it (HL7-013).

    Args:
        message: any message.
        processing_ids: accepted values of MSH-11.
        versions: accepted values of MSH-12; every version of HL7 v2 when empty.

    Raises:
        MessageRefused: with codes 101, 200, 201, 202 or 203.
    """
    findings = _missing(message, "*", "*") or [*_unsupported(message, processing_ids, versions)]
    if findings:
        raise MessageRefused(findings)


def require_complete(message: Message, orders: Sequence[ImagingOrder]) -> None:
    """Refuse an order that lacks what its order control code needs, or whose start is no time (HL7-014, HL7-042).

    Raises:
        MessageRefused: with every fault of the message.
    """
    findings: list[MessageFinding] = []
    for number, order in enumerate(orders, 1):
        action = order_action(order.control, order.status)
        if not order.control:
            findings += _missing(message, "order", _ALL)
        elif action is None:
            findings.append(_unknown_control(order, number))
        else:
            findings += _missing(message, "order", action)
            findings += _missing_keys(order, action, number)
            findings += _no_start(message, order, number) if action in {"create", "update"} else []
    if findings:
        raise MessageRefused(list(dict.fromkeys(findings)))


def require_study(message: Message) -> None:
    """Refuse new orders that do not name their study, for sites that want it so (HL7-051).

    Raises:
        MessageRefused: code 101.
    """
    for number, order in enumerate(orders_from(message), 1):
        if order_action(order.control, order.status) == "create" and not order.study_instance_uid:
            path = "IPC-3" if message.segment("IPC") else "ZDS-1"
            remedy = "Send it, or let such orders wait for their images (missing_study_uid)."
            rule = "HL7-051 (IHE RAD TF-2 RAD-4)"
            words = "The order has no Study Instance UID."
            raise MessageRefused([MessageFinding(path, words, rule, remedy, 101, "E", number)])


def _missing(message: Message, messages: str, action: str) -> list[MessageFinding]:
    return [finding for finding in _required(messages, action) if not message.get(finding.path)]


@cache
def _required(messages: str, action: str) -> tuple[MessageFinding, ...]:
    """What is said of each field that messages of a kind need, if it is empty."""
    return tuple(
        MessageFinding(
            row["path"],
            f"{row['path']} is empty.",
            f"{row['requirement']} ({row['source']})",
            row["remedy"],
            int(row["code"]),
        )
        for row in read_table("profiles.hl7", "required_fields")
        if row["messages"] == messages and row["controls"] in {action, _ALL}
    )


def _unsupported(message: Message, processing_ids: Collection[str], versions: Collection[str]) -> list[MessageFinding]:
    kind, event = message.kind
    types = {known for known, _ in _handling()}
    if kind not in types:
        return [_finding("MSH-9.1", f"Messages of type {kind[:20]!r} are not received here.", 200)]
    if (kind, event) not in _handling():
        return [_finding("MSH-9.2", f"{kind} messages with event {event[:20]!r} are not received here.", 201)]
    if message.get("MSH-11") not in processing_ids:
        return [_finding("MSH-11", f"Only processing ids {', '.join(sorted(processing_ids))} are accepted here.", 202)]
    if not _OLDEST <= message.version[:2] <= _NEWEST:
        return [_finding("MSH-12", "This is no version of HL7 v2.", 203)]
    if versions and message.get("MSH-12") not in versions:
        return [_finding("MSH-12", f"Only versions {', '.join(sorted(versions))} are accepted of this sender.", 203)]
    return []


def _finding(path: str, message: str, code: int) -> MessageFinding:
    rule = f"HL7-013 (HL7 2.5.1 section 2.15.9, table 0357 code {code})"
    return MessageFinding(path, message, rule, "The messages taken are listed in docs/orders.md.", code)


def _unknown_control(order: ImagingOrder, number: int) -> MessageFinding:
    """ORC-1 that is not in table 0119, or a status change whose ORC-5 is not in table 0038."""
    known = order_action(order.control, "") is not None
    path, table = ("ORC-5", "0038") if known else ("ORC-1", "0119")
    value = order.status if known else order.control
    return MessageFinding(
        path,
        f"{value[:20]!r} is not in HL7 table {table}.",
        f"HL7-042 (HL7 2.5.1 section 4.5.1, table {table})",
        f"Send a code of table {table}.",
        103,
        "E",
        number,
    )


def _no_start(message: Message, order: ImagingOrder, number: int) -> list[MessageFinding]:
    """When to start is worked with, so it must be a time (HL7-056); told where the message has it."""
    if not order.start or parse_timestamp(order.start):
        return []
    places = ("TQ1-7", "ORC-7.4", "OBR-27.4", "OBR-36")
    path = next((place for place in places if message.get(place) == order.start), places[0])
    remedy = "Send YYYYMMDDHHMMSS, as far as it is known, with the offset from UTC."
    rule = "HL7-056 (HL7 2.5.1 section 2.A.22)"
    return [MessageFinding(path, "The start is no date and time.", rule, remedy, 102, "E", number)]


def _missing_keys(order: ImagingOrder, action: str, number: int) -> list[MessageFinding]:
    """An order needs a key, and a new one needs what finds its images: study or accession number."""
    rule = "HL7-014 (IHE RAD TF-2 RAD-4)"
    if not (order.placer or order.filler or order.accession or order.study_instance_uid):
        remedy = "Send a placer or filler order number (ORC-2, ORC-3), an accession number, or a Study Instance UID."
        return [MessageFinding("ORC-2", "Nothing in the message names the order.", rule, remedy, 101, "E", number)]
    if action == "create" and not (order.accession or order.study_instance_uid):
        remedy = "Send the Study Instance UID in IPC-3 or ZDS-1, or the accession number in IPC-1 or OBR-18."
        message = "Nothing in the order says to which images it belongs."
        return [MessageFinding("OBR-18", message, rule, remedy, 101, "E", number)]
    return []
