"""What holds for each sender: whom and what is let in, and what becomes of it (orders.md 7; HL7-080)."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from profiles.hl7 import Message, MessageFinding, MessageRefused

#: Every sender that is not named.
ANY_SENDER = "*"
_ENOUGH_FOR_A_SENDER = 2048


def _listed(value: object) -> object:
    """A list names senders for which nothing is otherwise."""
    return {one: {} for one in value} if isinstance(value, list | tuple) else value


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"{name!r} is no character set that Python knows") from error


#: Application and facility, joined by a bar.
Party = Annotated[str, StringConstraints(pattern=r"^[^|]+\|[^|]*$")]
Sender = Annotated[str, StringConstraints(pattern=r"^(\*|[^|]+\|[^|]*)$")]


class Receiving(BaseModel):
    """How messages are received: from everybody, or from one sender otherwise.

    Attributes:
        receivers: accepted ``application|facility`` pairs of MSH-5 and MSH-6; any when empty.
        versions: accepted versions (MSH-12); every one of HL7 v2 when empty.
        processing_ids: accepted values of MSH-11.
        max_message_bytes: longest message; of a sender it can only be less.
        default_charset: Python codec for messages that declare none and are no UTF-8.
        acknowledgments: ``original`` is one answer to every message, whatever MSH-15 and MSH-16 ask for; ``enhanced``
            gives them the answers that they ask for, which may be none.
        missing_study_uid: an order without Study Instance UID waits for images with its accession number (``wait``),
            is shown under a derived UID until then (``derive``), or is refused (AE).
        unused_events: answer to messages that are known but not acted upon: ``accept`` (AA, kept) or ``refuse`` (AR).
        reused_control_id: a control id that the sender used before for another message is processed all the same, with
            a warning (counters restart), or refused (AE).
        merged_identifiers: a patient identifier that was merged away before it was used is mapped to the survivor, with
            a warning, or its message is refused (AE) or ignored (AA, kept).
        unknown_patients: an order for a patient that no ADT told of is worked on (``accept``) or waits (``stop``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    receivers: tuple[Party, ...] = ()
    versions: tuple[str, ...] = ()
    processing_ids: tuple[str, ...] = ("P", "T", "D")
    max_message_bytes: int = Field(default=32 * 2**20, ge=1024)
    default_charset: Annotated[str, AfterValidator(_codec)] = "cp1252"
    acknowledgments: Literal["original", "enhanced"] = "original"
    missing_study_uid: Literal["wait", "derive", "refuse"] = "wait"
    unused_events: Literal["accept", "refuse"] = "accept"
    reused_control_id: Literal["process", "refuse"] = "process"
    merged_identifiers: Literal["map", "refuse", "ignore"] = "map"
    unknown_patients: Literal["accept", "stop"] = "accept"


class Otherwise(Receiving):
    """What is otherwise for one sender; the rest is as for everybody, and is not shown as its own."""

    @model_serializer(mode="wrap")
    def _what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


BySender = Annotated[dict[Sender, Otherwise], BeforeValidator(_listed)]


def sender_of(content: bytes) -> str:
    """Application and facility of MSH-3 and MSH-4, joined by a bar, before anything else of a message is read.

    MSH is ASCII in every character set that MLLP can carry.
    """
    header = content[:_ENOUGH_FOR_A_SENDER].lstrip(b"\r\n\t \0")
    fields = header.split(header[3:4], 5) if header.startswith(b"MSH") and len(header) > len(b"MSH|^") else []
    names = [field.split(header[4:5])[0].decode("ascii", "replace") for field in fields[2:4]]
    return "|".join(names) if len(names) == len(("application", "facility")) else ""


def require_parties(message: Message, senders: Mapping[str, Receiving], receivers: tuple[str, ...]) -> None:
    """Refuse a message that comes from somebody else than expected, or is for somebody else.

    Raises:
        MessageRefused: code 103.
    """
    sender = f"{message.get('MSH-3')}|{message.get('MSH-4')}"
    if senders and sender not in senders and ANY_SENDER not in senders:
        words, remedy = "This sender is not configured here.", "Add it to senders, as application|facility."
        raise _refused("MSH-3", words, remedy)
    if receivers and f"{message.get('MSH-5')}|{message.get('MSH-6')}" not in receivers:
        words, remedy = "The message is for somebody else.", "Send it there, or add its receiver to receivers."
        raise _refused("MSH-5", words, remedy)


def _refused(path: str, words: str, remedy: str) -> MessageRefused:
    rule = "HL7-080 (HL7 table 0357 code 103)"
    return MessageRefused([MessageFinding(path, words, rule, f"{remedy} See [task_requester].", 103)])
