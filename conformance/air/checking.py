"""Judge a set of AIR objects: each by its kind, then all together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pydicom
from pydicom import Dataset

from conformance.air.header import HEADER
from conformance.air.reading import kind_of, words
from conformance.air.report import REPORT
from conformance.air.segmentation import SEGMENTATION
from conformance.air.sets import SET, ResultSet
from conformance.finding import Finding
from conformance.rules import read_rules

_KIND_RULES = {"sr": REPORT, "seg": SEGMENTATION}


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
    kind = kind_of(dataset)
    yield from HEADER.look(dataset, name, ["any"])
    if kind in _KIND_RULES:
        yield from _KIND_RULES[kind].look(dataset, name, [kind])
    yield from SET.look(together, name, ["set"])


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]


def _read(path: Path) -> Dataset | Finding:
    rule = read_rules("air_rules")["AIR-001"]
    try:
        dataset = pydicom.dcmread(path)
        for _ in dataset.iterall():  # decode everything now, so that a broken element is found here and nowhere else
            pass
    except Exception as error:  # a broken file can make the reader raise anything
        return rule.broken(str(path), "", f"the file cannot be read as DICOM ({type(error).__name__})")
    meta = dataset.file_meta
    for of_meta, of_dataset in (
        ("MediaStorageSOPClassUID", "SOPClassUID"),
        ("MediaStorageSOPInstanceUID", "SOPInstanceUID"),
    ):
        if words(meta, of_meta) != words(dataset, of_dataset) or not words(dataset, of_dataset):
            return rule.broken(str(path), of_meta, f"{of_meta} of the file is not the {of_dataset} of the instance")
    return dataset
