"""Where an object still says words that it must not say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.multival import MultiValue

_TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UR", "UT"})
_OF_THE_STUDY = frozenset(
    {
        "PatientName",
        "PatientID",
        "IssuerOfPatientID",
        "ReferringPhysicianName",
        "StudyID",
        "AccessionNumber",
        "RequestedProcedureID",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
        "IssuerOfAccessionNumberSequence",
        "OrderPlacerIdentifierSequence",
        "OrderFillerIdentifierSequence",
    }
)
_OF_A_CODE = frozenset({"CodeValue", "CodeMeaning", "CodingSchemeDesignator"})
_ACQUISITION = "109101"
_SHORTEST = 3


def traces(made: Dataset, words: Iterable[str]) -> Iterator[str]:
    """The keywords, after those above them, of attributes that hold any of the words.

    Words of fewer than three characters are not looked for, as they stand everywhere; nor is anything looked for in
    the identifiers of patient, study and order, in standard codes, and in what acquired the images.

    Args:
        made: the object.
        words: in any case and with any signs between their letters; each counts as a word of its own only.
    """
    sought = sorted({word.strip() for word in words if len(word.strip()) >= _SHORTEST})
    if sought:
        pattern = re.compile("|".join(_pattern(word) for word in sought), re.IGNORECASE)
        yield from _found(getattr(made, "file_meta", Dataset()), pattern, "")
        yield from _found(made, pattern, "")


def _pattern(word: str) -> str:
    """Names stand between other signs than letters; numbers, such as versions, between spaces or at the ends."""
    if any(sign.isalpha() for sign in word):
        parts = r"[\W_]*".join(re.escape(part) for part in re.findall(r"[^\W_]+", word))
        return rf"(?<![^\W\d_]){parts}(?![^\W\d_])"
    return rf"(?<![\w.]){re.escape(word)}(?!\w|\.\w)"


def _found(made: Any, pattern: re.Pattern[str], above: str) -> Iterator[str]:
    standard = not str(made.get("CodingSchemeDesignator", "99")).startswith("99")
    for element in made:
        place = f"{above}{element.keyword or element.tag}"
        if element.keyword in _OF_THE_STUDY or (standard and element.keyword in _OF_A_CODE):
            continue
        if element.VR == "SQ":
            for row in element.value:
                if not _exempt(row):
                    yield from _found(row, pattern, f"{place}/")
        elif any(pattern.search(text) for text in _texts(element)):
            yield place


def _exempt(row: Dataset) -> bool:
    """What acquired the images is no trace of what made the results."""
    purposes = row.get("PurposeOfReferenceCodeSequence", [])
    return any(purpose.get("CodeValue") == _ACQUISITION for purpose in purposes)


def _texts(element: DataElement) -> list[str]:
    if element.VR not in _TEXTS or element.value is None:
        return []
    return [str(value) for value in (element.value if isinstance(element.value, MultiValue) else [element.value])]
