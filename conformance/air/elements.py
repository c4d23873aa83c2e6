"""Rules for every element of a result object: its UIDs, its codes and its text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from pydicom.charset import convert_encodings, python_encoding
from pydicom.dataset import Dataset

from conformance.air.books import OBJECT
from conformance.air.reading import LEGACY_SNOMED, code_of, words
from conformance.air.result import Result
from conformance.rules import Breach
from profiles.tables import read_table

_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_UID_LIMIT, _CODE_LIMIT, _ASCII = 64, 16, 0x7F
_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")
_TEXT = {"PN", "LO", "LT", "SH", "ST", "UC", "UT"}
_LOST = "\N{REPLACEMENT CHARACTER}"


@cache
def schemes() -> Mapping[str, str]:
    """Known designators of coding schemes, and whether their codes are ``clinical``."""
    return {row["designator"]: row["use"] for row in read_table("conformance", "air_schemes")}


def is_local(designator: str) -> bool:
    """Whether a scheme is local to a site or product (PS3.3 section 8.2)."""
    return designator == "L" or (designator.startswith("99") and designator not in schemes())


def is_malformed(uid: str) -> bool:
    """Whether a text is no UID (PS3.5 section 9.1)."""
    return not _UID.fullmatch(uid) or len(uid) > _UID_LIMIT


@OBJECT.rule("AIR-004")
def _well_formed_uids(result: Result) -> Iterator[Breach]:
    for path, element, _ in result.elements:
        if element.VR == "UI" and element.keyword != "ObservationUID" and not element.is_empty:
            values = element.value if element.VM > 1 else [element.value]
            if any(is_malformed(str(value)) for value in values):
                yield path, "is no well-formed UID"


def _codes(result: Result) -> Iterator[tuple[str, Dataset]]:
    for path, element, _ in result.elements:
        if element.VR == "SQ" and element.keyword.endswith("CodeSequence"):
            for number, row in enumerate(element.value, start=1):
                yield f"{path}[{number}]", row


@OBJECT.rule("AIR-005")
def _complete_codes(result: Result) -> Iterator[Breach]:
    for path, row in _codes(result):
        found, given = code_of(row), [keyword for keyword in _VALUES if words(row, keyword)]
        parts = (("value", found.value), ("coding scheme", found.scheme or given == ["URNCodeValue"]))
        lacking = [what for what, there in (*parts, ("meaning", found.meaning)) if not there]
        if lacking:
            yield path, f"has no {' and no '.join(lacking)}"
        elif len(given) > 1:
            yield path, f"has {' and '.join(given)}"
        elif len(words(row, "CodeValue")) > _CODE_LIMIT:
            yield path, f"has a Code Value of more than {_CODE_LIMIT} characters"


def _used_schemes(result: Result) -> set[str]:
    """Designators that the object uses and does not identify; those of findings are for AIR-077."""
    findings = {id(row) for found in result.items if found.named("121071") for row in _rows_of(found.dataset)}
    used = {words(row, "CodingSchemeDesignator") for _, row in _codes(result) if id(row) not in findings}
    return used - result.known_schemes - {""}


def _rows_of(finding: Dataset) -> Iterable[Dataset]:
    return finding.get("ConceptCodeSequence") or ()


@OBJECT.rule("AIR-006")
def _identified_schemes(result: Result) -> Iterator[Breach]:
    for scheme in sorted(_used_schemes(result)):
        if is_local(scheme):
            yield "CodingSchemeIdentificationSequence", f"does not identify the local scheme {scheme}"


@OBJECT.rule("AIR-006-UNKNOWN")
def _known_schemes(result: Result) -> Iterator[Breach]:
    for scheme in sorted(_used_schemes(result) - set(schemes())):
        if not is_local(scheme):
            yield "CodingSchemeIdentificationSequence", f"does not identify {scheme}, which is not known here"


@OBJECT.rule("AIR-006-LEGACY")
def _legacy_snomed(result: Result) -> Iterator[Breach]:
    old = [path for path, row in _codes(result) if words(row, "CodingSchemeDesignator") in LEGACY_SNOMED]
    if old:
        yield old[0], f"is a SNOMED RT code ({len(old)} such codes)"


@OBJECT.rule("AIR-007")
def _text(result: Result) -> Iterator[Breach]:
    terms = {term for _, _, charset in result.elements for term in charset}
    unknown = sorted(term for term in terms if term not in python_encoding)
    if unknown:
        yield "SpecificCharacterSet", f"has {', '.join(unknown)}, which is no defined term"
        return
    for path, element, charset in result.elements:
        if element.VR in _TEXT and (problem := _unreadable(str(element.value or ""), charset)):
            yield path, problem


def _unreadable(text: str, charset: tuple[str, ...]) -> str:
    """Why a text is not what the declared character set can say; empty when it is."""
    beyond = {letter for letter in text if ord(letter) > _ASCII}
    if not beyond:
        return ""
    if not any(charset):
        return "has characters beyond ASCII, and no Specific Character Set is declared"
    if _LOST in beyond or not all(any(_can(letter, name) for name in _encodings(charset)) for letter in beyond):
        return f"has characters that {' and '.join(filter(None, charset))} cannot encode"
    return ""


@cache
def _encodings(charset: tuple[str, ...]) -> tuple[str, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(convert_encodings(list(charset)))


def _can(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
