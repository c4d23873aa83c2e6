"""The identifier of a C-FIND (PS3.4 CC.2.8): what is to match, what is to come back, and what of it nobody keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag

from profiles.dicom import JsonDataset, tag_of
from profiles.errors import BadInput
from profiles.ups.attributes import attribute_rules
from workitems.matching_keys import unsupported_keys

_NO_KEYS = frozenset({tag_of("SpecificCharacterSet")})
_LOCK = "TransactionUID"


@dataclass(frozen=True, slots=True)
class Query:
    """What a C-FIND asks for.

    Attributes:
        keys: value by dotted keyword, empty for universal matching.
        wanted: the identifier, in whose shape matches come back.
        unsupported: whether a key is neither matched nor kept, which the status FF01 tells.
    """

    keys: dict[str, str]
    wanted: JsonDataset
    unsupported: bool


def read_identifier(identifier: JsonDataset) -> Query:
    """Take an identifier apart.

    Raises:
        BadInput: when it breaks the rules of matching, e.g. by a sequence of two items (PS3.4 C.2.2.2.6).
    """
    wanted = {tag: element for tag, element in identifier.items() if tag not in _NO_KEYS}
    found = dict(_keys(wanted, ""))
    known = {path: value for path, value in found.items() if path and not _is_empty_lock(path, value)}
    matched = [path for path, value in known.items() if value]
    unsupported = bool(unsupported_keys(matched)) or not set(found) <= kept_paths() | set(matched)
    wanted.pop(tag_of(_LOCK), None)
    return Query(known, wanted, unsupported)


def matching_keys(dataset: JsonDataset) -> dict[str, str]:
    """The keys of a filtered global subscription (PS3.4 CC.2.3.1).

    Raises:
        BadInput: for a key that cannot be matched: what is ignored in a search would tell too much here.
    """
    found = dict(_keys({tag: element for tag, element in dataset.items() if tag not in _NO_KEYS}, ""))
    if "" in found or (refused := unsupported_keys(found)):
        name = "A private attribute" if "" in found else refused[0]
        raise BadInput(f"{name} is no matching key of UPS (PS3.4 Table CC.2.5-3).", key="invalid-argument")
    return found


def _is_empty_lock(path: str, value: str) -> bool:
    return not value and _LOCK in path.split(".")


@cache
def kept_paths() -> frozenset[str]:
    """Dotted keywords of all attributes of the UPS information object, but for the lock (Table CC.2.5-3)."""
    return frozenset(".".join(rule.path) for rule in attribute_rules()) - {_LOCK}


def _keys(dataset: JsonDataset, at: str) -> Iterator[tuple[str, str]]:
    """Dotted keyword and value of each key; the keyword of what has none is empty."""
    for tag, element in dataset.items():
        keyword = keyword_for_tag(int(tag, 16))
        path = f"{at}{keyword}" if keyword else ""
        values = element.get("Value", [])
        if element["vr"] != "SQ":
            yield path, _value(path, element["vr"], values)
        elif not any(values):
            yield path, ""
        elif len(values) > 1:
            raise BadInput(f"{path} has {len(values)} items; a key has one (PS3.4 C.2.2.2.6).")
        elif path:
            yield from _keys(values[0], f"{path}.")
        else:
            yield "", ""


def _value(path: str, vr: str, values: list[Any]) -> str:
    if vr == "UI":
        return "\\".join(map(str, values))
    if len(values) > 1:
        raise BadInput(f"{path} has several values; only UIDs are matched as a list (PS3.4 C.2.2.2.2).")
    if not values or values[0] is None:
        return ""
    if isinstance(values[0], dict):
        return "=".join(values[0].get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")
    return str(values[0])


def project(content: JsonDataset, wanted: JsonDataset) -> JsonDataset:
    """Of a workitem what an identifier asks for, and nothing else (PS3.4 CC.2.8.1.3.2)."""
    found: JsonDataset = {}
    for tag, key in wanted.items():
        held = content.get(tag)
        if held is None:
            found[tag] = {"vr": key["vr"]}
        elif key["vr"] == "SQ" and any(key.get("Value", [])):
            items = [project(item, key["Value"][0]) for item in held.get("Value", [])]
            found[tag] = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
        else:
            found[tag] = held
    return found


def select(content: JsonDataset, tags: list[int]) -> tuple[JsonDataset, bool]:
    """Of a workitem the top-level attributes that an N-GET names (PS3.4 CC.2.7.2).

    Args:
        content: the workitem.
        tags: of the Attribute Identifier List; empty for everything.

    Returns:
        The attributes, those without value empty, and whether one was named that no workitem has.
    """
    if not tags:
        return content, False
    found: JsonDataset = {}
    lacking = False
    for tag in (f"{one:08X}" for one in tags):
        if tag in content:
            found[tag] = content[tag]
        elif keyword_for_tag(int(tag, 16)) in kept_paths():
            found[tag] = {"vr": dictionary_VR(int(tag, 16)).split(" or ", maxsplit=1)[0]}
        else:
            lacking = True
    return found, lacking
