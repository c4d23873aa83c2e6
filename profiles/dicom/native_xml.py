"""The Native DICOM Model (PS3.19 A.1) to and from the DICOM JSON Model (PS3.18 Annex F): one dataset, one document.

Reading builds no tree: the document is taken as it streams past, with a bound on its depth, and one that declares a
document type or an entity is refused before anything of it is used. Reading what was written gives the same dataset,
provided that it is in the plain form of PS3.18 F.2: no value is an empty text (that is null), numbers are numbers
wherever a number says the same as the text did, and a list of values does not end with null.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml import DefusedXmlException
from defusedxml.sax import parseString
from lxml import etree
from pydicom.datadict import keyword_for_tag

from profiles.dicom.json_model import JsonDataset
from profiles.errors import BadInput

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
ROOT = "NativeDicomModel"
#: A workitem's deepest attribute lies in about six sequences; each takes two elements of a document.
MAXIMUM_DEPTH = 64
MAXIMUM_ELEMENTS = 50_000
PN_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
PN_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_REAL = frozenset({"FL", "FD", "DS"})
_WHOLE = frozenset({"SL", "SS", "UL", "US", "IS", "SV", "UV"})
#: Encoded in binary, so that how a number is written has no meaning.
_BINARY = frozenset({"FL", "FD", "SL", "SS", "UL", "US"})
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER_LENGTH = 32
_MAXIMUM_NUMBER = 100_000
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_BLOCKS = range(0x10, 0x100)


def write_native(dataset: JsonDataset) -> bytes:
    """A dataset as a Native DICOM Model document, UTF-8.

    Args:
        dataset: in the DICOM JSON Model. Characters that XML cannot hold, such as form feeds, become spaces.
    """
    root = etree.Element(f"{{{NAMESPACE}}}{ROOT}", nsmap={None: NAMESPACE})  # type: ignore[dict-item] # None is the default namespace
    root.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    _write_attributes(root, dataset)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    made = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    if text:
        made.text = _NOT_IN_XML.sub(" ", text)
    return made


def _write_attributes(parent: etree._Element, dataset: JsonDataset) -> None:
    for tag, element in sorted(dataset.items()):
        attributes = {"tag": tag, "vr": element["vr"]}
        if creator := _creator(dataset, tag):
            attributes["privateCreator"] = _NOT_IN_XML.sub(" ", creator)
        elif keyword := keyword_for_tag(int(tag, 16)):
            attributes["keyword"] = keyword
        written = _add(parent, "DicomAttribute", **attributes)
        if "InlineBinary" in element:
            _add(written, "InlineBinary", element["InlineBinary"])
        if "BulkDataURI" in element:
            _add(written, "BulkData", uri=element["BulkDataURI"])
        for number, value in enumerate(element.get("Value", ()), 1):
            _write_value(written, element["vr"], str(number), value)


def _is_private(tag: str) -> bool:
    return int(tag[3], 16) % 2 == 1


def _creator(dataset: JsonDataset, tag: str) -> str:
    """Who reserved the block of a private tag (PS3.5 7.8.1); empty for others."""
    if not _is_private(tag) or tag[4:6] == "00":
        return ""
    values = (dataset.get(f"{tag[:4]}00{tag[4:6]}") or {}).get("Value") or [""]
    return str(values[0] or "")


def _write_value(parent: etree._Element, vr: str, number: str, value: Any) -> None:
    if vr == "SQ":
        _write_attributes(_add(parent, "Item", number=number), value or {})
    elif vr == "PN":
        name = _add(parent, "PersonName", number=number)
        for group in PN_GROUPS:
            if group in (value or {}):
                written = _add(name, group)
                for component, text in zip(PN_COMPONENTS, value[group].split("^", 4), strict=False):
                    _add(written, component, text)
    else:
        _add(parent, "Value", None if value is None else str(value), number=number)


def read_native(document: bytes) -> JsonDataset:
    """The dataset of a Native DICOM Model document.

    Args:
        document: XML in any encoding that it declares, with or without the model's namespace.

    Raises:
        BadInput: when it is not well formed, declares a document type or entities, is too deep or too large, or is no
            Native DICOM Model; the message says where.
    """
    reader = _Reader()
    try:
        parseString(document, reader, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise BadInput(
            "The XML declares a document type or an entity; the Native DICOM Model (PS3.19 A.1) needs neither. "
            "Send the document without them."
        ) from error
    except SAXParseException as error:
        raise BadInput(
            f"The payload is not well-formed XML: {error.getMessage()}, line {error.getLineNumber()}. "
            "Send one Native DICOM Model document (PS3.19 A.1)."
        ) from error
    except (LookupError, ValueError) as error:
        raise BadInput(f"The XML cannot be decoded: {error}. Send it as UTF-8.") from error
    return reader.dataset


class _Open:
    """An element of the document that has begun: what its children add to, and what its end hands on."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name, self.attributes = name, attributes
        self.text: list[str] = []
        self.children: list[tuple[_Open, Any]] = []


class _Reader(ContentHandler):
    """Builds the dataset from inside out: an element's value is made when it ends, and given to its parent."""

    def __init__(self) -> None:
        super().__init__()
        self.dataset: JsonDataset = {}
        self._open: list[_Open] = []
        self._elements = 0

    def startElement(self, name: str, attributes: Any) -> None:  # noqa: N802 - SAX's name
        self._elements += 1
        if len(self._open) >= MAXIMUM_DEPTH or self._elements > MAXIMUM_ELEMENTS:
            raise BadInput(
                f"The XML is nested deeper than {MAXIMUM_DEPTH} elements or has more than {MAXIMUM_ELEMENTS}; no "
                "workitem is (PS3.4 CC.2.5)."
            )
        local = name.rpartition(":")[2]
        allowed = _CHILDREN.get(self._open[-1].name, ()) if self._open else (ROOT,)
        if local not in allowed:
            inside = f"in {self._open[-1].name}" if self._open else "as the root"
            raise BadInput(f"{local[:64]} {inside} is not of the Native DICOM Model (PS3.19 A.1.5).")
        self._open.append(_Open(local, dict(attributes.items())))

    def characters(self, content: str) -> None:
        self._open[-1].text.append(content)

    def endElement(self, _name: str) -> None:  # noqa: N802 - SAX's name
        ended = self._open.pop()
        value = _VALUES[ended.name](ended)
        ended.children.clear()
        if self._open:
            self._open[-1].children.append((ended, value))
        else:
            self.dataset = value


def _dataset(ended: _Open) -> JsonDataset:
    found: JsonDataset = {}
    blocks: dict[tuple[str, str], str] = {}
    for child, element in ended.children:
        tag = _tag(child)
        creator = child.attributes.get("privateCreator", "")
        if creator and tag[4:6] == "00" and _is_private(tag):
            tag = _in_reserved_block(found, blocks, tag, creator)
        if tag in found:
            raise BadInput(f"The attribute {tag} is there twice (PS3.19 A.1.5).")
        found[tag] = element
    return dict(sorted(found.items()))


def _tag(attribute: _Open) -> str:
    tag = attribute.attributes.get("tag", "")
    if not _TAG.fullmatch(tag):
        raise BadInput(f"{tag[:16]!r} is no tag; write eight hexadecimal digits (PS3.19 A.1.5).")
    return tag.upper()


def _in_reserved_block(found: JsonDataset, blocks: dict[tuple[str, str], str], tag: str, creator: str) -> str:
    """The tag of a private attribute whose block only its creator names: it gets the next free one (PS3.5 7.8.1)."""
    group = tag[:4]
    if (group, creator) not in blocks:
        taken = {key[6:] for key in found if key.startswith(f"{group}00")}
        free = next((one for number in _BLOCKS if (one := f"{number:02X}") not in taken), None)
        if free is None:
            raise BadInput(f"The private group {group} has no block left for another creator (PS3.5 7.8.1).")
        blocks[group, creator] = free
        found[f"{group}00{blocks[group, creator]}"] = {"vr": "LO", "Value": [creator]}
    return f"{group}{blocks[group, creator]}{tag[6:]}"


def _element(ended: _Open) -> dict[str, Any]:
    vr = ended.attributes.get("vr", "")
    element: dict[str, Any] = {"vr": vr}
    numbered: dict[int, Any] = {}
    for child, value in ended.children:
        if child.name == "InlineBinary":
            element["InlineBinary"] = value
        elif child.name == "BulkData":
            element["BulkDataURI"] = value
        else:
            numbered[_number(child, len(numbered) + 1)] = _number_or_text(vr, value) if child.name == "Value" else value
    if numbered:
        element["Value"] = [numbered.get(number) for number in range(1, max(numbered) + 1)]
    return element


def _number(child: _Open, following: int) -> int:
    number = child.attributes.get("number", str(following))
    if not (number.isascii() and number.isdecimal() and len(number) < len(str(_MAXIMUM_NUMBER)) and int(number)):
        raise BadInput(f"{number[:16]!r} is no number of a value; they count from 1 (PS3.19 A.1.5).")
    return int(number)


def _number_or_text(vr: str, text: str | None) -> Any:
    """A value as JSON has it: as a number where a number says the same; wrong ones stay text, to be objected to."""
    if text is None or vr not in _REAL | _WHOLE or len(text) > _NUMBER_LENGTH:
        return text
    if _INTEGER.fullmatch(text):
        number: float = int(text)
    elif vr in _REAL and _DECIMAL.fullmatch(text) and math.isfinite(float(text)):
        number = float(text)
    else:
        return text
    return number if vr in _BINARY or str(number) == text else text


def _person_name(ended: _Open) -> dict[str, str] | None:
    return {child.name: value for child, value in ended.children if value is not None} or None


def _group(ended: _Open) -> str | None:
    by_name = {child.name: value or "" for child, value in ended.children}
    if not by_name:
        return None
    last = max(PN_COMPONENTS.index(name) for name in by_name)
    return "^".join(by_name.get(name, "") for name in PN_COMPONENTS[: last + 1])


def _text(ended: _Open) -> str | None:
    return "".join(ended.text) or None


_CHILDREN: dict[str, Iterable[str]] = {
    ROOT: ("DicomAttribute",),
    "Item": ("DicomAttribute",),
    "DicomAttribute": ("Value", "Item", "PersonName", "InlineBinary", "BulkData"),
    "PersonName": PN_GROUPS,
    **dict.fromkeys(PN_GROUPS, PN_COMPONENTS),
}
_VALUES: dict[str, Callable[[_Open], Any]] = {
    ROOT: _dataset,
    "Item": _dataset,
    "DicomAttribute": _element,
    "PersonName": _person_name,
    "BulkData": lambda ended: ended.attributes.get("uri", ""),
    "InlineBinary": lambda ended: "".join("".join(ended.text).split()),
    **dict.fromkeys(PN_GROUPS, _group),
    **dict.fromkeys(("Value", *PN_COMPONENTS), _text),
}
