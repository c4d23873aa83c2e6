"""Read and write attributes of a DICOM JSON dataset by keyword (PS3.18 Annex F.2).

A dataset is a plain dict: ``{"00741000": {"vr": "CS", "Value": ["SCHEDULED"]}}``. Attributes are named by their DICOM
keyword everywhere in our code; tags appear in the JSON only.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from profiles.dicom.codes import Code

JsonDataset = dict[str, Any]


@cache
def tag_of(keyword: str) -> str:
    """The eight hexadecimal digits of a keyword's tag, upper case.

    Raises:
        KeyError: when DICOM has no attribute of that keyword.
    """
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(f"DICOM has no attribute with the keyword {keyword!r}")
    return f"{tag:08X}"


@cache
def vr_of(keyword: str) -> str:
    """The value representation of a keyword (the first one where PS3.6 allows several)."""
    return str(dictionary_VR(int(tag_of(keyword), 16))).split(" or ", maxsplit=1)[0]


def get_all(dataset: JsonDataset, keyword: str) -> list[Any]:
    """All values of an attribute; an empty list when it is absent or empty."""
    element = dataset.get(tag_of(keyword))
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def get(dataset: JsonDataset, keyword: str, default: Any = None) -> Any:
    """The first value of an attribute, or the default when it is absent or empty."""
    values = get_all(dataset, keyword)
    return values[0] if values and values[0] is not None else default


def text(dataset: JsonDataset, keyword: str) -> str:
    """The first value as text, a person name by its alphabetic group; an empty string when there is none."""
    value = get(dataset, keyword, "")
    if isinstance(value, dict):
        value = value.get("Alphabetic", "")
    return str(value)


def items(dataset: JsonDataset, keyword: str) -> list[JsonDataset]:
    """The items of a sequence; an empty list when it is absent or empty."""
    return [value for value in get_all(dataset, keyword) if isinstance(value, dict)]


def item(dataset: JsonDataset, keyword: str) -> JsonDataset:
    """The first item of a sequence; an empty dataset when there is none."""
    found = items(dataset, keyword)
    return found[0] if found else {}


def get_code(dataset: JsonDataset, keyword: str) -> Code | None:
    """The first code of a code sequence, or None."""
    found = items(dataset, keyword)
    if not found:
        return None
    first = found[0]
    value = text(first, "CodeValue") or text(first, "LongCodeValue") or text(first, "URNCodeValue")
    return Code(value, text(first, "CodingSchemeDesignator"), text(first, "CodeMeaning"))


def put(dataset: JsonDataset, keyword: str, *values: Any) -> JsonDataset:
    """Set an attribute; without values it becomes present and empty (type 2). A person name may be given as text.

    Returns:
        The same dataset, so that calls can be chained.
    """
    vr = vr_of(keyword)
    if vr == "PN":
        values = tuple({"Alphabetic": value} if isinstance(value, str) else value for value in values)
    dataset[tag_of(keyword)] = {"vr": vr, "Value": list(values)} if values else {"vr": vr}
    return dataset


def put_items(dataset: JsonDataset, keyword: str, *sequence_items: JsonDataset) -> JsonDataset:
    """Set a sequence; without items it becomes present and empty."""
    return put(dataset, keyword, *sequence_items)


def put_codes(dataset: JsonDataset, keyword: str, *codes: Code) -> JsonDataset:
    """Set a code sequence from codes (PS3.3 section 8.8)."""
    return put(dataset, keyword, *(code_item(code) for code in codes))


def code_item(code: Code) -> JsonDataset:
    """One code as an item of a code sequence; a value over 16 characters goes to Long Code Value (PS3.3 8.8)."""
    found: JsonDataset = {}
    put(found, "CodeValue" if len(code.value) <= Code.SHORT else "LongCodeValue", code.value)
    put(found, "CodingSchemeDesignator", code.scheme)
    put(found, "CodeMeaning", code.meaning)
    return dict(sorted(found.items()))


def remove(dataset: JsonDataset, keyword: str) -> None:
    """Take an attribute out, if it is there."""
    dataset.pop(tag_of(keyword), None)
