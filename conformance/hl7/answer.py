"""Rules for acknowledgements: alone, and held against the message that they answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.hl7.fields import add_coded
from conformance.hl7.kinds import is_old
from conformance.hl7.message import Message
from conformance.hl7.words import shown
from conformance.rules import Breach, Rulebook


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message and what was answered to it."""

    sent: Message
    answer: Message


ACKNOWLEDGEMENT: Rulebook[Message] = Rulebook("hl7_rules", ["ack"])
EXCHANGE: Rulebook[Exchange] = Rulebook("hl7_rules", ["pair"])

_ACCEPTED = {"AA", "CA"}
_REFUSED = {"AE", "AR", "CE", "CR"}
_ORIGINAL = {"AA", "AE", "AR"}
_PARTIES = ((3, 5), (4, 6), (5, 3), (6, 4))

add_coded(ACKNOWLEDGEMENT)


def _code(message: Message) -> str:
    segment = message.first("MSA")
    return segment.part(1).strip() if segment else ""


@ACKNOWLEDGEMENT.rule("HL7-010-TYPE")
def _of_type_ack(message: Message) -> Iterator[Breach]:
    if message.header.valued(9) and message.kind[0] != "ACK":
        yield "MSH-9", "the answer is an application's, where receivers of orders send a plain ACK"


@ACKNOWLEDGEMENT.rule("HL7-015-LAYOUT")
def _layout(message: Message) -> Iterator[Breach]:
    for segment in message.all("ERR"):
        if is_old(message) and len(segment.fields) > 2:  # noqa: PLR2004 - the name and ERR-1
            yield segment.here, f"there are fields after ERR-1, which version {message.version} does not have"


@ACKNOWLEDGEMENT.rule("HL7-015-REASON")
def _reason(message: Message) -> Iterator[Breach]:
    segment = message.first("MSA")
    said = bool(message.all("ERR")) or bool(segment and segment.valued(3))
    if _code(message) in _REFUSED and not said:
        yield "MSA", "the refusal has neither ERR nor MSA-3"


@ACKNOWLEDGEMENT.rule("HL7-015-ACCEPTED")
def _accepted(message: Message) -> Iterator[Breach]:
    if _code(message) in _ACCEPTED:
        for segment in message.all("ERR"):
            if segment.part(4) == "E":
                yield segment.at(4), f"the message is accepted ({_code(message)}), and there is an error"


@EXCHANGE.rule("HL7-010")
def _control_id(exchange: Exchange) -> Iterator[Breach]:
    segment = exchange.answer.first("MSA")
    if segment and segment.field(2) != exchange.sent.header.field(10):
        yield segment.at(2), "it is not the control id of the message"


@EXCHANGE.rule("HL7-010-PARTIES")
def _parties(exchange: Exchange) -> Iterator[Breach]:
    sent, answer = exchange.sent.header, exchange.answer.header
    for mine, theirs in _PARTIES:
        if sent.field(theirs).strip() != answer.field(mine).strip():
            yield answer.at(mine), f"it is not MSH-{theirs} of the message"


@EXCHANGE.rule("HL7-010-EVENT")
def _event(exchange: Exchange) -> Iterator[Breach]:
    answered = exchange.answer.kind[1]
    if answered and answered != exchange.sent.kind[1] and exchange.answer.kind[0] == "ACK":
        yield "MSH-9.2", "it is another event than that of the message"


@EXCHANGE.rule("HL7-010-ID")
def _own_id(exchange: Exchange) -> Iterator[Breach]:
    own = exchange.answer.header.field(10)
    if own and own == exchange.sent.header.field(10):
        yield "MSH-10", "it is the control id of the message"


@EXCHANGE.rule("HL7-010-ECHO")
def _echoed(exchange: Exchange) -> Iterator[Breach]:
    sent, answer = exchange.sent.header, exchange.answer.header
    for number in (11, 12):
        if _code(exchange.answer) != "AR" and sent.part(number) != answer.part(number):
            yield answer.at(number), f"it is {shown(answer.part(number))} and not that of the message"


@EXCHANGE.rule("HL7-010-CHARACTERS")
def _characters(exchange: Exchange) -> Iterator[Breach]:
    sent, answer = exchange.sent, exchange.answer
    if sent.by.declared[:5] != answer.by.declared[:5]:
        yield "MSH-2", "the answer has other delimiters than the message"
    if not answer.frame.content.isascii() and sent.header.field(18) != answer.header.field(18):
        yield "MSH-18", "the answer is in another character set than the message"


@EXCHANGE.rule("HL7-S8-MODE")
def _mode(exchange: Exchange) -> Iterator[Breach]:
    enhanced = exchange.sent.header.valued(15) or exchange.sent.header.valued(16)
    code = _code(exchange.answer)
    if not enhanced and code and code not in _ORIGINAL:
        yield "MSA-1", f"it is {shown(code)} in the original mode"
