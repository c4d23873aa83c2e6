"""Rules for the header of every result object: who, which study, which series, when."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.air.books import OBJECT, SET
from conformance.air.reading import rows, words
from conformance.air.result import Result, ResultSet
from conformance.rules import Breach

RESULTS = ("sr", "seg", "labelmap", "pm", "kos")
_DESCRIPTION_LIMIT = 64
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
_MODALITY = {"sr": "SR", "seg": "SEG", "labelmap": "SEG", "kos": "KO"}
_EQUIPMENT = ("ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions")


def _lacking(result: Result, *keywords: str) -> Iterator[Breach]:
    for keyword in keywords:
        if not words(result.dataset, keyword).strip():
            yield keyword, "is absent or empty"


@OBJECT.rule("AIR-002")
def _result_class(result: Result) -> Iterator[Breach]:
    if result.kind == "other":
        yield "SOPClassUID", f"{words(result.dataset, 'SOPClassUID') or 'nothing'} is no AIR result class"


@OBJECT.rule("AIR-002-LABELMAP")
def _label_map(result: Result) -> Iterator[Breach]:
    yield "SOPClassUID", "is a Label Map Segmentation, which revision 1.3 of AIR does not name"


@OBJECT.rule("AIR-003")
def _patient_and_study(result: Result) -> Iterator[Breach]:
    for keyword in _TYPE_2:
        if keyword not in result.dataset:
            yield keyword, "is absent"
    yield from _lacking(result, "StudyInstanceUID")


@OBJECT.rule("AIR-008")
def _series(result: Result) -> Iterator[Breach]:
    yield from _lacking(result, "SeriesInstanceUID", "SeriesNumber", "Modality")
    expected, modality = _MODALITY.get(result.kind), words(result.dataset, "Modality")
    if expected and modality and modality != expected:
        yield "Modality", f"is {modality}; the IOD demands {expected}"


@SET.rule("AIR-008-MAP")
def _modality_of_a_map(subject: ResultSet) -> Iterator[Breach]:
    modality = words(subject.this.dataset, "Modality")
    usual = {"OT", *(words(image.dataset, "Modality") for image in subject.siblings)}
    if subject.this.kind == "pm" and subject.siblings and modality not in usual:
        yield "Modality", f"is {modality}; usual is {' or '.join(sorted(usual))}"


@OBJECT.rule("AIR-009")
def _series_description(result: Result) -> Iterator[Breach]:
    yield from _lacking(result, "SeriesDescription")
    if len(words(result.dataset, "SeriesDescription")) > _DESCRIPTION_LIMIT:
        yield "SeriesDescription", f"has more than {_DESCRIPTION_LIMIT} characters"


@SET.rule("AIR-009-ALIKE")
def _descriptions_differ(subject: ResultSet) -> Iterator[Breach]:
    this, description = subject.this, words(subject.this.dataset, "SeriesDescription")
    for other in subject.together.of(*RESULTS):
        both_known = this.algorithm_names and other.algorithm_names
        same = description and words(other.dataset, "SeriesDescription") == description
        if this.kind in RESULTS and same and both_known and not this.algorithm_names & other.algorithm_names:
            yield "SeriesDescription", "is also that of a result of another algorithm"
            return


@OBJECT.rule("AIR-010")
def _description_code(result: Result) -> Iterator[Breach]:
    if not rows(result.dataset, "SeriesDescriptionCodeSequence"):
        yield "SeriesDescriptionCodeSequence", "is absent or empty"


@OBJECT.rule("AIR-011")
@OBJECT.rule("AIR-011-REPORT")
def _manufacturer(result: Result) -> Iterator[Breach]:
    yield from _lacking(result, "Manufacturer")


@OBJECT.rule("AIR-012")
@OBJECT.rule("AIR-012-REPORT")
def _equipment(result: Result) -> Iterator[Breach]:
    yield from _lacking(result, *_EQUIPMENT)


@OBJECT.rule("AIR-013")
def _instance_number(result: Result) -> Iterator[Breach]:
    yield from _lacking(result, "InstanceNumber")


@OBJECT.rule("AIR-014")
@OBJECT.rule("AIR-014-IMAGE")
def _content_moment(result: Result) -> Iterator[Breach]:
    yield from _lacking(result, "ContentDate", "ContentTime")
    content, study = words(result.dataset, "ContentDate"), words(result.dataset, "StudyDate")
    if content and study and content < study:
        yield "ContentDate", "is before the Study Date"


@SET.rule("AIR-015")
def _time_zone(subject: ResultSet) -> Iterator[Breach]:
    zones = {words(image.dataset, "TimezoneOffsetFromUTC") for image in subject.siblings} - {""}
    if subject.this.kind in RESULTS and zones and words(subject.this.dataset, "TimezoneOffsetFromUTC") not in zones:
        yield "TimezoneOffsetFromUTC", f"is not that of the source images ({', '.join(sorted(zones))})"
