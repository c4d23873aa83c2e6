"""DICOM JSON objects by keyword, and whether they match the keys of a search (PS3.18 sections 8.3.4 and F.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

Attributes = dict[str, Any]
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_WILD = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_RANGES = {"DA", "DT", "TM"}


def tag_of(name: str) -> str:
    """The tag of a keyword, or of a tag, in eight upper-case digits; empty for what is neither."""
    if _TAG.fullmatch(name):
        return name.upper()
    tag = tag_for_keyword(name)
    return "" if tag is None else f"{tag:08X}"


def put(dataset: Attributes, keyword: str, *values: Any) -> Attributes:
    """Set an attribute; without values it is empty. Texts of VR PN become person names."""
    tag = tag_of(keyword)
    vr = dictionary_VR(int(tag, 16)).split()[0]
    named = [{"Alphabetic": one} if vr == "PN" and isinstance(one, str) else one for one in values]
    dataset[tag] = {"vr": vr, "Value": named} if named else {"vr": vr}
    return dataset


def code(value: str, scheme: str, meaning: str) -> Attributes:
    """An item of a code sequence."""
    item: Attributes = {}
    for keyword, text in (("CodeValue", value), ("CodingSchemeDesignator", scheme), ("CodeMeaning", meaning)):
        put(item, keyword, text)
    return item


def values(dataset: Any, path: str) -> list[Any]:
    """All values at a dotted path of keywords or tags, in every item on the way; none when it is absent or no list."""
    head, _, rest = path.partition(".")
    element = dataset.get(tag_of(head)) if isinstance(dataset, dict) else None
    found = element.get("Value") if isinstance(element, dict) else None
    here = found if isinstance(found, list) else []
    return [value for item in here for value in values(item, rest)] if rest else here


def text(dataset: Any, path: str) -> str:
    """The first value as text; empty when there is none."""
    return next((_as_text(value) for value in values(dataset, path)), "")


def codes(dataset: Any, path: str) -> list[tuple[str, str]]:
    """Value and scheme of every item of a code sequence."""
    return [
        (
            text(item, "CodeValue") or text(item, "LongCodeValue") or text(item, "URNCodeValue"),
            text(item, "CodingSchemeDesignator"),
        )
        for item in values(dataset, path)
    ]


def matches(dataset: Attributes, keys: Iterable[tuple[str, str]]) -> bool:
    """Whether all keys hold; those of one sequence in one and the same item. An unknown key does not narrow."""
    alone: list[tuple[str, str]] = []
    nested: dict[str, list[tuple[str, str]]] = {}
    for name, wanted in keys:
        head, _, rest = name.partition(".")
        if rest:
            nested.setdefault(head, []).append((rest, wanted))
        else:
            alone.append((name, wanted))
    return all(not tag_of(name) or _holds(dataset, name, wanted) for name, wanted in alone) and all(
        any(matches(item, inner) for item in values(dataset, head)) for head, inner in nested.items()
    )


def _holds(dataset: Attributes, name: str, wanted: str) -> bool:
    if not wanted:
        return True
    tag = tag_of(name)
    vr = dictionary_VR(int(tag, 16)).split()[0] if tag_known(tag) else "LO"
    return any(_equal(_as_text(value), wanted, vr) for value in values(dataset, tag))


def tag_known(tag: str) -> bool:
    """Whether the dictionary has a tag."""
    try:
        dictionary_VR(int(tag, 16))
    except KeyError:
        return False
    return True


def _equal(value: str, wanted: str, vr: str) -> bool:
    if vr == "UI":
        return value in re.split(r"[,\\]", wanted)
    if vr in _RANGES and "-" in wanted:
        low, _, high = wanted.partition("-")
        return (not low or value >= low) and (not high or value[: len(high)] <= high)
    if vr in _WILD and ("*" in wanted or "?" in wanted):
        pattern = "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in wanted)
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    return value == wanted


def _as_text(value: Any) -> str:
    return str(value.get("Alphabetic", "")) if isinstance(value, dict) else str(value)
