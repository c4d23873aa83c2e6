"""Requirements that depend on other attributes of an item (PS3.4 CC.2.5.1.2, ``tables/conditions.csv``).

A condition holds in every item whose table has the attributes that it names: what is said of ``CodeValue`` holds in
every code item. Its rule is one of

- ``exactly-one``, ``any-of``: of the attributes, so many have a value;
- ``needed``: the attribute has a value when …;
- ``only``: it has a value when …, and none otherwise;
- ``barred``: it has no value when …;
- ``single``: it has no more than one value or item;
- ``undecided``: the server cannot know; the row says who does.

When: ``A`` has a value, ``!A`` has none, ``A|B`` one of them has, ``A=V`` it is V, ``^A=V`` in the item around.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from profiles.dicom import JsonDataset, tag_of
from profiles.tables import read_table

#: Whether a condition holds in an item, of which the second is the item around.
When = Callable[[JsonDataset, JsonDataset], bool]
#: The condition of Specific Character Set, which the whole dataset decides.
OTHER_TEXT = "(beyond ASCII)"


MISSING, EMPTY = "is missing", "is empty"


class Breach(NamedTuple):
    """How a condition is broken.

    Attributes:
        keyword: of the attribute that breaks it; empty for the item as a whole.
        words: what is wrong.
        key: the row of the error table for it.
    """

    keyword: str
    words: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """One row.

    Attributes:
        rule: what is asked.
        keywords: of which attributes.
        tags: theirs.
        when: whether it is asked; in words.
        holds: the same, as a function.
        source: section and edition.
        remedy: what to do.
    """

    rule: str
    keywords: tuple[str, ...]
    tags: tuple[str, ...]
    when: str
    holds: When
    source: str
    remedy: str

    def breach(self, item: JsonDataset, outer: JsonDataset) -> Breach | None:
        """How an item breaks it; None when it does not."""
        if self.rule in ("exactly-one", "any-of"):
            return self._count(item)
        due, given = self.holds(item, outer), has_value(item, self.tags[0])
        if self.rule == "barred":
            return Breach(self.keywords[0], f"has a value; {self.source} bars it here") if due and given else None
        if due and not given:
            absent, key = (EMPTY, "missing-value") if self.tags[0] in item else (MISSING, "missing-attribute")
            return Breach(self.keywords[0], f"{absent}; {self.source} wants it when {self.when}", key)
        if self.rule == "only" and given and not due and self._other_is_meant(item):
            return Breach(self.keywords[0], f"has a value; {self.source} wants it only when {self.when}")
        return None

    def _count(self, item: JsonDataset) -> Breach | None:
        count = sum(1 for tag in self.tags if has_value(item, tag))
        if count == 1 or (count and self.rule == "any-of"):
            return None
        wanted = "exactly one" if self.rule == "exactly-one" else "at least one"
        words = f"has {count or 'none'} of {', '.join(self.keywords)}; {self.source} wants {wanted}"
        return Breach("", words, "" if count else "missing-attribute")

    def _other_is_meant(self, item: JsonDataset) -> bool:
        """Whether the deciding attribute has another legal value; a missing or illegal one is found by itself."""
        keyword = self.when.partition("=")[0]
        return first(item, tag_of(keyword)) in enumerated()[keyword]


def has_value(dataset: JsonDataset, tag: str) -> bool:
    """Whether an attribute is there and not empty; true of no element that is none of DICOM JSON."""
    element = dataset.get(tag)
    return element.__class__ is dict and is_filled(element)


def is_filled(element: dict[str, Any]) -> bool:
    """Whether an element has a value: an item, or anything but null, spaces and name groups without text."""
    values = element.get("Value")
    if values.__class__ is not list:
        return "InlineBinary" in element or "BulkDataURI" in element
    for value in values:
        if value.__class__ is str:
            if value and not value.isspace():
                return True
        elif value.__class__ is not dict:
            if value is not None:
                return True
        elif element.get("vr") == "SQ" or any(value.values()):
            return True
    return False


def first(dataset: JsonDataset, tag: str) -> str:
    """The first value where it is text; else empty."""
    element = dataset.get(tag)
    values = element.get("Value") if element.__class__ is dict else None
    return values[0] if values.__class__ is list and values and isinstance(values[0], str) else ""


@cache
def enumerated() -> dict[str, tuple[str, ...]]:
    """The values that attributes may have, by keyword (``tables/enumerated.csv``)."""
    return {row["keyword"]: tuple(row["values"].split("|")) for row in read_table("profiles.ups", "enumerated")}


@cache
def conditions() -> tuple[Condition, ...]:
    """Every row of the table."""
    found = []
    for row in read_table("profiles.ups", "conditions"):
        keywords = tuple(row["attributes"].split())
        tags = tuple(tag_of(keyword) for keyword in keywords)
        when = row["when"]
        found.append(Condition(row["rule"], keywords, tags, when, _holds(when), row["source"], row["remedy"]))
    return tuple(found)


def conditions_among(keywords: Collection[str]) -> tuple[Condition, ...]:
    """The conditions of an item whose table has those keywords."""
    return tuple(one for one in conditions() if {*one.keywords, *_asked(one.when)} <= set(keywords))


def _asked(when: str) -> tuple[str, ...]:
    """The keywords of the same item that a condition looks at."""
    if when.startswith("^") or when in ("", OTHER_TEXT):
        return ()
    return tuple(when.lstrip("!").partition("=")[0].split("|"))


def _holds(when: str) -> When:
    if when in ("", OTHER_TEXT):
        return lambda _item, _outer: True
    keyword, equals, value = when.lstrip("!^").partition("=")
    if equals:
        tag = tag_of(keyword)
        if when.startswith("^"):
            return lambda _item, outer: first(outer, tag) == value
        return lambda item, _outer: first(item, tag) == value
    tags = [tag_of(one) for one in keyword.split("|")]
    if when.startswith("!"):
        return lambda item, _outer: not any(has_value(item, one) for one in tags)
    return lambda item, _outer: any(has_value(item, one) for one in tags)
