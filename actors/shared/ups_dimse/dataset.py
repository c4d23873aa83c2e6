"""DICOM datasets of DIMSE messages to the DICOM JSON Model and back (PS3.5, PS3.18 Annex F.2).

Values are decoded here and not by pydicom's validation, which warns with the value in its words, and warnings are log
lines. Whatever cannot be decoded is refused, never guessed: a name in the wrong character set is another name.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

from pydicom import config
from pydicom.charset import decode_bytes, python_encoding
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import data_element_generator
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag
from pydicom.valuerep import format_number_as_ds
from pydicom.values import convert_SQ

from profiles.dicom import JsonDataset
from profiles.errors import BadInput

UTF_8 = "ISO_IR 192"
MAXIMUM_DEPTH = 16
_CHARACTER_SET = 0x00080005
_FIRST_TAG = "00080000"  # what comes before are command and file meta elements
_TEXT = frozenset({"SH", "LO", "ST", "LT", "UC", "UT", "PN"})
_SINGLE = frozenset({"ST", "LT", "UT", "UR"})  # a backslash in them is a backslash
_BINARY = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q", "AT": "HH"}
_PERSON_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PERSON_NAME_DELIMITERS = {0x5C, 0x5E, 0x3D}
_OTHER_DELIMITERS = {0x5C, 0x09, 0x0A, 0x0C, 0x0D}
_UID = re.compile(r"[0-9.]{1,64}")


def parse(encoded: BytesIO | None, *, implicit: bool) -> JsonDataset:
    """The dataset of a received message, little endian.

    Args:
        encoded: as it came; None for none.
        implicit: whether in Implicit VR Little Endian, else Explicit.

    Raises:
        BadInput: when it is no dataset, or a value cannot be decoded; the message names the attribute, never a value.
    """
    if encoded is None:
        return {}
    encoded.seek(0)
    try:
        elements = {element.tag: element for element in data_element_generator(encoded, implicit, True)}
        return to_json(Dataset(elements))
    except BadInput:
        raise
    except Exception as error:  # pydicom raises many kinds for bytes that are no dataset
        raise BadInput("The dataset cannot be decoded (PS3.5 section 7).", key="undecodable-dataset") from error


def to_json(dataset: Dataset) -> JsonDataset:
    """A decoded dataset in the DICOM JSON Model; text in whatever character set becomes Unicode.

    Raises:
        BadInput: when a value cannot be decoded.
    """
    return _to_json(dataset, "", 0)


def _to_json(dataset: Dataset, terms: str, depth: int) -> JsonDataset:
    if depth > MAXIMUM_DEPTH:
        raise BadInput(f"Sequences are nested deeper than {MAXIMUM_DEPTH}; no attribute of PS3.4 CC.2.5 is.")
    found: JsonDataset = {}
    if _CHARACTER_SET in dataset:
        terms = _bytes_of(dataset.get_item(_CHARACTER_SET)).decode("ascii", "replace").strip("\0 ")
    for tag in sorted(dataset.keys()):
        if tag.element == 0 or f"{tag:08X}" < _FIRST_TAG:
            continue  # group lengths, and what has no place in a data set
        try:
            found[f"{tag:08X}"] = _element(tag, dataset.get_item(tag), terms, depth)
        except (ValueError, LookupError, struct.error) as error:
            name = keyword_for_tag(tag) or f"({tag.group:04X},{tag.element:04X})"
            raise BadInput(f"{name} has a value that cannot be decoded (PS3.5 6.2).") from error
    if f"{_CHARACTER_SET:08X}" in found:
        found.pop(f"{_CHARACTER_SET:08X}")
        if not depth:
            found = {f"{_CHARACTER_SET:08X}": {"vr": "CS", "Value": [UTF_8]}, **found}
    return dict(sorted(found.items()))


def _bytes_of(element: Any) -> bytes:
    if isinstance(element, RawDataElement):
        return element.value or b""
    value = element.value
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return "\\".join(str(one) for one in values).encode("ascii", "replace")


def _element(tag: BaseTag, element: Any, terms: str, depth: int) -> dict[str, Any]:
    if isinstance(element, DataElement):
        return _decoded_element(element, terms, depth)
    vr, value = _vr(tag, element), element.value or b""
    if element.length not in (len(value), 0xFFFFFFFF):
        raise ValueError("the value is shorter than it says")
    if vr == "SQ":
        implicit = element.is_implicit_VR or element.VR == "UN"
        return _sequence(convert_SQ(value, implicit, True), terms, depth)
    if vr in _BINARY:
        return {"vr": vr, "InlineBinary": base64.b64encode(value).decode()} if value else {"vr": vr}
    values = list(_values(vr, value, terms))
    return {"vr": vr, "Value": values} if any(one is not None for one in values) else {"vr": vr}


def _decoded_element(element: DataElement, terms: str, depth: int) -> dict[str, Any]:
    """An element that pydicom has read already: a sequence of undefined length, or what was looked at before."""
    if element.VR == "SQ":
        return _sequence(element.value or [], terms, depth)
    only = Dataset()
    only.add(element)
    found: dict[str, Any] = only.to_json_dict()[f"{element.tag:08X}"]
    return {**found, "vr": str(element.VR)}


def _sequence(items: Sequence[Dataset], terms: str, depth: int) -> dict[str, Any]:
    found = [_to_json(item, terms, depth + 1) for item in items]
    return {"vr": "SQ", "Value": found} if found else {"vr": "SQ"}


def _vr(tag: BaseTag, element: RawDataElement) -> str:
    if element.VR and element.VR != "UN":
        return str(element.VR)
    if dictionary_has_tag(tag):
        words = dictionary_VR(tag)
        return "OW" if words == "OB or OW" else words.split(" or ", maxsplit=1)[0]
    return "LO" if tag.is_private_creator else "UN"


def _values(vr: str, value: bytes, terms: str) -> Iterator[Any]:
    if vr in _NUMBERS:
        yield from _numbers(vr, value)
        return
    text = _text(vr, value, terms)
    for one in [text] if vr in _SINGLE else text.split("\\"):
        trimmed = one.rstrip("\0 ") if vr in _TEXT | {"UR"} else one.strip("\0 ")
        yield _FORMS.get(vr, str)(trimmed) if trimmed else None


def _numbers(vr: str, value: bytes) -> Iterator[Any]:
    for numbers in struct.iter_unpack(f"<{_NUMBERS[vr]}", value):
        yield "".join(f"{one:04X}" for one in numbers) if vr == "AT" else numbers[0]


def _text(vr: str, value: bytes, terms: str) -> str:
    if vr not in _TEXT:
        return value.decode("ascii")
    named = [term.strip() for term in terms.split("\\")]
    if len(named) == 1:
        return value.decode("ascii" if not named[0] else python_encoding[named[0]])
    encodings = [python_encoding[term] for term in named]
    text = decode_bytes(value, encodings, _PERSON_NAME_DELIMITERS if vr == "PN" else _OTHER_DELIMITERS)
    if "\ufffd" in text:
        raise ValueError("bytes that are not in its character sets")
    return text


def _uid(text: str) -> str:
    if not _UID.fullmatch(text):
        raise ValueError("no UID")
    return text


def _decimal(text: str) -> int | float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no number")
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else number


def _person_name(text: str) -> dict[str, str]:
    groups = zip(_PERSON_NAME_GROUPS, text.split("="), strict=False)
    return {name: group.rstrip() for name, group in groups if group.strip()}


_FORMS: Mapping[str, Callable[[str], Any]] = {"UI": _uid, "IS": int, "DS": _decimal, "PN": _person_name}


def to_dataset(content: JsonDataset, *, told: Callable[[str], None] = lambda _tag: None) -> Dataset:
    """A dataset to be sent, in UTF-8 when it needs more than ASCII.

    Args:
        content: in the DICOM JSON Model.
        told: called with the tag of each attribute that has no DICOM encoding and is left out.
    """
    dataset = _to_dataset(content, told)
    if _CHARACTER_SET in dataset or not _is_ascii(content):
        dataset.add(DataElement(_CHARACTER_SET, "CS", UTF_8))
    return dataset


def _to_dataset(content: JsonDataset, told: Callable[[str], None]) -> Dataset:
    dataset = Dataset()
    for tag, element in content.items():
        if tag < _FIRST_TAG:
            continue
        try:
            vr = str(element["vr"])
            value: Any = _encoded(vr, element, told)
            dataset.add(DataElement(int(tag, 16), vr, value, validation_mode=config.IGNORE))
        except (ValueError, LookupError, TypeError, AttributeError, struct.error):
            told(tag)
    return dataset


def _encoded(vr: str, element: Mapping[str, Any], told: Callable[[str], None]) -> Any:
    if vr in _BINARY:
        return base64.b64decode(element.get("InlineBinary", ""))
    values = element.get("Value", [])
    if vr == "SQ":
        return DicomSequence([_to_dataset(one or {}, told) for one in values])
    if vr in _NUMBERS:
        if vr != "AT":
            struct.pack(f"<{len(values)}{_NUMBERS[vr]}", *values)
        return [int(one, 16) if vr == "AT" else one for one in values] or None
    return [_written(vr, one) for one in values] or None


def _written(vr: str, value: Any) -> str:
    if value is None:
        return ""
    if vr == "PN" and isinstance(value, dict):
        return "=".join(str(value.get(group, "")) for group in _PERSON_NAME_GROUPS).rstrip("=")
    if vr == "DS" and isinstance(value, float):
        return format_number_as_ds(value)
    return str(value)


def _is_ascii(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_ascii(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_ascii(one) for one in value)
    return not isinstance(value, str) or value.isascii()
