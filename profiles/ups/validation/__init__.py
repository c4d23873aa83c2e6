"""Check workitem datasets against the rules of the standard (PS3.4 Table CC.2.5-3, PS3.5 section 6, PS3.18 Annex F).

Rules are tables: ``ups_attributes.csv`` says what must be there when, ``conditions.csv`` what depends on other
attributes, ``values.csv`` and ``enumerated.csv`` which values there are. ``tree`` makes of them one tree per kind of
request, once; ``walk`` goes through a dataset along it.
"""

from __future__ import annotations

from profiles.dicom import JsonDataset, tag_of
from profiles.errors import Finding
from profiles.ups.attributes import Moment, attribute_rules
from profiles.ups.transitions import State
from profiles.ups.validation.conditions import OTHER_TEXT, conditions, enumerated, has_value
from profiles.ups.validation.final import unmet
from profiles.ups.validation.supply import declare_character_set, is_beyond_ascii, with_type_2
from profiles.ups.validation.tree import level_of
from profiles.ups.validation.walk import Walk

__all__ = [
    "declare_character_set",
    "enumerated",
    "validate_create",
    "validate_final",
    "validate_update",
    "with_type_2",
]

_CHARACTER_SET = tag_of("SpecificCharacterSet")


def validate_create(dataset: JsonDataset) -> list[Finding]:
    """Every rule of the N-CREATE column that a dataset breaks (PS3.4 CC.2.5.1.3)."""
    return _validate(dataset, Moment.CREATION)


def validate_update(dataset: JsonDataset) -> list[Finding]:
    """Every rule of the N-SET column that a modification list breaks (PS3.4 CC.2.6.2)."""
    return _validate(dataset, Moment.UPDATE)


def validate_final(dataset: JsonDataset, state: State) -> list[Finding]:
    """Every final-state requirement that a workitem does not meet (PS3.4 CC.2.5.1.3.2).

    Args:
        dataset: the workitem as it stands.
        state: COMPLETED or CANCELED.
    """
    return unmet(dataset, state) + _character_set(dataset, is_beyond_ascii(dataset), Moment.FINAL)


def _validate(dataset: JsonDataset, moment: Moment) -> list[Finding]:
    walk = Walk(moment)
    walk.dataset(dataset, level_of(moment), None, {})
    return walk.findings + _character_set(dataset, walk.beyond_ascii, moment)


def _character_set(dataset: JsonDataset, beyond_ascii: bool, moment: Moment) -> list[Finding]:
    if not beyond_ascii or has_value(dataset, _CHARACTER_SET):
        return []
    (condition,) = (one for one in conditions() if one.when == OTHER_TEXT)
    (keyword,) = condition.keywords
    source = next(rule for rule in attribute_rules() if rule.path == (keyword,)).source(moment)
    words = f"is missing, and there is text beyond ASCII; {condition.source} wants it then, {source}."
    return [Finding(keyword, words, source, condition.remedy, key="missing-attribute")]
