"""Attribute matching of a search (PS3.4 C.2.2.2): universal, single value, UID list, wildcard, range, sequence."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from profiles.dicom import JsonDataset, get_all, items, vr_of
from profiles.errors import BadInput

WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
UID_LIST = r"[,\\]"
RANGE_VRS = frozenset({"DA", "TM", "DT"})


def matches(dataset: JsonDataset, keys: Mapping[str, str]) -> bool:
    """Whether a dataset matches all keys.

    Args:
        dataset: a workitem.
        keys: value by dotted keyword, e.g. ``{"ReferencedRequestSequence.AccessionNumber": "A1"}``.
    """
    grouped: dict[str, dict[str, str]] = {}
    for path, value in keys.items():
        head, _, rest = path.partition(".")
        grouped.setdefault(head, {})[rest] = value
    return all(_attribute_matches(dataset, keyword, wanted) for keyword, wanted in grouped.items())


def _attribute_matches(dataset: JsonDataset, keyword: str, wanted: dict[str, str]) -> bool:
    nested = {rest: value for rest, value in wanted.items() if rest}
    if nested:
        if not any(nested.values()):
            return True
        return any(matches(one, nested) for one in items(dataset, keyword))
    return (
        any(_value_matches(vr_of(keyword), value, wanted[""]) for value in get_all(dataset, keyword)) or not wanted[""]
    )


def _value_matches(vr: str, value: Any, wanted: str) -> bool:
    if not wanted:
        return True
    if vr == "PN":
        groups = value.values() if isinstance(value, dict) else [value]
        return any(_like(str(group).lower(), wanted.lower()) for group in groups)
    found = str(value)
    if vr == "UI":
        return found in re.split(UID_LIST, wanted)
    if vr in RANGE_VRS and "-" in wanted:
        return _in_range(found, wanted)
    return _like(found, wanted) if vr in WILDCARD_VRS else found == wanted


def _like(found: str, wanted: str) -> bool:
    if "*" not in wanted and "?" not in wanted:
        return found == wanted
    return fnmatch.fnmatchcase(found, wanted.replace("[", "[[]"))


def _in_range(found: str, wanted: str) -> bool:
    first, _, last = wanted.partition("-")
    if not first and not last:
        raise BadInput(f"{wanted!r} is no range; write first-last, first- or -last (PS3.4 C.2.2.2.5).")
    return (not first or found >= first) and (not last or found[: len(last)] <= last)
