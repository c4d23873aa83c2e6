"""The shape of the DICOM JSON Model (PS3.18 F.2): what is wrong with it, and the dataset without what is wrong.

What can be meant is kept, so that one slip of the encoding is one finding and the content is judged as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydicom.datadict import dictionary_VR

from conformance.ups.elements import Dataset, Element, inside, name_of
from profiles.tables import read_table

Say = Callable[[str, str, str], None]
"""Takes a rule, a place and what is wrong there."""

DEEPEST = 16
_TAG = re.compile("[0-9A-F]{8}")
_TAG_OF_ANY_CASE = re.compile("[0-9A-Fa-f]{8}")
_KEYS = {"vr", "Value", "InlineBinary", "BulkDataURI"}
_REPRESENTATIONS = {row["vr"] for row in read_table("profiles.ups", "values")}


def plain(dataset: Any, say: Say, *, with_command: bool = False) -> Dataset:
    """The dataset as it is meant.

    Args:
        dataset: anything; should be a dataset of the DICOM JSON Model.
        say: is told what is wrong.
        with_command: whether command elements belong to it, as to an event.

    Returns:
        Upper-case tags, each with an element that has a vr and, unless empty, a list of values; items likewise.
    """
    if not isinstance(dataset, dict):
        say("UPS-3803", "", "the dataset is no object")
        return {}
    return _Reading(say, with_command).dataset(dataset, "", 1)


class _Reading:
    def __init__(self, say: Say, with_command: bool) -> None:
        self.say, self.with_command = say, with_command

    def dataset(self, dataset: dict[Any, Any], path: str, depth: int) -> Dataset:
        found: Dataset = {}
        for number, (key, element) in enumerate(dataset.items(), start=1):
            tag = self._tag(key, inside(path, f"(element {number})"))
            if tag and self._is_of_datasets(tag, path, depth):
                if tag in found:
                    self.say("UPS-3802", inside(path, name_of(tag)), "is there twice, in upper and in lower case")
                found[tag] = self._element(tag, element, inside(path, name_of(tag)), depth)
        if list(found) != sorted(found):
            self.say("UPS-JSON-ORDER", path, "the attributes are not in the order of their tags")
        self._private(found, path)
        return found

    def _tag(self, key: Any, where: str) -> str:
        if isinstance(key, str) and _TAG.fullmatch(key):
            return key
        if isinstance(key, str) and _TAG_OF_ANY_CASE.fullmatch(key):
            self.say("UPS-3802", where, "the tag has lower-case digits")
            return key.upper()
        self.say("UPS-3802", where, "is named by no tag of eight hexadecimal digits")
        return ""

    def _is_of_datasets(self, tag: str, path: str, depth: int) -> bool:
        if tag.startswith("0000") and not (self.with_command and depth == 1):
            self.say("UPS-3807", inside(path, name_of(tag)), "is a command element")
            return False
        if tag.endswith("0000") and not tag.startswith("0000"):
            self.say("UPS-JSON-LENGTH", inside(path, name_of(tag)), "is the length of a group")
            return False
        return True

    def _element(self, tag: str, element: Any, where: str, depth: int) -> Element:
        if not isinstance(element, dict):
            self.say("UPS-3803", where, "is no object with a vr")
            return {"vr": _vr_of(tag)}
        vr = element.get("vr")
        if not isinstance(vr, str) or vr not in _REPRESENTATIONS:
            self.say("UPS-3803", where, "has no vr" if vr is None else "has a vr that PS3.5 Table 6.2-1 does not know")
            vr = _vr_of(tag)
        if set(element) - _KEYS:
            self.say("UPS-3803", where, "has something besides vr and value")
        if "BulkDataURI" in element:
            self.say("UPS-JSON-BULK", where, "refers to its value by a URI")
        found = {key: element[key] for key in ("InlineBinary", "BulkDataURI") if key in element}
        listed = self._values(vr, element, where, depth)
        return {"vr": vr, **found, **({"Value": listed} if listed else {})}

    def _values(self, vr: str, element: dict[Any, Any], where: str, depth: int) -> list[Any]:
        listed = element.get("Value")
        if "Value" in element and not isinstance(listed, list):
            self.say("UPS-3803", where, "has a Value that is no array")
            listed = [listed] if isinstance(listed, str | int | float) else []
        elif listed == []:
            self.say("UPS-JSON-EMPTY", where, "is empty and still has a Value")
        return self._items(listed, where, depth) if vr == "SQ" and listed else listed or []

    def _items(self, listed: list[Any], where: str, depth: int) -> list[Dataset]:
        if depth > DEEPEST:
            self.say("UPS-3808", where, f"is nested deeper than {DEEPEST} sequences")
            return []
        found = []
        for number, value in enumerate(listed, start=1):
            if isinstance(value, dict):
                found.append(self.dataset(value, f"{where}[{number}]", depth + 1))
            else:
                self.say("UPS-3804", f"{where}[{number}]", "is no dataset")
        return found

    def _private(self, found: Dataset, path: str) -> None:
        for tag in found:
            if int(tag[3], 16) % 2 and tag[4:6] != "00" and f"{tag[:4]}00{tag[4:6]}" not in found:
                self.say("UPS-JSON-PRIVATE", inside(path, name_of(tag)), "is private, and its creator is not said")


def _vr_of(tag: str) -> str:
    """The representation that the dictionary has, so that an attribute without one is still read."""
    try:
        return dictionary_VR(int(tag, 16))[:2]
    except KeyError:
        return "UN"
