"""Workitems with every attribute of the table, in every sequence one item: what tests break one rule at a time."""

from __future__ import annotations

from typing import Any

from profiles.dicom import JsonDataset
from profiles.ups.attributes import Moment
from profiles.ups.validation.tree import Attribute, Level, level_of

#: One legal value for each value representation that the table has.
VALUES: dict[str, Any] = {
    "AE": "AI_ONE",
    "CS": "YES",
    "DA": "20261124",
    "DS": 50,
    "DT": "20261124080000",
    "IS": 1,
    "LO": "some words",
    "LT": "some words",
    "PN": {"Alphabetic": "FICTIONAL^ADA"},
    "SH": "WORDS",
    "ST": "some words",
    "TM": "080000",
    "UI": "1.2.3",
    "UR": "http://127.0.0.1/studies",
    "US": 1,
    "UT": "some words",
}
_TERMS = {"SpecificCharacterSet": "ISO_IR 192", "ValueType": "TEXT"}
#: Of these an item has another one: a code has one value, a content item that of its type.
_LEFT_OUT = frozenset(
    (
        "LongCodeValue",
        "URNCodeValue",
        "DateTime",
        "Date",
        "Time",
        "PersonName",
        "UID",
        "ConceptCodeSequence",
        "NumericValue",
        "MeasurementUnitsCodeSequence",
    )
)


def full_workitem() -> JsonDataset:
    """A dataset for N-CREATE that has all it may have."""
    return _filled(level_of(Moment.CREATION))


def full_update() -> JsonDataset:
    """A dataset for N-SET that changes all it may change."""
    return _filled(level_of(Moment.UPDATE))


def full_element(attribute: Attribute) -> dict[str, Any]:
    """An element with a value, of a sequence with one item, as full as it may be."""
    if attribute.inside is not None:
        return {"vr": "SQ", "Value": [_filled(attribute.inside)]}
    value = _TERMS.get(attribute.keyword) or next(iter(attribute.allowed), VALUES[attribute.form.vr])
    return {"vr": attribute.form.vr, "Value": [value]}


def _filled(level: Level) -> JsonDataset:
    return {
        tag: {"vr": attribute.form.vr} if attribute.empty else full_element(attribute)
        for tag, attribute in sorted(level.attributes.items())
        if not attribute.barred and attribute.keyword not in _LEFT_OUT
    }
