"""Content items of a report by anybody (PS3.3 C.17.3), read leniently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom import Sequence as DicomSequence
from pydicom.sr._snomed_dict import mapping as snomed_mapping

from profiles.dicom import Code, code

_OLD_SNOMED = ("SRT", "SNM3", "99SDM")
_NAMES = ("LongCodeValue", "URNCodeValue")


def rows(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence; none when it is absent, empty or no sequence."""
    found = dataset.get(keyword)
    return [row for row in found if isinstance(row, Dataset)] if isinstance(found, DicomSequence) else []


def word(dataset: Dataset, keyword: str) -> str:
    """The value as text; empty when it is absent."""
    found = dataset.get(keyword)
    return "" if found is None else str(found).strip()


def first(dataset: Dataset, *keywords: str) -> Dataset | None:
    """What is reached by the first item of each of these sequences in turn; None when one is absent or empty."""
    for keyword in keywords:
        below = rows(dataset, keyword)
        if not below:
            return None
        dataset = below[0]
    return dataset


def coded_in(dataset: Dataset, keyword: str) -> Code | None:
    """The code in the first item of a sequence; None when there is none.

    A SNOMED code of the former style becomes the present one for the same concept (PS3.16 Annex O); a meaning that is
    missing is taken from the table of codes, or else is the value.
    """
    found = first(dataset, keyword)
    if found is None:
        return None
    value = word(found, "CodeValue") or next((word(found, name) for name in _NAMES if word(found, name)), "")
    scheme, meaning = word(found, "CodingSchemeDesignator"), word(found, "CodeMeaning")
    if scheme in _OLD_SNOMED and value in snomed_mapping["SRT"]:
        value, scheme = snomed_mapping["SRT"][value], "SCT"
    if not meaning:
        try:
            meaning = code(scheme, value).meaning
        except KeyError:
            meaning = value
    return Code(value, scheme, meaning) if value else None


@dataclass(frozen=True, slots=True)
class Item:
    """A content item and where it stands.

    Attributes:
        dataset: the item.
        path: its place, 1 for the root.
        kind: Value Type.
        concept: Concept Name, or None.
    """

    dataset: Dataset
    path: str
    kind: str
    concept: Code | None

    @property
    def name(self) -> str:
        """The code value of the concept; few are used by two schemes, and many stand under the wrong one."""
        return self.concept.value if self.concept else ""

    @property
    def what(self) -> str:
        """Value type and concept, for a note."""
        return f"{self.kind or 'item'} {self.concept if self.concept else '(no concept)'}"

    @property
    def relation(self) -> str:
        """Relationship Type."""
        return word(self.dataset, "RelationshipType")

    @property
    def answer(self) -> Code | None:
        """The code that answers."""
        return coded_in(self.dataset, "ConceptCodeSequence")

    @property
    def words(self) -> str:
        """The text, UID or coded answer, in words."""
        for keyword in ("TextValue", "UID"):
            if word(self.dataset, keyword):
                return word(self.dataset, keyword)
        return self.answer.meaning if self.answer else ""

    @property
    def referenced(self) -> tuple[str, str]:
        """The SOP Instance UID that is referenced, and its SOP Class UID; empty when there is none."""
        found = first(self.dataset, "ReferencedSOPSequence")
        if found is None:
            return "", ""
        return word(found, "ReferencedSOPInstanceUID"), word(found, "ReferencedSOPClassUID")

    def numbers(self, keyword: str) -> tuple[int, ...]:
        """Frame or segment numbers of the reference."""
        found = first(self.dataset, "ReferencedSOPSequence")
        return whole_numbers(found.get(keyword)) if found is not None else ()

    def children(self) -> Iterator[Item]:
        """The items below, in their order."""
        for number, below in enumerate(rows(self.dataset, "ContentSequence"), start=1):
            yield item(below, f"{self.path}.{number}")

    def below(self) -> Iterator[Item]:
        """All items below, parents first."""
        for child in self.children():
            yield child
            yield from child.below()


def item(dataset: Dataset, path: str = "1") -> Item:
    """A content item; the root when no path is given."""
    return Item(dataset, path, word(dataset, "ValueType"), coded_in(dataset, "ConceptNameCodeSequence"))


def whole_numbers(value: Any) -> tuple[int, ...]:
    """The numbers of a value of one or several; none when it is absent."""
    if value is None or value == "":
        return ()
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(int(part) for part in parts)
