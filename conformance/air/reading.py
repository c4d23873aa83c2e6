"""Walk and read datasets as they are: whatever is missing reads as empty, nothing raises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom import Dataset, Sequence
from pydicom.multival import MultiValue

from profiles.dicom import Code

SR_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.34": "Comprehensive 3D SR",
    "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR",
    "1.2.840.10008.5.1.4.1.1.88.22": "Enhanced SR",
    "1.2.840.10008.5.1.4.1.1.88.11": "Basic Text SR",
}
COMPREHENSIVE_3D = "1.2.840.10008.5.1.4.1.1.88.34"
SEG_CLASSES = {"1.2.840.10008.5.1.4.1.1.66.4": "Segmentation"}
OTHER_RESULT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.30": "Parametric Map",
    "1.2.840.10008.5.1.4.1.1.88.59": "Key Object Selection",
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation",
}

IMAGE_RESULT_CLASSES = {
    *SEG_CLASSES,
    "1.2.840.10008.5.1.4.1.1.30",
    "1.2.840.10008.5.1.4.1.1.66.7",
}


def kind_of(dataset: Dataset) -> str:
    """``sr``, ``seg``, ``other`` for further result classes, or ``image`` for anything else."""
    sop_class = words(dataset, "SOPClassUID")
    if sop_class in SR_CLASSES:
        return "sr"
    if sop_class in SEG_CLASSES:
        return "seg"
    modality = words(dataset, "Modality")
    return "other" if sop_class in OTHER_RESULT_CLASSES or modality in {"SR", "SEG", "KO"} else "image"


def is_tree(report: Dataset) -> bool:
    """Whether a report is a result tree, which orders other results (AIR Appendix A), and none of TID 1500."""
    templates = {words(row, "TemplateIdentifier") for row in rows(report, "ContentTemplateSequence")}
    return "IHERADAIR1" in templates or any(
        found.named(concept, "99IHE") for found in root_of(report).children for concept in ("AIR003", "AIR004")
    )


def words(dataset: Dataset, keyword: str) -> str:
    """An attribute as text; empty when it is absent or empty."""
    value = dataset.get(keyword)
    return "" if value is None else str(value)


def several(dataset: Dataset, keyword: str) -> list[str]:
    """All values of an attribute as text."""
    value = dataset.get(keyword)
    return [str(part) for part in value] if isinstance(value, MultiValue) else [str(value)] if value else []


def whole(dataset: Dataset, keyword: str) -> int | None:
    """An attribute as a whole number; None when it is absent, empty or no number."""
    value = dataset.get(keyword)
    return int(value) if isinstance(value, int | float) and float(value).is_integer() else None


def rows(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none when it is absent."""
    value = dataset.get(keyword)
    return list(value) if isinstance(value, Sequence) else []


def code_of(row: Dataset) -> Code:
    """A code item as a code."""
    value = words(row, "CodeValue") or words(row, "LongCodeValue") or words(row, "URNCodeValue")
    return Code(value, words(row, "CodingSchemeDesignator"), words(row, "CodeMeaning"))


def first_code(dataset: Dataset, keyword: str) -> Code:
    """The first code of a code sequence; an empty code when there is none."""
    found = rows(dataset, keyword)
    return code_of(found[0]) if found else Code("", "")


def walk(dataset: Dataset, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every element with its path, sequences before their items."""
    for element in dataset:
        here = f"{path}.{element.keyword or element.tag}" if path else (element.keyword or str(element.tag))
        yield here, element
        if element.VR == "SQ":
            for number, row in enumerate(element.value, start=1):
                yield from walk(row, f"{here}[{number}]")


class Item:
    """One content item of an SR tree, with its place."""

    def __init__(self, dataset: Dataset, path: str) -> None:
        self.dataset = dataset
        self.path = path
        self.value_type = words(dataset, "ValueType")
        self.relationship = words(dataset, "RelationshipType")
        self.concept = first_code(dataset, "ConceptNameCodeSequence")

    def named(self, value: str, scheme: str = "DCM") -> bool:
        """Whether its concept name is this code."""
        return (self.concept.value, self.concept.scheme) == (value, scheme)

    @property
    def children(self) -> list[Item]:
        """The items directly below."""
        return [
            Item(row, f"{self.path}.{number}")
            for number, row in enumerate(rows(self.dataset, "ContentSequence"), start=1)
        ]

    def all_below(self) -> Iterator[Item]:
        """All items below, depth first."""
        for child in self.children:
            yield child
            yield from child.all_below()

    def child(self, value: str, scheme: str = "DCM") -> Item | None:
        """The first child with this concept name."""
        return next((child for child in self.children if child.named(value, scheme)), None)

    @property
    def value(self) -> str:
        """Text, UID or code value of the item, as text."""
        if self.value_type == "CODE":
            return first_code(self.dataset, "ConceptCodeSequence").value
        keyword = {"TEXT": "TextValue", "UIDREF": "UID"}.get(self.value_type, "")
        return words(self.dataset, keyword) if keyword else ""


def root_of(report: Dataset) -> Item:
    """The root of a report's tree; its path is ``1``, as in SR dumps."""
    return Item(report, "1")


def groups_of(report: Dataset) -> list[Item]:
    """All measurement groups (125007, DCM)."""
    return [found for found in root_of(report).all_below() if found.named("125007")]


PLACEHOLDER_PURPOSE = Code("Newcode1", "99IHE")
"""Purpose of an algorithm's equipment in revisions 1.1 and 1.2 of AIR."""

_PURPOSES = (Code("109102", "DCM"), PLACEHOLDER_PURPOSE)


def algorithm_equipment(dataset: Dataset) -> list[tuple[str, Dataset]]:
    """Items of Contributing Equipment Sequence that stand for an algorithm, with their path.

    Entries by which an encoding library names itself are none (air.md AIR-025).
    """
    return [
        (f"ContributingEquipmentSequence[{number}]", row)
        for number, row in enumerate(rows(dataset, "ContributingEquipmentSequence"), start=1)
        if any(purpose_of(row).same_as(purpose) for purpose in _PURPOSES)
        and "highdicom" not in words(row, "Manufacturer").lower()
    ]


def algorithms_of(dataset: Dataset) -> set[tuple[str, str]]:
    """Name and version of each algorithm among the equipment; an item of several versions counts with each."""
    return {
        (words(row, "ManufacturerModelName"), version)
        for _, row in algorithm_equipment(dataset)
        for version in several(row, "SoftwareVersions")
    }


def purpose_of(row: Dataset) -> Code:
    """What a reference or an item of equipment is there for."""
    return first_code(row, "PurposeOfReferenceCodeSequence")


def evidence_of(report: Dataset, keyword: str) -> dict[str, tuple[str, str]]:
    """Instances of an evidence sequence: SOP Instance UID to study and SOP class."""
    return {
        words(instance, "ReferencedSOPInstanceUID"): (
            words(study, "StudyInstanceUID"),
            words(instance, "ReferencedSOPClassUID"),
        )
        for study in rows(report, keyword)
        for series in rows(study, "ReferencedSeriesSequence")
        for instance in rows(series, "ReferencedSOPSequence")
    }


def references_of(report: Dataset) -> list[tuple[Item, Dataset]]:
    """Every reference to an instance in the tree, with the item that holds it."""
    return [
        (found, reference)
        for found in root_of(report).all_below()
        for reference in rows(found.dataset, "ReferencedSOPSequence")
    ]


def frame_groups(segmentation: Dataset) -> list[list[Dataset]]:
    """For each frame, its own functional groups and the shared ones."""
    shared = rows(segmentation, "SharedFunctionalGroupsSequence")[:1]
    return [[frame, *shared] for frame in rows(segmentation, "PerFrameFunctionalGroupsSequence")]


def in_groups(groups: list[Dataset], keyword: str) -> Dataset:
    """The first item of a functional group, from the frame's groups or the shared ones; empty when in neither."""
    return next((rows(group, keyword)[0] for group in groups if rows(group, keyword)), Dataset())


def frame_segment(groups: list[Dataset]) -> int | None:
    """The segment that a frame shows."""
    return whole(in_groups(groups, "SegmentIdentificationSequence"), "ReferencedSegmentNumber")


def frame_sources(groups: list[Dataset]) -> list[str]:
    """The source instances of a frame."""
    return [
        words(source, "ReferencedSOPInstanceUID")
        for group in groups
        for derivation in rows(group, "DerivationImageSequence")
        for source in rows(derivation, "SourceImageSequence")
    ]


_PLAIN = {"", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"}
"""Transfer syntaxes whose pixels lie side by side once they are read; a dataset in memory may have none."""


def plain_pixels(segmentation: Dataset) -> bytes | None:
    """The pixel data when they are not compressed frame by frame; None otherwise."""
    syntax = words(getattr(segmentation, "file_meta", None) or Dataset(), "TransferSyntaxUID")
    pixels = segmentation.get("PixelData")
    return pixels if syntax in _PLAIN and isinstance(pixels, bytes) else None


def frame_size(segmentation: Dataset) -> int:
    """Pixels of one frame."""
    return (whole(segmentation, "Rows") or 0) * (whole(segmentation, "Columns") or 0)


def is_tiled_full(segmentation: Dataset) -> bool:
    """Whether frames are described by their order alone, without an item for each (PS3.3 C.7.6.17.3)."""
    return words(segmentation, "DimensionOrganizationType") == "TILED_FULL"
