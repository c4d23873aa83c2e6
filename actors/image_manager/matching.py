"""Attribute matching of a query against a DICOM JSON dataset (PS3.4 section C.2.2.2)."""

from __future__ import annotations

import fnmatch
from typing import Any

from profiles.dicom import JsonDataset

RANGE_VRS = frozenset({"DA", "TM", "DT"})
_NO_WILDCARD = RANGE_VRS | {"UI", "IS", "DS", "FL", "FD", "SL", "SS", "UL", "US", "SV", "UV", "AT"}


def matches(dataset: JsonDataset, path: tuple[str, ...], wanted: str) -> bool:
    """Whether one matching key fits.

    Args:
        dataset: the candidate.
        path: tags from the outermost sequence inwards, eight hexadecimal digits each.
        wanted: the query value; empty matches everything (universal matching, C.2.2.2.3). Several values are separated
            by a backslash, or by a comma for UIDs (list of UID matching, C.2.2.2.2).
    """
    if not wanted or wanted == "*":
        return True
    element = dataset.get(path[0]) or {}
    values = element.get("Value") or []
    if len(path) > 1:
        return any(isinstance(item, dict) and matches(item, path[1:], wanted) for item in values)
    vr = str(element.get("vr", ""))
    separator = "," if vr == "UI" and "," in wanted else "\\"
    return any(_fits(vr, _plain(value), one) for one in wanted.split(separator) for value in values)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("Alphabetic", "")
    return "" if value is None else str(value)


def _fits(vr: str, value: str, wanted: str) -> bool:
    if vr in RANGE_VRS:
        return _in_range(vr, value, wanted)
    if vr == "PN":
        return fnmatch.fnmatchcase(_name(value), _literal_brackets(_name(wanted)))
    if vr not in _NO_WILDCARD and ("*" in wanted or "?" in wanted):
        return fnmatch.fnmatchcase(value, _literal_brackets(wanted))
    if vr in {"IS", "DS", "FL", "FD"}:
        return _number(value) == _number(wanted)
    return value.strip() == wanted.strip()


def _literal_brackets(pattern: str) -> str:
    """DICOM knows the wildcards * and ? only; a bracket is itself."""
    return pattern.replace("[", "[[]")


def _name(value: str) -> str:
    """Person names are matched without regard to case and trailing carets (PS3.4 C.2.2.2.1 allows it)."""
    return value.rstrip("^ ").upper()


def _number(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def _in_range(vr: str, value: str, wanted: str) -> bool:
    """Range matching (C.2.2.2.5); a bound of lower precision includes all that it covers."""
    if vr == "DT" and wanted[-5:-4] == "-" and wanted.count("-") == 1:
        wanted = wanted[:-5]  # an offset, not a range: "20240101-0500"
    if "-" not in wanted:
        return value.startswith(wanted) if vr != "DA" else value == wanted
    low, _, high = wanted.partition("-")
    return (not low or value >= low) and (not high or value <= high or value.startswith(high))
