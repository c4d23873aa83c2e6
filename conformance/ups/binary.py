"""Datasets in DICOM's own encoding, as files (PS3.10) or bare as a DIMSE message carries them, as DICOM JSON."""

from __future__ import annotations

import base64
import io
import warnings
from typing import Any

import pydicom
from pydicom import DataElement, Dataset, FileDataset, config
from pydicom.dataelem import RawDataElement
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pydicom.valuerep import PersonName

from conformance.plain_files import Count, Unreadable

_PREAMBLE = 128
_UNDEFINED_LENGTH = 0xFFFFFFFF
_FIRST_GROUPS = (b"\x00\x00", b"\x02\x00", b"\x08\x00", b"\x10\x00", b"\x20\x00", b"\x38\x00", b"\x40\x00", b"\x74\x00")
_BYTES = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}


def is_binary(content: bytes) -> bool:
    """Whether bytes look like a DICOM file or a bare dataset, which begins with a tag of a group of a workitem."""
    if content[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return True
    return content[:2] in _FIRST_GROUPS


def read_binary(content: bytes) -> dict[str, Any]:
    """The dataset of a file or of a message.

    Raises:
        Unreadable: when the bytes end within an element.
    """
    with warnings.catch_warnings(record=True) as said, config.disable_value_validation():
        warnings.simplefilter("always")
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        is_whole = _is_whole(dataset, len(content))
        found = _plain(dataset, Count())
    if not is_whole or any(" in file " in str(one.message) for one in said):
        raise Unreadable("the file ends within an element")
    return found


def _is_whole(dataset: FileDataset, length: int) -> bool:
    """Whether every element is as long as it says, and nothing less than an element is left after the last."""
    elements: list[DataElement | RawDataElement | None] = [dataset.get_item(tag) for tag in list(dataset.keys())]
    known: list[RawDataElement] = [
        one for one in elements if isinstance(one, RawDataElement) and one.length != _UNDEFINED_LENGTH
    ]
    if any(len(one.value or b"") < one.length for one in known):
        return False
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    last = elements[-1] if elements and syntax != DeflatedExplicitVRLittleEndian else None
    if not isinstance(last, RawDataElement) or last.length == _UNDEFINED_LENGTH:
        return True
    return bool(last.value_tell + last.length == length)


def _plain(dataset: Dataset, count: Count) -> dict[str, Any]:
    count.one_more()
    return {f"{int(element.tag):08X}": _element(element, count) for element in dataset}


def _element(element: DataElement, count: Count) -> dict[str, Any]:
    count.one_more()
    vr = element.VR
    if vr in _BYTES:
        content = element.value if isinstance(element.value, bytes) else b""
        return {"vr": vr, **({"InlineBinary": base64.b64encode(content).decode()} if content else {})}
    if vr == "SQ":
        listed: list[Any] = [_plain(found, count) for found in element.value or ()]
    else:
        given = element.value
        parts = [] if given is None or given == "" else given if element.VM > 1 else [given]
        listed = [_value(vr, part) for part in parts]
    return {"vr": vr, **({"Value": listed} if listed else {})}


def _value(vr: str, value: Any) -> Any:
    if vr == "PN":
        groups = zip(("Alphabetic", "Ideographic", "Phonetic"), PersonName(value).components, strict=False)
        return {name: str(group) for name, group in groups if group}
    if vr == "AT":
        return f"{int(value):08X}"
    if isinstance(value, int | float) and vr not in {"DS", "IS"}:
        return value
    return str(value) if value != "" else None
