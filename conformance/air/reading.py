"""Read datasets as they are: whatever is missing reads as empty, nothing raises."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from pydicom import DataElement, Dataset, Sequence
from pydicom.multival import MultiValue
from pydicom.sr._snomed_dict import mapping  # the only place where pydicom keeps PS3.16 Annex O
from pydicom.sr.codedict import Collection
from pydicom.sr.coding import Code as KnownCode

from profiles.dicom import Code

LEGACY_SNOMED = {"SRT", "SNM3", "99SDM"}
_SNOMED: dict[str, str] = mapping["SRT"]
_PIXELS = 0x7FE0


class Element(NamedTuple):
    """An element with its path and the character set that is declared for it."""

    path: str
    element: DataElement
    charset: tuple[str, ...]


def words(dataset: Dataset, keyword: str) -> str:
    """An attribute as text; empty when it is absent or empty."""
    value = dataset.get(keyword)
    return "" if value is None else str(value)


def several(dataset: Dataset, keyword: str) -> list[str]:
    """All values of an attribute as text."""
    value = dataset.get(keyword)
    return [str(part) for part in value] if isinstance(value, MultiValue | list) else [str(value)] if value else []


def whole(dataset: Dataset, keyword: str) -> int | None:
    """An attribute as a whole number; None when it is absent, empty or no number."""
    value = dataset.get(keyword)
    return int(value) if isinstance(value, int | float) and float(value).is_integer() else None


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """All values of an attribute as numbers; none when one of them is no number."""
    value = dataset.get(keyword)
    try:
        return [float(part) for part in value] if isinstance(value, MultiValue | list) else [float(value)]
    except (TypeError, ValueError):
        return []


def rows(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none when it is absent."""
    value = dataset.get(keyword)
    return list(value) if isinstance(value, Sequence) else []


def first_row(dataset: Dataset, keyword: str) -> Dataset:
    """The first item of a sequence; an empty one when there is none."""
    return next(iter(rows(dataset, keyword)), Dataset())


def code_of(row: Dataset) -> Code:
    """A code item as a code; a SNOMED RT code as the SNOMED CT code that replaces it."""
    value = words(row, "CodeValue") or words(row, "LongCodeValue") or words(row, "URNCodeValue")
    scheme, meaning = words(row, "CodingSchemeDesignator"), words(row, "CodeMeaning")
    if scheme in LEGACY_SNOMED and value in _SNOMED:
        return Code(_SNOMED[value], "SCT", meaning)
    return Code(value, scheme, meaning)


def first_code(dataset: Dataset, keyword: str) -> Code:
    """The first code of a code sequence; an empty code when there is none."""
    return code_of(first_row(dataset, keyword))


@cache
def _group(cid: int) -> frozenset[tuple[str, str]]:
    concepts: list[KnownCode] = list(Collection(f"CID{cid}").concepts.values())
    return frozenset((concept.value, concept.scheme_designator) for concept in concepts)


def in_group(found: Code, *cids: int) -> bool:
    """Whether a code is of a context group of PS3.16, by pydicom's tables."""
    return any((found.value, found.scheme) in _group(cid) for cid in cids)


def walk(dataset: Dataset, path: str = "", charset: tuple[str, ...] = ()) -> Iterator[Element]:
    """Every element, sequences before their items; pixels are passed over, they may be huge."""
    if "SpecificCharacterSet" in dataset:
        charset = tuple(several(dataset, "SpecificCharacterSet"))
    for tag in sorted(dataset.keys()):
        if tag.group == _PIXELS:
            continue
        element = dataset[tag]
        here = f"{path}.{element.keyword or element.tag}" if path else (element.keyword or str(element.tag))
        yield Element(here, element, charset)
        if element.VR == "SQ":
            for number, row in enumerate(element.value, start=1):
                yield from walk(row, f"{here}[{number}]", charset)


def purpose_of(row: Dataset) -> Code:
    """What a reference or an item of equipment is there for."""
    return first_code(row, "PurposeOfReferenceCodeSequence")


def evidence_of(document: Dataset, keyword: str) -> list[tuple[str, str, Dataset]]:
    """The references of an evidence sequence: each with the UIDs of its study and series."""
    return [
        (words(study, "StudyInstanceUID"), words(series, "SeriesInstanceUID"), instance)
        for study in rows(document, keyword)
        for series in rows(study, "ReferencedSeriesSequence")
        for instance in rows(series, "ReferencedSOPSequence")
    ]


def uid_of(reference: Dataset) -> str:
    """The instance that a reference names."""
    return words(reference, "ReferencedSOPInstanceUID")
