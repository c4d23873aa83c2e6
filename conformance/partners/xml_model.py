"""DICOM JSON objects as documents of the Native DICOM Model (PS3.19 section A.1), for clients that speak XML."""

from __future__ import annotations

import json
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from pydicom.datadict import keyword_for_tag

from conformance.partners.attributes import Attributes

XML = "application/dicom+xml"
_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_NAMES = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_BOUNDARY = "harness-native-model"


def wants_xml(accept: str) -> bool:
    """Whether a client takes XML and no JSON."""
    named = accept.lower()
    return "xml" in named and "json" not in named and "*/*" not in named


def as_xml(body: bytes, *, many: bool) -> tuple[bytes, str]:
    """A body of DICOM JSON as XML, and its Content-Type.

    Args:
        body: an object, or an array of them.
        many: whether the answer is multipart, however many there are.
    """
    found = json.loads(body)
    documents = [document(one) for one in (found if isinstance(found, list) else [found])]
    if not many:
        return documents[0], XML
    head = f"--{_BOUNDARY}\r\nContent-Type: {XML}\r\n\r\n".encode()
    parts = b"".join(head + one + b"\r\n" for one in documents)
    return parts + f"--{_BOUNDARY}--\r\n".encode(), f'multipart/related; type="{XML}"; boundary={_BOUNDARY}'


def document(dataset: Attributes) -> bytes:
    """One dataset as a document."""
    root = Element("NativeDicomModel", {"xmlns": _NAMESPACE, "xml:space": "preserve"})
    _fill(root, dataset)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _fill(parent: Element, dataset: Attributes) -> None:
    for tag, element in sorted(dataset.items()):
        named = {"tag": tag, "vr": str(element["vr"])}
        if keyword := keyword_for_tag(int(tag, 16)):
            named["keyword"] = keyword
        inside = SubElement(parent, "DicomAttribute", named)
        for number, value in enumerate(element.get("Value", []), 1):
            _add(inside, str(element["vr"]), number, value)


def _add(inside: Element, vr: str, number: int, value: Any) -> None:
    numbered = {"number": str(number)}
    if vr == "SQ":
        _fill(SubElement(inside, "Item", numbered), value)
    elif isinstance(value, dict):
        name = SubElement(inside, "PersonName", numbered)
        for group, text in value.items():
            parts = SubElement(name, group)
            for part, words in zip(_NAMES, str(text).split("^"), strict=False):
                if words:
                    SubElement(parts, part).text = words
    else:
        SubElement(inside, "Value", numbered).text = str(value)
