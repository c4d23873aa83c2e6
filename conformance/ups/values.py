"""Values by their representation (PS3.5 section 6.2), ``profiles/ups/tables/values.csv``, and enumerated ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR

from conformance.ups.elements import Dataset, Element, inside, name_of
from conformance.ups.shape import Say
from profiles.tables import read_table

_CONTROL = re.compile(r"[\x00-\x1a\x1c-\x1f\x7f\\]")
_CONTROL_OF_PAGES = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_NAME_GROUPS = {"Alphabetic", "Ideographic", "Phonetic"}
_NAME_COMPONENTS = 5
_NOT_FINITE = {"NaN", "inf", "-inf", "Infinity", "-Infinity"}
_A_FEW = 8
_TERM = re.compile("[A-Z0-9_ ]{1,16}")
EXAMPLE = {"InputReadinessState": "US", "ProcedureStepState": "LT"}
"""Representations that a published example of an event gives wrongly (PS3.18 2024e section 11.13)."""


@dataclass(frozen=True, slots=True)
class Form:
    """One row: how values of a representation look."""

    id: str
    vr: str
    form: str
    pattern: re.Pattern[str] | None
    longest: int
    lowest: int | None
    highest: int | None

    def fault(self, value: Any) -> str:
        """What is wrong with a value; empty when nothing is."""
        return "" if value is None or value == "" else _FAULTS[self.form](self, value)


def _text(form: Form, value: Any) -> str:
    if not isinstance(value, str):
        return "is no text"
    if form.longest and len(value) > form.longest:
        return f"has {len(value)} characters; {form.vr} allows {form.longest}"
    return "" if form.pattern is None or form.pattern.fullmatch(value) else f"is not of the form of {form.vr}"


def _controlled(pattern: re.Pattern[str]) -> Callable[[Form, Any], str]:
    def fault(form: Form, value: Any) -> str:
        wrong = _text(form, value)
        if not wrong and pattern.search(value):
            return f"has a character that {form.vr} does not allow"
        return wrong

    return fault


def _date(form: Form, value: Any) -> str:
    wrong = _text(form, value)
    if wrong:
        return wrong
    year, month, day = value[:4], value[4:6], value[6:8]
    try:
        date(int(year), int(month) if month.isdigit() else 1, int(day) if day.isdigit() and month.isdigit() else 1)
    except ValueError:
        return "is no date of the calendar"
    return ""


def _number(form: Form, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return "is no number"
    if isinstance(value, str):
        if form.pattern is None:
            return "" if value in _NOT_FINITE and form.form == "number" else "is no number"
        wrong = _text(form, value)
        if wrong or not value.strip():
            return wrong
        value = float(value)
    if form.form == "integer" and isinstance(value, float) and not value.is_integer():
        return "is no whole number"
    low, high = form.lowest, form.highest
    if (low is not None and value < low) or (high is not None and value > high):
        return f"is outside the range of {form.vr}"
    return ""


def _person(form: Form, value: Any) -> str:
    if not isinstance(value, dict):
        return "is no object of name groups"
    if set(value) - _NAME_GROUPS or not all(isinstance(group, str) for group in value.values()):
        return "has something besides Alphabetic, Ideographic and Phonetic texts"
    for group in value.values():
        if "=" in group or _CONTROL.search(group):
            return "has a character that PN does not allow"
        if len(group) > form.longest or group.count("^") >= _NAME_COMPONENTS:
            return "has a name group of more than five components or 64 characters"
    return ""


def _binary(_form: Form, _value: Any) -> str:
    return "has a Value; its bytes belong into InlineBinary"


def _item(_form: Form, value: Any) -> str:
    return "" if isinstance(value, dict) else "is no dataset"


_FAULTS: dict[str, Callable[[Form, Any], str]] = {
    "text": _text,
    "line": _controlled(_CONTROL),
    "page": _controlled(_CONTROL_OF_PAGES),
    "date": _date,
    "number": _number,
    "integer": _number,
    "person": _person,
    "binary": _binary,
    "item": _item,
}


@cache
def forms() -> dict[str, Form]:
    """Every representation."""
    return {row["vr"]: _form(row) for row in read_table("profiles.ups", "values")}


def _form(row: dict[str, str]) -> Form:
    pattern = re.compile(row["pattern"]) if row["pattern"] else None
    lowest, highest = (int(row[edge]) if row[edge] else None for edge in ("lowest", "highest"))
    return Form(row["id"], row["vr"], row["form"], pattern, int(row["longest"] or 0), lowest, highest)


@cache
def enumerated() -> dict[str, tuple[str, frozenset[str]]]:
    """Requirement and terms of each attribute that has a set of them, by keyword."""
    return {
        row["keyword"]: (row["id"], frozenset(row["values"].split("|")))
        for row in read_table("profiles.ups", "enumerated")
    }


@cache
def _other_representations() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in read_table("profiles.ups", "vr_differences"):
        found.setdefault(row["keyword"], set()).add(row["vr"])
    return found


def judge_values(dataset: Dataset, say: Say, path: str = "", *, as_event: bool = False) -> None:
    """Say which elements have another representation, multiplicity or value than they may, in all items too."""
    for tag, element in dataset.items():
        name, where = name_of(tag), inside(path, name_of(tag))
        if _is_represented(tag, element, where, say, as_event and not path):
            _judge_element(tag, name, element, where, say)
        if element["vr"] == "SQ":
            for number, found in enumerate(element.get("Value", ()), start=1):
                judge_values(found, say, f"{where}[{number}]")


def _is_represented(tag: str, element: Element, where: str, say: Say, as_event: bool) -> bool:
    """Whether the values can be judged by the representation."""
    name, vr = name_of(tag), element["vr"]
    try:
        wanted = set(dictionary_VR(int(tag, 16)).split(" or "))
    except KeyError:
        return True
    if vr in wanted or vr in _other_representations().get(name, ()):
        return True
    if as_event and EXAMPLE.get(name) == vr:
        say("UPS-EVENT-VR", where, f"has vr {vr}, as a published example does; the data dictionary says CS")
    else:
        say("UPS-3805", where, f"has vr {vr}; the data dictionary says {' or '.join(sorted(wanted))}")
    return False


def _judge_element(tag: str, name: str, element: Element, where: str, say: Say) -> None:
    found = element.get("Value", [])
    if fault := _multiplicity(tag, element["vr"], len(found)):
        say("UPS-3806", where, fault)
    form = forms()[element["vr"]]
    if form.form == "item":
        return
    faults = [fault for value in found if (fault := form.fault(value))]
    if faults:
        say(form.id, where, faults[0])
    elif name in enumerated():
        rule, terms = enumerated()[name]
        for value in found:
            if isinstance(value, str) and value.strip() and value.strip() not in terms:
                say(rule, where, _wrong_term(value, terms))


def _wrong_term(value: str, terms: frozenset[str]) -> str:
    """What was found, when it looks like a term, and what was expected, when that is not a page."""
    found = f"is {value!r}" if _TERM.fullmatch(value) else "is none of the terms"
    return found if len(terms) > _A_FEW else f"{found}; expected {', '.join(sorted(terms))}"


def _multiplicity(tag: str, vr: str, count: int) -> str:
    if vr == "SQ" or not count:
        return ""
    try:
        multiplicity = dictionary_VM(int(tag, 16))
    except KeyError:
        return ""
    low, _, high = multiplicity.partition("-")
    most = int(high) if high.isdigit() else None if high else int(low)
    step = int(high[:-1]) if high.endswith("n") and high[:-1].isdigit() else 1
    if count < int(low) or (most is not None and count > most) or count % step:
        return f"has {count} values; the data dictionary allows {multiplicity}"
    return ""


def is_beyond_ascii(dataset: Dataset) -> Iterator[str]:
    """The paths of texts that are beyond ASCII, in all items."""
    for tag, element in dataset.items():
        for number, value in enumerate(element.get("Value", ()), start=1):
            if element["vr"] == "SQ":
                yield from (inside(f"{name_of(tag)}[{number}]", found) for found in is_beyond_ascii(value))
            else:
                texts = value.values() if isinstance(value, dict) else [value]
                if any(isinstance(text, str) and not text.isascii() for text in texts):
                    yield name_of(tag)
