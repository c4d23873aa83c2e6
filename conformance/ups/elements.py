"""Read datasets of the DICOM JSON Model (PS3.18 Annex F) as they are: what is missing reads as empty."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydicom.datadict import keyword_for_tag, tag_for_keyword

Element = dict[str, Any]
Dataset = dict[str, Element]
"""A dataset as ``conformance.ups.shape`` leaves it: upper-case tags, each with its vr and, unless empty, its values."""


@cache
def tag_of(keyword: str) -> str:
    """The tag of a keyword, eight hexadecimal digits."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(f"the data dictionary has no {keyword}")
    return f"{int(tag):08X}"


@cache
def name_of(tag: str) -> str:
    """The keyword of a tag; of one that the data dictionary does not have, the tag as ``(gggg,eeee)``."""
    return keyword_for_tag(int(tag, 16)) or f"({tag[:4]},{tag[4:]})"


def inside(path: str, name: str) -> str:
    """The path of something within an item; the dataset itself has an empty path."""
    return f"{path}.{name}" if path else name


def values(dataset: Dataset, keyword: str) -> list[Any]:
    """All values of an attribute."""
    return list(dataset.get(tag_of(keyword), {}).get("Value", ()))


def is_filled(element: Element) -> bool:
    """Whether an element has a value: an item, or anything but nothing, spaces and names without text."""
    if element.get("InlineBinary") or element.get("BulkDataURI"):
        return True
    found: list[Any] = element.get("Value", [])
    return any(
        element["vr"] == "SQ"
        or (value.strip() != "" if isinstance(value, str) else any(value.values()) if isinstance(value, dict) else True)
        for value in found
        if value is not None
    )


def has_value(dataset: Dataset, keyword: str) -> bool:
    """Whether an attribute is there and not empty."""
    element = dataset.get(tag_of(keyword))
    return element is not None and is_filled(element)


def text(dataset: Dataset, keyword: str) -> str:
    """The first value as text without the spaces around it; empty when there is none."""
    found = values(dataset, keyword)
    return str(found[0]).strip() if found and isinstance(found[0], str | int | float) else ""


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none when it is absent."""
    return [value for value in values(dataset, keyword) if isinstance(value, dict)]


def placed(dataset: Dataset, keyword: str, path: str = "") -> Iterator[tuple[str, Dataset]]:
    """The items of a sequence with their paths."""
    for number, found in enumerate(items(dataset, keyword), start=1):
        yield f"{inside(path, keyword)}[{number}]", found


def is_coded(dataset: Dataset, keyword: str) -> bool:
    """Whether a code sequence has a usable first code."""
    return code_of(dataset, keyword) != ("", "")


def code_of(dataset: Dataset, keyword: str) -> tuple[str, str]:
    """Value and scheme of the first code of a sequence; empty when there is none."""
    for found in items(dataset, keyword):
        value = text(found, "CodeValue") or text(found, "LongCodeValue") or text(found, "URNCodeValue")
        return value, text(found, "CodingSchemeDesignator")
    return "", ""
