"""The Native DICOM Model (PS3.19 section A.1) as DICOM JSON."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from conformance.plain_files import Count, Unreadable

_DEEPEST = 64
_NAMES = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_NUMBERS = {"FL", "FD", "SL", "SS", "UL", "US"}


def read_xml(content: bytes) -> dict[str, Any]:
    """The dataset of a document.

    Raises:
        Unreadable: when it is not well formed, declares a document type, or is another document.
    """
    try:
        root = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise Unreadable("the XML declares a document type or an entity") from error
    except ParseError as error:
        line, column = error.position
        raise Unreadable(f"the file is no XML: it breaks at line {line}, column {column}") from error
    if _name(root) != "NativeDicomModel":
        raise Unreadable("the XML is no Native DICOM Model")
    count = Count()
    for _ in root.iter():
        count.one_more()
    return _dataset(root, 1)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _dataset(parent: Element, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise Unreadable("the XML is nested too deeply")
    found: dict[str, Any] = {}
    for element in parent:
        if _name(element) != "DicomAttribute":
            raise Unreadable("the XML has something besides DicomAttribute in a dataset")
        tag = element.get("tag", "")
        if tag in found:
            raise Unreadable("the XML has an attribute twice in one dataset")
        found[tag] = _attribute(element, depth)
    return found


def _attribute(element: Element, depth: int) -> dict[str, Any]:
    vr = element.get("vr")
    found: dict[str, Any] = {} if vr is None else {"vr": vr}
    listed: list[Any] = []
    for child in element:
        name = _name(child)
        if name == "Item":
            listed.append(_dataset(child, depth + 1))
        elif name == "PersonName":
            listed.append(_person(child))
        elif name == "Value":
            listed.append(_value(vr, child.text or ""))
        elif name == "InlineBinary":
            found["InlineBinary"] = child.text or ""
        elif name == "BulkData":
            found["BulkDataURI"] = child.get("uri") or child.get("uuid") or ""
        else:
            raise Unreadable("the XML has something in an attribute that the model does not know")
    return {**found, "Value": listed} if listed else found


def _value(vr: str | None, text: str) -> Any:
    """Numbers of binary representations are numbers in JSON; what is none stays text, for the rules to find."""
    if not text:
        return None
    if vr not in _NUMBERS:
        return text
    try:
        return float(text) if vr.startswith("F") else int(text)
    except ValueError:
        return text


def _person(element: Element) -> dict[str, str]:
    groups = {}
    for group in element:
        if _name(group) not in _GROUPS:
            raise Unreadable("the XML has something in a name that the model does not know")
        parts = {_name(part): part.text or "" for part in group}
        groups[_name(group)] = "^".join(parts.get(name, "") for name in _NAMES).rstrip("^")
    return groups
