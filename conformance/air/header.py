"""Rules for the header of every result object."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydicom import Dataset

from conformance.air.reading import (
    IMAGE_RESULT_CLASSES,
    OTHER_RESULT_CLASSES,
    PLACEHOLDER_PURPOSE,
    SEG_CLASSES,
    SR_CLASSES,
    algorithm_equipment,
    code_of,
    kind_of,
    purpose_of,
    rows,
    walk,
    words,
)
from conformance.rules import Breach, Rulebook

HEADER: Rulebook[Dataset] = Rulebook("air_rules", ["any"])

_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_UID_LIMIT, _CODE_LIMIT = 64, 16
_TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
_MODALITY = {"sr": "SR", "seg": "SEG"}


@HEADER.rule("AIR-002")
def _result_class(dataset: Dataset) -> Iterator[Breach]:
    sop_class = words(dataset, "SOPClassUID")
    if sop_class not in {**SR_CLASSES, **SEG_CLASSES, **OTHER_RESULT_CLASSES}:
        yield "SOPClassUID", f"{sop_class or 'nothing'} is no AIR result class"


@HEADER.rule("AIR-003")
def _patient_and_study(dataset: Dataset) -> Iterator[Breach]:
    for keyword in _TYPE_2:
        if keyword not in dataset:
            yield keyword, "is absent"
    if not words(dataset, "StudyInstanceUID"):
        yield "StudyInstanceUID", "is absent or empty"


@HEADER.rule("AIR-004")
def _well_formed_uids(dataset: Dataset) -> Iterator[Breach]:
    for path, element in walk(dataset):
        if element.VR == "UI" and not element.is_empty:
            values = element.value if element.VM > 1 else [element.value]
            for value in values:
                if not _UID.fullmatch(str(value)) or len(str(value)) > _UID_LIMIT:
                    yield path, "is no well-formed UID"


@HEADER.rule("AIR-005")
def _complete_codes(dataset: Dataset) -> Iterator[Breach]:
    for path, element in walk(dataset):
        if element.VR != "SQ" or not element.keyword.endswith("CodeSequence"):
            continue
        for number, row in enumerate(element.value, start=1):
            found = code_of(row)
            lacking = [
                what
                for what, there in (("value", found.value), ("coding scheme", found.scheme), ("meaning", found.meaning))
                if not there and not (what == "coding scheme" and "URNCodeValue" in row)
            ]
            if lacking:
                yield f"{path}[{number}]", f"has no {' and no '.join(lacking)}"
            elif len(words(row, "CodeValue")) > _CODE_LIMIT:
                yield f"{path}[{number}]", f"has a Code Value of more than {_CODE_LIMIT} characters"


@HEADER.rule("AIR-006")
def _identified_schemes(dataset: Dataset) -> Iterator[Breach]:
    identified = {words(row, "CodingSchemeDesignator") for row in rows(dataset, "CodingSchemeIdentificationSequence")}
    used = {
        str(element.value)
        for _, element in walk(dataset)
        if element.keyword == "CodingSchemeDesignator" and str(element.value).startswith("99")
    }
    for scheme in sorted(used - identified):
        yield "CodingSchemeIdentificationSequence", f"does not identify the local scheme {scheme}"


@HEADER.rule("AIR-008")
def _series(dataset: Dataset) -> Iterator[Breach]:
    for keyword in ("SeriesInstanceUID", "SeriesNumber", "Modality"):
        if not words(dataset, keyword):
            yield keyword, "is absent or empty"
    expected = _MODALITY.get(kind_of(dataset))
    modality = words(dataset, "Modality")
    if expected and modality and modality != expected:
        yield "Modality", f"is {modality}; the IOD demands {expected}"


@HEADER.rule("AIR-009")
def _series_description(dataset: Dataset) -> Iterator[Breach]:
    if not words(dataset, "SeriesDescription").strip():
        yield "SeriesDescription", "is absent or empty"


@HEADER.rule("AIR-013")
def _instance_number(dataset: Dataset) -> Iterator[Breach]:
    if not words(dataset, "InstanceNumber"):
        yield "InstanceNumber", "is absent or empty"


@HEADER.rule("AIR-014")
def _moment_of_a_report(dataset: Dataset) -> Iterator[Breach]:
    if words(dataset, "SOPClassUID") not in IMAGE_RESULT_CLASSES:
        yield from _content_moment(dataset)


@HEADER.rule("AIR-014-IMAGE")
def _moment_of_an_image(dataset: Dataset) -> Iterator[Breach]:
    if words(dataset, "SOPClassUID") in IMAGE_RESULT_CLASSES:
        yield from _content_moment(dataset)


def _content_moment(dataset: Dataset) -> Iterator[Breach]:
    for keyword in ("ContentDate", "ContentTime"):
        if not words(dataset, keyword):
            yield keyword, "is absent or empty"
    content, study = words(dataset, "ContentDate"), words(dataset, "StudyDate")
    if content and study and content < study:
        yield "ContentDate", "is before the Study Date"


@HEADER.rule("AIR-016")
def _algorithm(dataset: Dataset) -> Iterator[Breach]:
    if not algorithm_equipment(dataset):
        yield "ContributingEquipmentSequence", "has no item with purpose (109102, DCM) for the algorithm"


@HEADER.rule("AIR-018")
def _purpose(dataset: Dataset) -> Iterator[Breach]:
    for path, row in algorithm_equipment(dataset):
        if purpose_of(row).same_as(PLACEHOLDER_PURPOSE):
            yield f"{path}.PurposeOfReferenceCodeSequence", "has the placeholder code of revisions 1.1 and 1.2"


def _each_algorithm_has(dataset: Dataset, keyword: str) -> Iterator[Breach]:
    for path, row in algorithm_equipment(dataset):
        if not words(row, keyword).strip():
            yield f"{path}.{keyword}", "is absent or empty"


@HEADER.rule("AIR-019")
def _algorithm_manufacturer(dataset: Dataset) -> Iterator[Breach]:
    yield from _each_algorithm_has(dataset, "Manufacturer")


@HEADER.rule("AIR-020")
def _algorithm_name(dataset: Dataset) -> Iterator[Breach]:
    yield from _each_algorithm_has(dataset, "ManufacturerModelName")


@HEADER.rule("AIR-021")
def _algorithm_version(dataset: Dataset) -> Iterator[Breach]:
    yield from _each_algorithm_has(dataset, "SoftwareVersions")


@HEADER.rule("AIR-022")
def _algorithm_device(dataset: Dataset) -> Iterator[Breach]:
    yield from _each_algorithm_has(dataset, "DeviceUID")
