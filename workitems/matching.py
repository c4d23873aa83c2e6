"""Attribute matching of a search (PS3.4 C.2.2.2): universal, single value, UID list, wildcard, range, sequence."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from profiles.dicom import JsonDataset, get_all, items, text, vr_of
from profiles.errors import BadInput
from workitems.moments import UTC_OFFSET, offset_of, span, wanted_span
from workitems.names import fuzzy_name_test, name_test

WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
RANGE_VRS = frozenset({"DA", "TM", "DT"})
NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
_FREE_TEXT_VRS = frozenset({"LT", "ST", "UT"})  # spaces at their beginning count, a backslash is a character
ZONE = "TimezoneOffsetFromUTC"
Test = Callable[[Any, timedelta], bool]
"""Of one value, given the UTC offset of its dataset."""


def significant(vr: str, value: Any) -> str:
    """A value as text without the padding of its representation (PS3.5 6.2)."""
    plain = str(value).replace("\0", "")
    return plain.rstrip(" ") if vr in _FREE_TEXT_VRS else plain.strip(" ")


def is_universal(vr: str, wanted: str) -> bool:
    """Whether a key matches everything: it is empty, or nothing but stars (PS3.4 C.2.2.2.3, C.2.2.2.4)."""
    return not wanted or (vr in WILDCARD_VRS and not wanted.strip("*"))


def has_wildcard(vr: str, wanted: str) -> bool:
    """Whether a key is one of wildcard matching (PS3.4 C.2.2.2.4)."""
    return vr in WILDCARD_VRS and ("*" in wanted or "?" in wanted)


def uids_of(wanted: str) -> tuple[str, ...]:
    """The UIDs of a list, separated by commas (HTTP) or backslashes (DIMSE) (PS3.4 C.2.2.2.2)."""
    return tuple(uid for uid in (significant("UI", part) for part in re.split(r"[,\\]", wanted)) if uid)


def zone_of(dataset: JsonDataset) -> timedelta:
    """The UTC offset of a dataset's date-times that name none; UTC when it does not say (PS3.3 Table C.12-1)."""
    return offset_of(text(dataset, ZONE).strip()) or UTC_OFFSET


def wanted_zone(keys: Mapping[str, str]) -> timedelta:
    """The UTC offset of the keys' date-times that name none (PS3.18 11.9, Timezone Offset From UTC as a key).

    Raises:
        BadInput: when it is given and is none.
    """
    value = keys.get(ZONE, "").strip()
    offset = offset_of(value) if value else UTC_OFFSET
    if offset is None:
        raise BadInput(f"{ZONE} is {value!r}, which is no offset such as +0100 (PS3.3 Table C.12-1).")
    return offset


@dataclass(frozen=True, slots=True)
class Matcher:
    """Keys made ready to be compared with many datasets.

    Attributes:
        tests: by keyword, of one value.
        sequences: by keyword, of one item.
    """

    tests: tuple[tuple[str, Test], ...]
    sequences: tuple[tuple[str, Matcher], ...]

    def __call__(self, dataset: JsonDataset) -> bool:
        """Whether a dataset matches all keys."""
        return self._matches(dataset, zone_of(dataset))

    def _matches(self, dataset: JsonDataset, zone: timedelta) -> bool:
        return all(
            any(test(value, zone) for value in get_all(dataset, keyword) if value is not None)
            for keyword, test in self.tests
        ) and all(
            any(matcher._matches(item, zone) for item in items(dataset, keyword)) for keyword, matcher in self.sequences
        )


def matches(dataset: JsonDataset, keys: Mapping[str, str], *, fuzzy: bool = False) -> bool:
    """Whether a dataset matches all keys.

    Args:
        dataset: a workitem.
        keys: value by dotted keyword, e.g. ``{"ReferencedRequestSequence.AccessionNumber": "A1"}``.
        fuzzy: person names match by likeness (PS3.18 8.3.4.2).

    Raises:
        BadInput: for a key that no value could have.
    """
    return matcher(keys, fuzzy=fuzzy)(dataset)


def matcher(keys: Mapping[str, str], *, fuzzy: bool = False) -> Matcher:
    """Make keys ready; arguments and errors as of `matches`."""
    return _matcher(tuple(sorted(keys.items())), fuzzy)


@lru_cache(maxsize=256)
def _matcher(keys: tuple[tuple[str, str], ...], fuzzy: bool) -> Matcher:
    wanted = dict(keys)
    zone = wanted_zone(wanted)
    wanted.pop(ZONE, None)
    return _of_level(wanted, "", zone, fuzzy)


def _of_level(keys: Mapping[str, str], at: str, zone: timedelta, fuzzy: bool) -> Matcher:
    tests: list[tuple[str, Test]] = []
    nested: dict[str, dict[str, str]] = {}
    for path, wanted in keys.items():
        head, _, rest = path.partition(".")
        vr = vr_of(head)
        if rest and not is_universal(vr_of(path.rpartition(".")[2]), wanted):
            nested.setdefault(head, {})[rest] = wanted
        elif not rest and not is_universal(vr, wanted):
            tests.append((head, value_test(vr, wanted, f"{at}{head}", zone, fuzzy)))
    inner = tuple((head, _of_level(below, f"{at}{head}.", zone, fuzzy)) for head, below in nested.items())
    return Matcher(tuple(tests), inner)


def value_test(vr: str, wanted: str, where: str, zone: timedelta, fuzzy: bool = False) -> Test:
    """The test of one value of a representation.

    Args:
        vr: value representation.
        wanted: the key, not universal.
        where: dotted keyword, for messages.
        zone: UTC offset of the key's date-times that name none.
        fuzzy: person names match by likeness.

    Raises:
        BadInput: for a key that no value could have.
    """
    if vr == "SQ":
        raise BadInput(f"{where} is a sequence; name an attribute of its items, as {where}.CodeValue (C.2.2.2.6).")
    if vr == "PN":
        name = fuzzy_name_test(wanted) if fuzzy else name_test(wanted, like)
        return lambda value, _zone: name(value)
    if vr == "UI":
        uids = frozenset(_uids(wanted, where))
        return lambda value, _zone: significant(vr, value) in uids
    if vr in RANGE_VRS:
        return _moment_test(vr, wanted, where, zone)
    if vr in NUMBER_VRS:
        number = _number(wanted)
        if number is None:
            raise BadInput(f"The key for {where} is no number (VR {vr}, PS3.5 6.2).")
        return lambda value, _zone: _number(value) == number
    if "\\" in wanted and vr not in _FREE_TEXT_VRS:
        raise BadInput(f"{where} has several values; only UIDs are matched as a list (PS3.4 C.2.2.2.2).")
    one = like(significant(vr, wanted))
    return lambda value, _zone: one(significant(vr, value))


def _uids(wanted: str, where: str) -> tuple[str, ...]:
    uids = uids_of(wanted)
    if any("*" in uid or "?" in uid for uid in uids):
        raise BadInput(f"The key for {where} has wildcards; UIDs match whole, one or a list (PS3.4 C.2.2.2.2).")
    return uids


def _moment_test(vr: str, wanted: str, where: str, zone: timedelta) -> Test:
    asked = wanted_span(vr, wanted.strip(" \0"), zone, where)

    def test(value: Any, zone_of_value: timedelta) -> bool:
        found = span(vr, significant(vr, value), zone_of_value)
        return found is not None and asked.first <= found.first <= asked.last

    return test


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value).strip(" \0"))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def like(wanted: str) -> Callable[[str], bool]:
    """The test of one text, case-sensitive: ``*`` stands for any run of characters, ``?`` for one."""
    if "*" not in wanted and "?" not in wanted:
        return lambda found: found == wanted
    pattern = re.compile(fnmatch.translate(wanted.replace("[", "[[]")))
    return lambda found: pattern.match(found) is not None


def values_at(dataset: JsonDataset, path: str) -> list[Any]:
    """Every value that a dotted keyword leads to; None for an item, or a dataset, that has none."""
    head, _, rest = path.partition(".")
    if rest:
        return [value for item in items(dataset, head) for value in values_at(item, rest)]
    return get_all(dataset, head) or [None]
