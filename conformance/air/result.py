"""One object under judgement, and the set that it belongs to; what rules share is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from pydicom import Dataset

from conformance.air.frames import frame_groups, masks
from conformance.air.reading import Element, first_code, first_row, purpose_of, rows, several, uid_of, walk, words
from profiles.dicom import Code
from profiles.tables import read_table

COMPREHENSIVE_3D = "1.2.840.10008.5.1.4.1.1.88.34"
PLACEHOLDER_PURPOSE = Code("Newcode1", "99IHE")
"""Purpose of an algorithm's equipment in revisions 1.1 and 1.2 of AIR."""

_PURPOSES = (Code("109102", "DCM"), PLACEHOLDER_PURPOSE)
_RESULT_MODALITIES = {"SR", "SEG", "KO"}


@cache
def classes() -> Mapping[str, Mapping[str, str]]:
    """The SOP classes that the rules tell apart, by UID."""
    return {row["uid"]: row for row in read_table("conformance", "air_classes")}


class Item:
    """One content item of an SR tree, with its place."""

    __slots__ = ("children", "concept", "dataset", "parent", "path", "relationship", "value_type")

    def __init__(self, dataset: Dataset, path: str, parent: Item | None = None) -> None:
        """Read the item and all below it."""
        self.dataset, self.path, self.parent = dataset, path, parent
        self.value_type = words(dataset, "ValueType")
        self.relationship = words(dataset, "RelationshipType")
        self.concept = first_code(dataset, "ConceptNameCodeSequence")
        self.children: list[Item] = [
            Item(row, f"{path}.{number}", self) for number, row in enumerate(rows(dataset, "ContentSequence"), start=1)
        ]

    def named(self, value: str, scheme: str = "DCM") -> bool:
        """Whether its concept name is this code."""
        return (self.concept.value, self.concept.scheme) == (value, scheme)

    def all_below(self) -> Iterator[Item]:
        """All items below, depth first."""
        for child in self.children:
            yield child
            yield from child.all_below()

    def child(self, value: str, scheme: str = "DCM") -> Item | None:
        """The first child with this concept name."""
        return next((child for child in self.children if child.named(value, scheme)), None)

    def all_named(self, value: str, scheme: str = "DCM") -> list[Item]:
        """All children with this concept name."""
        return [child for child in self.children if child.named(value, scheme)]

    @property
    def by_reference(self) -> bool:
        """Whether it is no item of its own, but points to another item of the tree."""
        return "ReferencedContentItemIdentifier" in self.dataset

    @property
    def code(self) -> Code:
        """The code that a CODE item has as its value."""
        return first_code(self.dataset, "ConceptCodeSequence")

    @property
    def value(self) -> str:
        """Text, UID or code value of the item, as text."""
        if self.value_type == "CODE":
            return self.code.value
        keyword = {"TEXT": "TextValue", "UIDREF": "UID"}.get(self.value_type, "")
        return words(self.dataset, keyword) if keyword else ""

    @property
    def reference(self) -> Dataset:
        """The first reference to an instance; empty when there is none."""
        return first_row(self.dataset, "ReferencedSOPSequence")

    @property
    def unit(self) -> Code:
        """The unit of a NUM item."""
        return first_code(first_row(self.dataset, "MeasuredValueSequence"), "MeasurementUnitsCodeSequence")


@dataclass
class Result:
    """One object.

    Attributes:
        dataset: as it was read.
        name: under which it is reported.
        octets: the size of its file; None when there is none.
    """

    dataset: Dataset
    name: str = ""
    octets: int | None = None

    @cached_property
    def uid(self) -> str:
        """Its SOP Instance UID."""
        return words(self.dataset, "SOPInstanceUID")

    @cached_property
    def kind(self) -> str:
        """Its kind in ``air_classes.csv``; ``other`` for a result of a class that the table lacks, else ``image``.

        A record of the acquisition, such as a dose report, is a source like an image, unless an algorithm made it.
        """
        kind = classes().get(words(self.dataset, "SOPClassUID"), {}).get("kind", "")
        if kind == "record":
            return "other" if self.algorithms else "image"
        return kind or ("other" if words(self.dataset, "Modality") in _RESULT_MODALITIES else "image")

    @cached_property
    def kinds(self) -> frozenset[str]:
        """What rules may ask for to apply to it."""
        if self.kind in {"image", "extra"}:
            return frozenset({self.kind})
        shape = ("tree" if self.is_tree else "tid1500") if self.kind == "sr" else self.kind
        return frozenset({"any", self.kind, shape})

    @cached_property
    def elements(self) -> list[Element]:
        """Every element at every depth."""
        return list(walk(self.dataset))

    @cached_property
    def is_tree(self) -> bool:
        """Whether a report is a result tree, which orders other results (AIR Appendix A), and none of TID 1500."""
        templates = {words(row, "TemplateIdentifier") for row in rows(self.dataset, "ContentTemplateSequence")}
        return "IHERADAIR1" in templates or any(
            found.named(concept, "99IHE") for found in self.root.children for concept in ("AIR003", "AIR004")
        )

    @cached_property
    def root(self) -> Item:
        """The root of a report's tree; its path is ``1``, as in SR dumps."""
        return Item(self.dataset, "1")

    @cached_property
    def items(self) -> list[Item]:
        """All content items below the root."""
        return list(self.root.all_below())

    @cached_property
    def groups(self) -> list[Item]:
        """All measurement groups (125007, DCM)."""
        return [found for found in self.items if found.named("125007")]

    @cached_property
    def references(self) -> list[tuple[Item, Dataset]]:
        """Every reference to an instance in the tree, with the item that holds it."""
        return [(found, row) for found in self.items for row in rows(found.dataset, "ReferencedSOPSequence")]

    @cached_property
    def measured(self) -> list[tuple[Item, Dataset | None]]:
        """All NUM items with their measured value, if they have one."""
        return [
            (found, next(iter(rows(found.dataset, "MeasuredValueSequence")), None))
            for found in self.items
            if found.value_type == "NUM" and not found.by_reference
        ]

    @cached_property
    def frames(self) -> list[list[Dataset]]:
        """For each frame, its own functional groups and the shared ones."""
        return frame_groups(self.dataset)

    @cached_property
    def foreground(self) -> list[int] | None:
        """How many pixels each frame of a BINARY segmentation shows; None when they cannot be counted."""
        found = masks(self.dataset, len(self.frames))
        return None if found is None else [int(count) for count in found.sum(axis=1, dtype=np.int64)]

    @cached_property
    def equipment(self) -> list[tuple[str, Dataset]]:
        """Items of Contributing Equipment Sequence with their paths."""
        return [
            (f"ContributingEquipmentSequence[{number}]", row)
            for number, row in enumerate(rows(self.dataset, "ContributingEquipmentSequence"), start=1)
        ]

    @cached_property
    def algorithms(self) -> list[tuple[str, Dataset]]:
        """Items of equipment that stand for an algorithm.

        Entries by which an encoding library names itself are none (air.md AIR-025).
        """
        return [
            (path, row)
            for path, row in self.equipment
            if any(purpose_of(row).same_as(purpose) for purpose in _PURPOSES) and not is_library(row)
        ]

    @cached_property
    def algorithm_names(self) -> set[tuple[str, str]]:
        """Name and version of each algorithm; an item of several versions counts with each."""
        return {
            (words(row, "ManufacturerModelName"), version)
            for _, row in self.algorithms
            for version in several(row, "SoftwareVersions")
        }

    @cached_property
    def known_schemes(self) -> set[str]:
        """Coding schemes that the object identifies."""
        return {
            words(row, "CodingSchemeDesignator") for row in rows(self.dataset, "CodingSchemeIdentificationSequence")
        }


def is_library(row: Dataset) -> bool:
    """Whether an item of equipment is the entry by which an encoding library names itself."""
    return "highdicom" in words(row, "Manufacturer").lower()


@dataclass(frozen=True)
class Together:
    """All objects that are judged together."""

    objects: Sequence[Result]
    by_uid: Mapping[str, Result] = field(init=False)

    def __post_init__(self) -> None:
        """Index the objects."""
        object.__setattr__(self, "by_uid", {one.uid: one for one in self.objects})

    def of(self, *kinds: str) -> list[Result]:
        """Those of certain kinds."""
        return [one for one in self.objects if one.kind in kinds]

    def target(self, reference: Dataset) -> Result | None:
        """The object that a reference names, when it is in the set."""
        return self.by_uid.get(uid_of(reference))


@dataclass(frozen=True)
class ResultSet:
    """One object, and everything that is judged with it."""

    this: Result
    together: Together

    @property
    def images(self) -> list[Result]:
        """The source images in the set."""
        return self.together.of("image")

    @property
    def siblings(self) -> list[Result]:
        """The source images of the same study."""
        study = words(self.this.dataset, "StudyInstanceUID")
        return [image for image in self.images if words(image.dataset, "StudyInstanceUID") == study]
