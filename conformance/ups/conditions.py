"""Requirements that depend on other attributes of the same item, ``profiles/ups/tables/conditions.csv``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from conformance.ups.elements import Dataset, has_value, text, values
from conformance.ups.values import enumerated
from profiles.tables import read_table

_BEYOND_ASCII = "(beyond ASCII)"


class Breach(NamedTuple):
    """How a condition is broken.

    Attributes:
        rule: of the table of rules.
        keyword: of the attribute where; empty for the item as a whole.
        fault: what is wrong.
        about: the attributes whose requirements are broken.
    """

    rule: str
    keyword: str
    fault: str
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One row: its rule, of which attributes, and when it holds."""

    rule: str
    keywords: tuple[str, ...]
    when: str
    source: str

    def breaches(self, item: Dataset, around: Dataset) -> Iterator[Breach]:
        """How an item breaks it."""
        if self.rule in {"exactly-one", "any-of"}:
            yield from self._count(item)
        elif self.rule == "single":
            yield from self._single(item)
        elif self.rule == "barred":
            if _holds(self.when, item, around) and has_value(item, self.keywords[0]):
                yield self._of("UPS-COND-BARRED", f"has a value, which {self.source} bars here")
        else:
            yield from self._needed(item, around)

    def _of(self, rule: str, fault: str) -> Breach:
        return Breach(rule, self.keywords[0], fault, self.keywords[:1])

    def _count(self, item: Dataset) -> Iterator[Breach]:
        given = [keyword for keyword in self.keywords if has_value(item, keyword)]
        listed = ", ".join(self.keywords)
        if not given:
            yield Breach("UPS-COND-ANY", "", f"has none of {listed}, {self.source}", self.keywords)
        elif len(given) > 1 and self.rule == "exactly-one":
            yield Breach("UPS-COND-ONE", "", f"has {len(given)} of {listed}, {self.source}", tuple(given))

    def _single(self, item: Dataset) -> Iterator[Breach]:
        count = len(values(item, self.keywords[0]))
        if count > 1:
            yield self._of("UPS-COND-SINGLE", f"has {count} values; {self.source} allows one")

    def _needed(self, item: Dataset, around: Dataset) -> Iterator[Breach]:
        due, given = _holds(self.when, item, around), has_value(item, self.keywords[0])
        if due and not given:
            yield self._of("UPS-COND-NEEDED", f"has no value, which {self.source} wants when {self.when.lstrip('^')}")
        elif self.rule == "only" and given and not due and self._is_other_meant(item):
            yield self._of("UPS-COND-ONLY", f"has a value, which {self.source} wants only when {self.when}")

    def _is_other_meant(self, item: Dataset) -> bool:
        """Whether the deciding attribute has another term; what is missing or no term is found by itself."""
        keyword = self.when.partition("=")[0]
        return text(item, keyword) in enumerated()[keyword][1]


@cache
def conditions() -> tuple[Condition, ...]:
    """The rows that a dataset alone can break."""
    return tuple(
        Condition(row["rule"], tuple(row["attributes"].split()), row["when"], row["source"])
        for row in read_table("profiles.ups", "conditions")
        if row["rule"] != "undecided" and row["when"] != _BEYOND_ASCII
    )


@cache
def conditions_of(keywords: frozenset[str]) -> tuple[Condition, ...]:
    """Those of an item whose rows have these keywords."""
    return tuple(one for one in conditions() if {*one.keywords, *_asked(one.when)} <= keywords)


@cache
def decided(keywords: frozenset[str]) -> frozenset[str]:
    """The attributes of such an item that are there or not by a condition, whatever type their row says."""
    of_kind = (one for one in conditions_of(keywords) if one.rule in {"exactly-one", "any-of", "needed", "only"})
    return frozenset(keyword for one in of_kind for keyword in one.keywords)


def _asked(when: str) -> set[str]:
    return set() if not when or when.startswith("^") else set(when.lstrip("!").partition("=")[0].split("|"))


def _holds(when: str, item: Dataset, around: Dataset) -> bool:
    if not when:
        return True
    keyword, equals, value = when.lstrip("!^").partition("=")
    if equals:
        return text(around if when.startswith("^") else item, keyword) == value
    return any(has_value(item, one) for one in keyword.split("|")) != when.startswith("!")
