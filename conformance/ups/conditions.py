"""Requirements that depend on other attributes of the same item, ``profiles/ups/tables/conditions.csv``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from conformance.ups.elements import Dataset, has_value, items, text, values
from profiles.tables import read_table

_BEYOND_ASCII = "(beyond ASCII)"


@dataclass(frozen=True, slots=True)
class Condition:
    """One row: its rule, of which attributes, and when it holds."""

    rule: str
    keywords: tuple[str, ...]
    when: str
    source: str

    def breaches(self, item: Dataset, around: Dataset) -> Iterator[tuple[str, str, str]]:
        """Which rule an item breaks, by which attribute (none: the item as a whole) and how."""
        if self.rule in {"exactly-one", "any-of"}:
            yield from self._count(item)
        elif self.rule == "single":
            yield from self._single(item)
        elif self.rule == "barred":
            if _holds(self.when, item, around) and has_value(item, self.keywords[0]):
                yield "UPS-COND-BARRED", self.keywords[0], f"has a value, which {self.source} bars here"
        else:
            yield from self._needed(item, around)

    def _count(self, item: Dataset) -> Iterator[tuple[str, str, str]]:
        count = sum(has_value(item, keyword) for keyword in self.keywords)
        listed = ", ".join(self.keywords)
        if not count:
            yield "UPS-COND-ANY", "", f"has none of {listed} ({self.source})"
        elif count > 1 and self.rule == "exactly-one":
            yield "UPS-COND-ONE", "", f"has {count} of {listed} ({self.source})"

    def _single(self, item: Dataset) -> Iterator[tuple[str, str, str]]:
        count = len(values(item, self.keywords[0]))
        if count > 1:
            yield "UPS-COND-SINGLE", self.keywords[0], f"has {count} values; {self.source} allows one"

    def _needed(self, item: Dataset, around: Dataset) -> Iterator[tuple[str, str, str]]:
        keyword = self.keywords[0]
        due, given = _holds(self.when, item, around), has_value(item, keyword)
        if due and not given:
            yield "UPS-COND-NEEDED", keyword, f"has no value, which {self.source} wants when {self.when.lstrip('^')}"
        elif self.rule == "only" and given and not due and text(item, self.when.partition("=")[0]):
            yield "UPS-COND-ONLY", keyword, f"has a value, which {self.source} wants only when {self.when}"


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


def performed_items(dataset: Dataset) -> list[Dataset]:
    """The items of what was performed."""
    return items(dataset, "UnifiedProcedureStepPerformedProcedureSequence")
