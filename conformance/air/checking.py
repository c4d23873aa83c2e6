"""Judge a set of AIR objects: each by its kind, then all together."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import pydicom
from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement

from conformance.air.header import HEADER
from conformance.air.reading import is_tree, kind_of, words
from conformance.air.report import REPORT
from conformance.air.segmentation import SEGMENTATION
from conformance.air.sets import SET, ResultSet
from conformance.finding import Finding
from conformance.rules import read_rules

_UNDEFINED_LENGTH = 0xFFFFFFFF


def check_datasets(objects: Sequence[tuple[str, Dataset]]) -> list[Finding]:
    """Judge objects in memory.

    Args:
        objects: each with the name to report it by. Images among them are taken as the sources: they are not judged,
            the results are compared with them.

    Returns:
        Every broken rule, object by object.
    """
    instances = {words(dataset, "SOPInstanceUID"): dataset for _, dataset in objects}
    return [
        found
        for name, dataset in objects
        if kind_of(dataset) != "image"
        for found in _judged(name, dataset, ResultSet(dataset, instances))
    ]


def check_files(paths: Sequence[Path]) -> list[Finding]:
    """Judge files and folders; a file that cannot be read is one finding."""
    findings: list[Finding] = []
    objects: list[tuple[str, Dataset]] = []
    for path in _files(paths):
        dataset = _read(path)
        if isinstance(dataset, Finding):
            findings.append(dataset)
        else:
            objects.append((str(path), dataset))
    return findings + check_datasets(objects)


def _judged(name: str, dataset: Dataset, together: ResultSet) -> Iterator[Finding]:
    yield from HEADER.look(dataset, name, ["any"])
    kind = kind_of(dataset)
    if kind == "sr":
        yield from REPORT.look(dataset, name, ["sr", "tree" if is_tree(dataset) else "tid1500"])
    elif kind == "seg":
        yield from SEGMENTATION.look(dataset, name, ["seg"])
    yield from SET.look(together, name, ["set"])


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]


def _read(path: Path) -> Dataset | Finding:
    rule = read_rules("air_rules")["AIR-001"]
    try:
        dataset, whole = _decoded(path)
    except Exception as error:  # a broken file can make the reader raise anything
        return rule.broken(str(path), "", f"the file cannot be read as DICOM ({type(error).__name__})")
    if not whole:
        return rule.broken(str(path), "", "the file ends within an element")
    meta = dataset.file_meta
    for of_meta, of_dataset in (
        ("MediaStorageSOPClassUID", "SOPClassUID"),
        ("MediaStorageSOPInstanceUID", "SOPInstanceUID"),
    ):
        if words(meta, of_meta) != words(dataset, of_dataset) or not words(dataset, of_dataset):
            return rule.broken(str(path), of_meta, f"{of_meta} of the file is not the {of_dataset} of the instance")
    return dataset


def _decoded(path: Path) -> tuple[Dataset, bool]:
    """The dataset with everything decoded, so that a broken element is found here; and whether the file is whole.

    What the reader warns of is for the rules to find, except that it says in this way only that a file is cut off.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = pydicom.dcmread(path)
        whole = not any(" in file " in str(one.message) for one in said) and not any(
            _is_cut_off(dataset.get_item(tag))
            for tag in dataset.keys()  # noqa: SIM118 - its values would decode it
        )
        for part in (dataset.file_meta, dataset):
            for _ in part.iterall():
                pass
    return dataset, whole


def _is_cut_off(element: DataElement | RawDataElement | None) -> bool:
    return (
        isinstance(element, RawDataElement)
        and element.length != _UNDEFINED_LENGTH
        and len(element.value or b"") < element.length
    )
