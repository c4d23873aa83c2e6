"""The rules of ``tables/ups_rules.csv``, and what they look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from conformance.rules import Breach, Rulebook
from conformance.ups.attributes import judge_attributes, judge_final
from conformance.ups.elements import Dataset, Element, has_value, inside, is_filled, name_of, tag_of, text
from conformance.ups.moments import Moment
from conformance.ups.shape import plain
from conformance.ups.values import is_beyond_ascii, judge_values

_WALKS = ("UPS-38", "UPS-COND", "UPS-CREATE", "UPS-SET", "UPS-GET", "UPS-FIND", "UPS-FINAL")
_OF_EVENTS = {"UPS-EVENT-TYPE1", "UPS-EVENT-VR", "UPS-CANCEL-TYPE1"}
FINAL = (Moment.COMPLETED, Moment.CANCELED)


@dataclass(frozen=True)
class Workitem:
    """A dataset at a moment of its life.

    Attributes:
        dataset: as it is meant.
        moment: of its life; of what is stored in a final state, that state.
        form: ``json``, ``xml`` or ``dicom``.
        of_shape: what is wrong with its shape, by rule.
    """

    dataset: Dataset
    moment: Moment
    form: str
    of_shape: dict[str, list[Breach]]

    @classmethod
    def of(cls, raw: Any, moment: Moment, form: str) -> Workitem:
        """A dataset as it came."""
        found: dict[str, list[Breach]] = defaultdict(list)
        dataset = plain(raw, _collect(found), with_command=moment is Moment.EVENT)
        made = cls(dataset, moment, form, found)
        state = text(dataset, "ProcedureStepState").lower()
        return replace(made, moment=Moment(state)) if moment is Moment.STORED and state in FINAL else made

    @cached_property
    def breaches(self) -> dict[str, list[Breach]]:
        """What the walks along the tables found, by rule."""
        found: dict[str, list[Breach]] = defaultdict(list)
        say = _collect(found)
        judge_values(self.dataset, say, as_event=self.moment is Moment.EVENT)
        by_key = self.form == "dicom" and self.moment is Moment.FOUND
        judge_attributes(self.dataset, self.moment, say, found_by_key=by_key)
        if self.moment in FINAL:
            judge_final(self.dataset, self.moment, say)
        return found


def _collect(found: dict[str, list[Breach]]) -> Callable[[str, str, str], None]:
    return lambda rule, where, fault: found[rule].append((where, fault))


BOOK: Rulebook[Workitem] = Rulebook(
    "ups_rules",
    (
        *("any", "json", "create", "update", "stored", "answer", "found", "event", "state", "cancel"),
        *("content", "final", "completed", "canceled"),
    ),
)


def _of_shape(rule: str) -> Callable[[Workitem], Iterable[Breach]]:
    return lambda subject: subject.of_shape.get(rule, ())


def _of_tables(rule: str) -> Callable[[Workitem], Iterable[Breach]]:
    return lambda subject: subject.breaches.get(rule, ())


def _enter_walks() -> None:
    """The rules whose breaches the walks find: all but those that have functions of their own."""
    shape = {"UPS-3802", "UPS-3803", "UPS-3804", "UPS-3807", "UPS-3808"}
    for rule in BOOK.rules:
        if rule in shape or rule.startswith("UPS-JSON"):
            BOOK.rule(rule)(_of_shape(rule))
        elif rule.startswith(_WALKS) or rule in _OF_EVENTS:
            BOOK.rule(rule)(_of_tables(rule))


_enter_walks()


@BOOK.rule("UPS-CHARSET")
def _character_set(subject: Workitem) -> Iterable[Breach]:
    if not has_value(subject.dataset, "SpecificCharacterSet"):
        where = next(is_beyond_ascii(subject.dataset), "")
        if where:
            yield "SpecificCharacterSet", f"has no value, and {where} has characters beyond ASCII"


@BOOK.rule("UPS-CHARSET-UTF8")
def _utf8(subject: Workitem) -> Iterable[Breach]:
    stated = text(subject.dataset, "SpecificCharacterSet")
    if stated not in {"", "ISO_IR 192", "ISO_IR 6"} and subject.form != "dicom":
        yield "SpecificCharacterSet", "names another character set than that of the text, UTF-8"


@BOOK.rule("UPS-TXUID")
def _transaction_uid(subject: Workitem) -> Iterable[Breach]:
    yield from ((where, "is disclosed") for where, element in _transactions(subject.dataset) if is_filled(element))


@BOOK.rule("UPS-TXUID-EMPTY")
def _empty_transaction_uid(subject: Workitem) -> Iterable[Breach]:
    found = _transactions(subject.dataset)
    yield from ((where, "is there, though empty") for where, element in found if not is_filled(element))


def _transactions(dataset: Dataset, path: str = "") -> Iterator[tuple[str, Element]]:
    """Every Transaction UID, however deep."""
    for tag, element in dataset.items():
        if tag == tag_of("TransactionUID"):
            yield inside(path, "TransactionUID"), element
        if element["vr"] == "SQ":
            for number, found in enumerate(element.get("Value", ()), start=1):
                yield from _transactions(found, f"{inside(path, name_of(tag))}[{number}]")
