"""What an element of a DICOM JSON dataset may look like (PS3.18 F.2, PS3.5 6.2): VRs, and values that fit them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag

from profiles.dicom import JsonDataset
from profiles.errors import BadInput

MAXIMUM_DEPTH = 16
UID_LENGTH = 64
#: Longer than any number that a VR allows (PS3.5 6.2); what is longer is not looked at.
_NUMBER_LENGTH = 32
_TAG = re.compile(r"[0-9A-F]{8}")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_TAG_VALUE = re.compile(r"[0-9A-Fa-f]{8}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
#: Control characters beyond those of PS3.5 6.1.3 (TAB, LF, FF, CR, ESC).
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MEMBERS = frozenset({"vr", "Value", "InlineBinary"})
_BINARY = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
_PN_GROUPS = frozenset({"Alphabetic", "Ideographic", "Phonetic"})
_COMMAND_AND_FILE = ("0000", "0002")


def is_uid(text: str) -> bool:
    """Whether a text can be a UID (PS3.5 section 9.1)."""
    return len(text) <= UID_LENGTH and _UID.fullmatch(text) is not None


def is_text(value: object) -> bool:
    """Whether a value is a text without control characters other than those of PS3.5 6.1.3."""
    return isinstance(value, str) and (value.isprintable() or not _CONTROL.search(value))


def _is_uid(value: object) -> bool:
    return isinstance(value, str) and (not value or is_uid(value))


def _is_person_name(value: object) -> bool:
    return isinstance(value, dict) and value.keys() <= _PN_GROUPS and all(map(is_text, value.values()))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _or_text(kind: Callable[[object], bool], pattern: re.Pattern[str]) -> Callable[[object], bool]:
    def fits(value: object) -> bool:
        if isinstance(value, str):
            return len(value) <= _NUMBER_LENGTH and (not value or pattern.fullmatch(value.strip()) is not None)
        return kind(value)

    return fits


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of values: VRs of one kind differ in what they allow, not in how JSON has them."""

    vrs: tuple[str, ...]
    fits: Callable[[object], bool]
    wanted: str


_TEXT_VRS = ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UR", "UT")
_KINDS = {
    "text": _Kind(_TEXT_VRS, is_text, "a text without control characters"),
    "UID": _Kind(("UI",), _is_uid, "a UID: digits and periods, at most 64 characters (PS3.5 9.1)"),
    "name": _Kind(("PN",), _is_person_name, "an object of Alphabetic, Ideographic, Phonetic"),
    "integer": _Kind(("SL", "SS", "UL", "US"), _is_whole, "a whole number"),
    "real": _Kind(("FL", "FD"), _is_real, "a number"),
    "integer text": _Kind(("IS", "SV", "UV"), _or_text(_is_whole, _WHOLE), "a whole number"),
    "decimal text": _Kind(("DS",), _or_text(_is_real, _NUMBER), "a number"),
    "tag": _Kind(("AT",), _or_text(lambda _value: False, _TAG_VALUE), "eight hexadecimal digits"),
    "binary": _Kind(_BINARY, lambda _value: False, "InlineBinary, not Value"),
    "item": _Kind(("SQ",), lambda value: isinstance(value, dict), "an item; a sequence holds datasets"),
}
_KIND_OF = {vr: kind for kind in _KINDS.values() for vr in kind.vrs}


@lru_cache(maxsize=8192)
def _wrong_vrs(tag: str) -> Mapping[str, str]:
    """The VRs whose values an attribute cannot have, and the one that PS3.6 gives it; none for private ones.

    VRs of the same kind pass here; whether the very VR is right is a rule of its own (PS3.4 CC.2.5).
    """
    try:
        right = dictionary_VR(int(tag, 16)).split(" or ")
    except KeyError:
        return {}
    kinds = [_KIND_OF.get(vr, _KINDS["binary"]) for vr in right]
    return {vr: right[0] for vr, kind in _KIND_OF.items() if kind not in kinds and vr != "UN"}


def check_dataset(dataset: JsonDataset, where: str = "", depth: int = 0) -> None:
    """See that a dataset is one in form: tags, VRs, and values that fit them; the rules of UPS are checked elsewhere.

    Args:
        dataset: what was sent.
        where: the path to it, for the message.
        depth: how many sequences it lies in.

    Raises:
        BadInput: naming the first element that is wrong, never its value.
    """
    if depth > MAXIMUM_DEPTH:
        raise BadInput(f"{where} is nested deeper than {MAXIMUM_DEPTH} sequences; no attribute of PS3.4 CC.2.5 is.")
    for tag, element in dataset.items():
        vr = _vr(tag, element, where)
        values = element.get("Value")
        if values is None:
            continue
        if not isinstance(values, list):
            raise BadInput(f"{where}{tag}.Value must be an array (PS3.18 F.2.2).")
        kind = _KIND_OF[vr]
        for number, value in enumerate(values, 1):
            if value is None and vr != "SQ":
                continue
            if not kind.fits(value):
                raise BadInput(
                    f"{where}{_name(tag)} ({vr}), value {number}, must be {kind.wanted} (PS3.18 F.2.2, F.2.3)."
                )
            if vr == "SQ":
                check_dataset(value, f"{where}{tag}[{number}].", depth + 1)


def _vr(tag: str, element: Any, where: str) -> str:
    """The VR of an element whose form is right."""
    if not _TAG.fullmatch(tag):
        raise BadInput(f"{where}{tag[:16]} is no tag; write eight upper-case hexadecimal digits (PS3.18 F.2.2).")
    if not isinstance(element, dict) or not isinstance(vr := element.get("vr"), str):
        raise BadInput(f"{where}{tag} has no vr (PS3.18 F.2.2).")
    if vr not in _KIND_OF:
        raise BadInput(f"{where}{_name(tag)} has the vr {vr[:8]!r}, which PS3.5 6.2 does not know.")
    if right := _wrong_vrs(tag).get(vr):
        raise BadInput(f"{where}{_name(tag)} has the vr {vr}; PS3.6 says {right}.")
    if len(element) > 1 and not _MEMBERS.issuperset(element):
        raise BadInput(
            f"{where}{_name(tag)} has members other than vr, Value and InlineBinary; workitems carry no bulk data "
            "(PS3.18 11.1.3, F.2.2)."
        )
    if "InlineBinary" in element:
        _check_binary(f"{where}{_name(tag)}", vr, element)
    if tag.startswith(_COMMAND_AND_FILE):
        raise BadInput(f"{where}{tag} belongs to a command or a file; it cannot be in a dataset (PS3.18 11.4.1.4).")
    return vr


def _check_binary(name: str, vr: str, element: JsonDataset) -> None:
    binary = element["InlineBinary"]
    if vr not in _BINARY or "Value" in element or not isinstance(binary, str) or not _BASE64.fullmatch(binary):
        raise BadInput(f"{name} must have its InlineBinary in base 64, instead of a Value (PS3.18 F.2.7).")


def _name(tag: str) -> str:
    return keyword_for_tag(int(tag, 16)) or tag
