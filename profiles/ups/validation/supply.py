"""What a server may supply itself, where a workitem lacks it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson

from profiles.dicom import JsonDataset, put, tag_of
from profiles.ups.attributes import Moment
from profiles.ups.validation.conditions import has_value
from profiles.ups.validation.tree import Level, level_of

UNICODE = "ISO_IR 192"


def with_type_2(dataset: JsonDataset) -> bool:
    """Add what a creation lacks and may be empty, in items too, and Specific Character Set (PS3.4 Table CC.2.5-3).

    Returns:
        Whether there was any.
    """
    added = _add(dataset, level_of(Moment.CREATION))
    return declare_character_set(dataset) or added


def _add(dataset: JsonDataset, level: Level) -> bool:
    missing = [tag for tag in level.needed - dataset.keys() if level.attributes[tag].kind == "2"]
    for tag in missing:
        dataset[tag] = {"vr": level.attributes[tag].form.vr}
    if missing:
        ordered = sorted(dataset.items())
        dataset.clear()
        dataset.update(ordered)
    added = bool(missing)
    for tag, element in dataset.items():
        inside = level.attributes[tag].inside if tag in level.attributes else None
        values = element.get("Value") if inside and isinstance(element, dict) else None
        for item in values if isinstance(values, list) else ():
            if inside and isinstance(item, dict):
                added = _add(item, inside) or added
    return added


def declare_character_set(dataset: JsonDataset) -> bool:
    """Say that text is Unicode when some of it is beyond ASCII and nothing is said (PS3.3 C.12.1.1.2, PS3.18 F.2).

    Returns:
        Whether that was due.
    """
    if has_value(dataset, tag_of("SpecificCharacterSet")) or not is_beyond_ascii(dataset):
        return False
    put(dataset, "SpecificCharacterSet", UNICODE)
    return True


def is_beyond_ascii(dataset: JsonDataset) -> bool:
    """Whether any text of a dataset has characters outside the default repertoire."""
    with suppress(TypeError, ValueError):  # what JSON cannot hold is looked through below
        return not orjson.dumps(dataset).isascii()
    waiting: list[Any] = [element.get("Value") for element in dataset.values() if isinstance(element, dict)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if not one.isascii():
                return True
        elif isinstance(one, dict):  # an item, whose elements are objects, or a person name, whose groups are text
            waiting.extend(part.get("Value") if isinstance(part, dict) else part for part in one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return False
