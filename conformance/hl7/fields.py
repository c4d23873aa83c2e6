"""Rules that are tables of fields: what HL7 and IHE require or leave out, and which tables codes are of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache

from conformance.hl7.kinds import is_old, tags
from conformance.hl7.message import Message, Segment
from conformance.hl7.orders import orders
from conformance.hl7.standard import codes_of, edition
from conformance.hl7.words import shown
from conformance.rules import Breach, Rulebook
from profiles.tables import read_table

Row = dict[str, str]
Look = Callable[[Message], Iterable[Breach]]


def required(message: Message) -> Iterator[Breach]:
    """Fields that HL7 requires and that are empty."""
    known = edition(message.version)
    for segment in message.segments:
        for number in known.required(segment.name):
            if not segment.valued(number):
                yield segment.at(number), "the field is required and empty"


def repeated(message: Message) -> Iterator[Breach]:
    """Fields that may not repeat and do."""
    known = edition(message.version)
    for segment in message.segments:
        for number in known.single(segment.name):
            if len(segment.repetitions(number)) > 1:
                yield segment.at(number), "the field may not repeat"


def by_ihe(message: Message) -> Iterator[Breach]:
    """Fields that IHE requires beyond HL7."""
    for row, segment in _judged(message, "R"):
        number = int(row["field"])
        if not segment.valued(number):
            yield segment.at(number), f"IHE requires {row['name']} ({row['source']})"


def left_out(message: Message) -> Iterator[Breach]:
    """Fields that IHE leaves out."""
    for row, segment in _judged(message, "X"):
        number = int(row["field"])
        if segment.valued(number):
            yield segment.at(number), f"IHE leaves {row['name']} out ({row['source']})"


def coded(rule: str) -> Look:
    """The function that looks whether the codes of one rule are values of their tables."""
    rows = [row for row in read_table("conformance", "hl7_codes") if row["rule"] == rule]

    def look(message: Message) -> Iterator[Breach]:
        for row in rows:
            number, component = int(row["field"]), int(row["component"])
            known = codes_of(message.version, row["table"])
            for segment in message.all(row["segment"]):
                value = segment.part(number, component).strip()
                if value and value not in known:
                    yield segment.at(number), f"{row['name']} is {shown(value)}, which is not of table {row['table']}"

    return look


def coded_rules() -> Iterator[str]:
    """The rules that are rows of the table of codes."""
    return iter(dict.fromkeys(row["rule"] for row in read_table("conformance", "hl7_codes")))


def add_coded(book: Rulebook[Message]) -> None:
    """Give a rulebook those of its rules that are rows of the table of codes."""
    for rule in coded_rules():
        if rule in book.rules:
            book.rule(rule)(coded(rule))


@cache
def _rows() -> tuple[Row, ...]:
    return tuple(read_table("conformance", "hl7_fields"))


def _judged(message: Message, usage: str) -> Iterator[tuple[Row, Segment]]:
    wanted = tags(message)
    editions = {"", "old" if is_old(message) else "recent"}
    for row in _rows():
        if row["usage"] != usage or row["editions"] not in editions:
            continue
        if row["kind"] in wanted:
            segments: Iterable[Segment] = message.segments
        elif row["kind"] in {f"new {kind}" for kind in wanted}:
            segments = (one for order in orders(message) if order.is_new for one in order.segments)
        else:
            continue
        yield from ((row, segment) for segment in segments if segment.name == row["segment"])
