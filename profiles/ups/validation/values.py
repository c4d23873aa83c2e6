"""Which values a value representation allows (PS3.5 Table 6.2-1, PS3.18 Table F.2.3-1, ``tables/values.csv``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import isfinite
from typing import Any

from profiles.tables import read_table
from profiles.ups.requirements import requirement_of

#: What is wrong with a value, in words that do not repeat it; empty for nothing.
Check = Callable[[Any], str]
#: Said of a value that is legal, but has characters outside the default repertoire (PS3.5 section 6.1.2.1).
BEYOND_ASCII = "has characters beyond ASCII"

_CONTROLS = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"
_LINE_ENDS = r"\t\n\f\r"
#: Texts of one line and of several: the characters of ASCII, and all characters, that each may have.
_TEXTS = {
    "line": (r"[ -\[\]-~]*", rf"[^{_CONTROLS}\\]*"),
    "page": (rf"[{_LINE_ENDS} -~]*", rf"(?:[{_LINE_ENDS}]|[^{_CONTROLS}])*"),
}
_NAME_GROUPS = frozenset(("Alphabetic", "Ideographic", "Phonetic"))
_NAME_COMPONENTS = 5


@dataclass(frozen=True, slots=True)
class Representation:
    """A value representation.

    Attributes:
        vr: its two letters.
        check: tells what is wrong with one value.
        words: what a value is to be.
        source: edition, section and requirement id.
    """

    vr: str
    check: Check
    words: str
    source: str


@cache
def representations() -> dict[str, Representation]:
    """Every value representation by its two letters."""
    found = {}
    for row in read_table("profiles.ups", "values"):
        requirement = requirement_of("value", row["vr"])
        found[row["vr"]] = Representation(row["vr"], _check(row), requirement.rule, requirement.source)
    return found


def _check(row: dict[str, str]) -> Check:
    longest = int(row["longest"] or 0)
    form, pattern = row["form"], row["pattern"]
    if form in _TEXTS:
        return _text(*_TEXTS[form], longest)
    if form == "text":
        return _text(pattern, pattern, longest)
    if form == "date":
        return _dated(_text(pattern, pattern, longest))
    if form == "person":
        return _person_name(_text(*_TEXTS["line"], longest))
    if form in ("number", "integer"):
        return _number(form == "integer", pattern, longest, (row["lowest"], row["highest"]))
    return _anything  # of binary values the element is checked, of a sequence every item


def _anything(_value: Any) -> str:
    return ""


def _text(ascii_pattern: str, pattern: str, longest: int) -> Check:
    plain, legal = re.compile(ascii_pattern).fullmatch, re.compile(pattern).fullmatch
    limit = longest or float("inf")

    def check(value: Any) -> str:
        if value.__class__ is not str:
            return "is no text"
        if len(value) > limit:
            return f"has {len(value)} characters"
        if plain(value) or not value:
            return ""
        if not legal(value):
            return "has another form, or characters that may not be there"
        return "" if value.isascii() else BEYOND_ASCII

    return check


def _dated(form: Check) -> Check:
    def check(value: Any) -> str:
        return form(value) or ("" if not value or _is_on_calendar(value) else "names no day of the calendar")

    return check


def _is_on_calendar(value: str) -> bool:
    digits = value.replace("-", "+").split("+")[0]
    try:
        date(int(digits[:4]), int(digits[4:6] or 1), int(digits[6:8] or 1))
    except ValueError:
        return False
    return True


def _number(whole: bool, pattern: str, longest: int, bounds: tuple[str, str]) -> Check:
    legal = re.compile(pattern).fullmatch if pattern else None
    lowest, highest = (int(bounds[0]), int(bounds[1])) if bounds[0] else (float("-inf"), float("inf"))

    def check(value: Any) -> str:
        if isinstance(value, str) and legal:
            if not value:
                return ""
            if len(value) > longest or not legal(value):
                return "has another form"
            value = int(value) if whole else float(value)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            return "is no whole number" if whole else "is no number"
        if not lowest <= value <= highest:
            return "is out of range"
        return "" if isinstance(value, int) or isfinite(value) else "is no finite number"

    return check


def _person_name(group: Check) -> Check:
    def check(value: Any) -> str:
        if value.__class__ is not dict:
            return "is no object of name groups"
        found = ""
        for name, text in value.items():
            if name not in _NAME_GROUPS:
                return "has a group that is none of a person name"
            problem = group(text)
            if problem not in ("", BEYOND_ASCII):
                return f"has a group that {problem}"
            if "=" in text or text.count("^") >= _NAME_COMPONENTS:
                return "has a group that has another form"
            found = found or problem
        return found

    return check
