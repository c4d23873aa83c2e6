"""How an audit message is built (PS3.15 section A.5.1.1): two tables, and a walk that holds a document against them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import inf

from lxml import etree

from profiles.tables import read_table

_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_DATE_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)?"
)
_GREATEST_NUMBER = 20


@dataclass(frozen=True, slots=True)
class Misfit:
    """One place where a document is built otherwise.

    Attributes:
        rule: the rule that it breaks.
        element: where.
        attribute: of the element, or empty.
        words: what is wrong; no values.
    """

    rule: str
    element: etree._Element
    attribute: str
    words: str


@dataclass(frozen=True, slots=True)
class _Child:
    place: int
    least: int
    most: float
    rule: str


@dataclass(frozen=True, slots=True)
class _Attribute:
    required: bool
    form: str
    rule: str


@cache
def _children() -> dict[str, dict[str, _Child]]:
    """Which elements an element has, in order: ``tables/sole_elements.csv``."""
    found: dict[str, dict[str, _Child]] = {}
    for row in read_table("conformance", "sole_elements"):
        within = found.setdefault(row["element"], {})
        most = inf if row["most"] == "n" else int(row["most"])
        within[row["child"]] = _Child(len(within), int(row["least"]), most, row["rule"])
    return found


@cache
def _attributes() -> dict[str, dict[str, _Attribute]]:
    """Which attributes an element has: ``tables/sole_attributes.csv``; a row may name several elements."""
    found: dict[str, dict[str, _Attribute]] = {}
    for row in read_table("conformance", "sole_attributes"):
        for element in row["elements"].split("|"):
            attribute = _Attribute(row["required"] == "yes", row["form"], row["rule"])
            found.setdefault(element, {})[row["attribute"]] = attribute
    return found


@cache
def _texts() -> dict[str, _Attribute]:
    """Elements that hold text, and its form: rows without an attribute's name."""
    return {element: known[""] for element, known in _attributes().items() if "" in known}


def misfits(root: etree._Element) -> list[Misfit]:
    """All places where a document is built otherwise than the tables say."""
    return list(_walk(root))


def _walk(element: etree._Element) -> Iterator[Misfit]:
    yield from _attributes_of(element)
    yield from _text_of(element)
    known = _children().get(str(element.tag), {})
    counted = dict.fromkeys(known, 0)
    last = 0
    for child in element.iterchildren(tag=etree.Element):
        row = known.get(str(child.tag))
        if row is None:
            yield Misfit("SOLE-020", element, "", "has a child element that is not foreseen there")
            continue
        counted[str(child.tag)] += 1
        if row.place < last:
            yield Misfit("SOLE-021", child, "", "stands behind an element that it has to precede")
        last = max(last, row.place)
        yield from _walk(child)
    if counted.get("ParticipantObjectName") and counted.get("ParticipantObjectQuery"):
        yield Misfit("SOLE-039", element, "", "has a name and a query")
    for tag, row in known.items():
        if counted[tag] < row.least:
            yield Misfit(row.rule, element, "", f"has no {tag}")
        elif counted[tag] > row.most:
            yield Misfit(row.rule, element, "", f"has {counted[tag]} {tag}")


def _attributes_of(element: etree._Element) -> Iterator[Misfit]:
    known = _attributes().get(str(element.tag), {})
    for name in map(str, element.attrib):
        if name not in known:
            yield from _unforeseen(element, name, known)
    if element.tag == "AuditSourceTypeCode" and len({"codeSystemName", "originalText"} & set(element.attrib)) == 1:
        yield Misfit("SOLE-034", element, "", "has only one of codeSystemName and originalText")
    for name, row in known.items():
        value = element.get(name) if name else None
        if value is not None and not _fits(value, row.form):
            yield Misfit(row.rule, element, name, _WANTED.get(row.form, f"is none of {row.form.replace('|', ', ')}"))
        elif value is None and row.required:
            yield Misfit(row.rule, element, name, "is missing")


def _unforeseen(element: etree._Element, name: str, known: dict[str, _Attribute]) -> Iterator[Misfit]:
    if name.startswith(_XSI):
        yield Misfit("SOLE-020-XSI", element, "", "has an attribute of XML Schema instances")
    elif name == "code" and "csd-code" in known and "csd-code" not in element.attrib:
        return  # the name of RFC 3881: that csd-code is missing is told
    else:
        rule = "SOLE-034" if str(element.tag).startswith("AuditSource") else "SOLE-020"
        yield Misfit(rule, element, "", "has an attribute that is not foreseen there")


def _text_of(element: etree._Element) -> Iterator[Misfit]:
    row = _texts().get(str(element.tag))
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    if row is None:
        if text.strip():
            yield Misfit("SOLE-020", element, "", "holds text")
    elif not _fits(text, row.form):
        yield Misfit(row.rule, element, "", _WANTED[row.form])


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_date_time(value: str) -> bool:
    """A date-time of XML Schema; leap seconds are understood, because receivers have to cope with them (A.5.2.5)."""
    found = _DATE_TIME.fullmatch(value)
    if found is None:
        return False
    try:
        datetime.fromisoformat(f"{found['day']}T{re.sub(':60$', ':59', found['time'])}")
    except ValueError:
        return False
    return True


_FORMS: dict[str, Callable[[str], bool]] = {
    "text": lambda _value: True,
    "filled": bool,
    "boolean": lambda value: value in {"true", "false", "1", "0"},
    "integer": lambda value: re.fullmatch(r"[+-]?\d{1,20}", value) is not None,
    "base64": _is_base64,
    "dateTime": _is_date_time,
}
_WANTED = {
    "filled": "is empty",
    "boolean": "is neither true nor false",
    "integer": "is no whole number",
    "base64": "is no base64",
    "dateTime": "is no date-time",
}


def _fits(value: str, form: str) -> bool:
    """Whether a value has a form: one by name, a choice ``a|b``, or a range ``1..26``."""
    value = value.strip(" \t\r\n")
    if form in _FORMS:
        return _FORMS[form](value)
    low, dots, high = form.partition("..")
    if dots:
        return value.isascii() and value.isdecimal() and value[0] != "0" and int(low) <= int(value[:9]) <= int(high)
    return value in form.split("|")
