"""Read files so that whatever is broken in them is found here, in bounded memory and depth."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path

import pydicom
from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from conformance.air.reading import words
from conformance.finding import Finding
from conformance.rules import read_rules

_UNDEFINED_LENGTH = 0xFFFFFFFF
DEFER = 1 << 20
_PIXELS = 0x7FE0
MOST_INFLATED, _CHUNK = 1 << 30, 1 << 20
_META_START = 128 + 4 + 12
_MOST_LEVELS = 64
_NAMED = (("MediaStorageSOPClassUID", "SOPClassUID"), ("MediaStorageSOPInstanceUID", "SOPInstanceUID"))


def read_file(path: Path) -> Dataset | Finding:
    """The dataset of a file, or why there is none; pixels are read when they are asked for."""
    rule = read_rules("air_rules")["AIR-001"]
    try:
        dataset, problem = _decoded(path)
    except Exception as error:  # a broken file can make the reader raise anything
        return rule.broken(str(path), "", f"the file cannot be read as DICOM ({type(error).__name__})")
    if problem:
        return rule.broken(str(path), "", problem)
    for of_meta, of_dataset in _NAMED:
        if words(dataset.file_meta, of_meta) != words(dataset, of_dataset) or not words(dataset, of_dataset):
            return rule.broken(str(path), of_meta, f"{of_meta} of the file is not the {of_dataset} of the instance")
    return dataset


def _decoded(path: Path) -> tuple[Dataset, str]:
    """The dataset with everything but pixels decoded, so that a broken element is found here; and what is wrong.

    What the reader warns of is for the rules to find, except that it says in this way only that a file is cut off.
    """
    if _inflates_too_far(path):
        return Dataset(), "the file inflates to more than 1 GiB"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = pydicom.dcmread(path, defer_size=DEFER)
        octets = path.stat().st_size
        cut = any(" in file " in str(one.message) for one in said) or any(
            _is_cut_off(dataset.get_item(tag, keep_deferred=True), octets)
            for tag in dataset.keys()  # noqa: SIM118 - its values would decode it
        )
        for part in (dataset.file_meta, dataset):
            _decode(part, 0)
    return dataset, "the file ends within an element" if cut else ""


def _decode(dataset: Dataset, level: int) -> None:
    if level > _MOST_LEVELS:
        raise RecursionError
    for tag in list(dataset.keys()):
        if tag.group == _PIXELS:
            continue
        element = dataset[tag]
        if element.VR == "SQ":
            for row in element.value:
                _decode(row, level + 1)


def _inflates_too_far(path: Path) -> bool:
    """Whether a deflated file would fill the memory."""
    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return False
    inflater, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with path.open("rb") as stream:
        stream.seek(_META_START + meta.FileMetaInformationGroupLength)
        while packed := (inflater.unconsumed_tail or stream.read(_CHUNK)):
            total += len(inflater.decompress(packed, _CHUNK))
            if total > MOST_INFLATED:
                return True
    return False


def _is_cut_off(element: DataElement | RawDataElement | None, octets: int) -> bool:
    if not isinstance(element, RawDataElement) or element.length == _UNDEFINED_LENGTH:
        return False
    if element.value is None and element.length:  # deferred
        return element.value_tell + element.length > octets
    return len(element.value or b"") < element.length
