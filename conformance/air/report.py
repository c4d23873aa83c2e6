"""Rules for structured reports: header, TID 1500 and its measurement groups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from pydicom import Dataset

from conformance.air.reading import (
    COMPREHENSIVE_3D,
    Item,
    algorithm_equipment,
    algorithms_of,
    evidence_of,
    first_code,
    groups_of,
    references_of,
    root_of,
    rows,
    words,
)
from conformance.rules import Breach, Rulebook
from profiles.tables import read_table

REPORT: Rulebook[Dataset] = Rulebook("air_rules", ["sr", "tid1500", "tree"])

_CURRENT, _OTHER = "CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"
_TITLES = {"126000", "126001", "126002", "126003"}
_VALUE_OF = {
    "TEXT": "TextValue",
    "CODE": "ConceptCodeSequence",
    "NUM": "MeasuredValueSequence",
    "UIDREF": "UID",
    "IMAGE": "ReferencedSOPSequence",
    "COMPOSITE": "ReferencedSOPSequence",
    "SCOORD": "GraphicData",
    "SCOORD3D": "GraphicData",
    "DATE": "Date",
    "TIME": "Time",
    "DATETIME": "DateTime",
    "PNAME": "PersonName",
}


@REPORT.rule("AIR-026")
def _observer_is_equipment(report: Dataset) -> Iterator[Breach]:
    root = root_of(report)
    stated = {
        keyword: found.value
        for concept, keyword in (
            ("121012", "DeviceUID"),
            ("121014", "Manufacturer"),
            ("121015", "ManufacturerModelName"),
        )
        if (found := root.child(concept))
    }
    known = algorithm_equipment(report)
    if known and not any(all(words(row, keyword) == value for keyword, value in stated.items()) for _, row in known):
        yield root.path, "the device observer is none of the items of Contributing Equipment Sequence"


@REPORT.rule("AIR-027")
def _algorithm_is_equipment(report: Dataset) -> Iterator[Breach]:
    known = algorithms_of(report)
    root = root_of(report)
    for parent in (root, *root.all_below()) if known else ():
        name, version = parent.child("111001"), parent.child("111003")
        if name is None and version is None:
            continue
        if name is None or version is None:
            yield parent.path, "names an algorithm without its version, or a version without its algorithm"
        elif (name.value, version.value) not in known:
            yield parent.path, "names an algorithm that is no item of Contributing Equipment Sequence"


@REPORT.rule("AIR-031")
def _class(report: Dataset) -> Iterator[Breach]:
    if words(report, "SOPClassUID") != COMPREHENSIVE_3D:
        yield "SOPClassUID", "is no Comprehensive 3D SR"


@REPORT.rule("AIR-032")
def _completion(report: Dataset) -> Iterator[Breach]:
    if words(report, "CompletionFlag") not in {"PARTIAL", "COMPLETE"}:
        yield "CompletionFlag", f"is {words(report, 'CompletionFlag') or 'absent'}"


@REPORT.rule("AIR-033")
def _verification(report: Dataset) -> Iterator[Breach]:
    if words(report, "VerificationFlag") not in {"UNVERIFIED", "VERIFIED"}:
        yield "VerificationFlag", f"is {words(report, 'VerificationFlag') or 'absent'}"


@REPORT.rule("AIR-034")
def _machines_do_not_verify(report: Dataset) -> Iterator[Breach]:
    observers = [found.value for found in root_of(report).children if found.named("121005")]
    if words(report, "VerificationFlag") == "VERIFIED" and observers == ["121007"]:
        yield "VerificationFlag", "is VERIFIED, but the only observer is a device"


@REPORT.rule("AIR-035")
def _verifier(report: Dataset) -> Iterator[Breach]:
    if words(report, "VerificationFlag") != "VERIFIED":
        return
    needed = ("VerifyingObserverName", "VerifyingOrganization", "VerificationDateTime")
    observers = rows(report, "VerifyingObserverSequence")
    if not observers or any(not words(row, keyword) for row in observers for keyword in needed):
        yield "VerifyingObserverSequence", "does not name person, organization and time"


@REPORT.rule("AIR-037")
def _procedure_sequences(report: Dataset) -> Iterator[Breach]:
    for keyword in ("PerformedProcedureCodeSequence", "ReferencedPerformedProcedureStepSequence"):
        if keyword not in report:
            yield keyword, "is absent"


@REPORT.rule("AIR-038")
def _request(report: Dataset) -> Iterator[Breach]:
    accession = words(report, "AccessionNumber")
    requests = rows(report, "ReferencedRequestSequence")
    if accession and not requests:
        yield "ReferencedRequestSequence", "is absent or empty"
    elif accession and accession not in {words(row, "AccessionNumber") for row in requests}:
        yield "ReferencedRequestSequence", "does not name the Accession Number of the study"


@REPORT.rule("AIR-039")
def _evidence(report: Dataset) -> Iterator[Breach]:
    listed = {**evidence_of(report, _CURRENT), **evidence_of(report, _OTHER)}
    missing = [
        (found, reference)
        for found, reference in references_of(report)
        if words(reference, "ReferencedSOPInstanceUID") not in listed
    ]
    if missing:
        found, reference = missing[0]
        uid = words(reference, "ReferencedSOPInstanceUID")
        yield found.path, f"refers to {uid}, which is no evidence ({len(missing)} such references)"


@REPORT.rule("AIR-041")
def _evidence_by_study(report: Dataset) -> Iterator[Breach]:
    own = words(report, "StudyInstanceUID")
    if any(study != own for study, _ in evidence_of(report, _CURRENT).values()):
        yield _CURRENT, "holds instances of another study"
    if any(study == own for study, _ in evidence_of(report, _OTHER).values()):
        yield _OTHER, "holds instances of the own study"


@REPORT.rule("AIR-043")
def _template(report: Dataset) -> Iterator[Breach]:
    templates = rows(report, "ContentTemplateSequence")
    if not any(
        words(row, "TemplateIdentifier") == "1500" and words(row, "MappingResource") == "DCMR" for row in templates
    ):
        yield "ContentTemplateSequence", "does not name template 1500 of DCMR"


@REPORT.rule("AIR-045")
def _root(report: Dataset) -> Iterator[Breach]:
    root = root_of(report)
    if root.value_type != "CONTAINER" or words(report, "ContinuityOfContent") not in {"SEPARATE", "CONTINUOUS"}:
        yield "ValueType", "the root is no container with Continuity of Content"
    if not root.concept.value:
        yield "ConceptNameCodeSequence", "the root has no title"


@REPORT.rule("AIR-045-TITLE")
def _title(report: Dataset) -> Iterator[Breach]:
    title = root_of(report).concept
    if title.value and (title.value not in _TITLES or title.scheme != "DCM"):
        yield "ConceptNameCodeSequence", f"the title {title} is none of CID 7021"


@REPORT.rule("AIR-050")
def _values(report: Dataset) -> Iterator[Breach]:
    for found in root_of(report).all_below():
        keyword = _VALUE_OF.get(found.value_type)
        absent = keyword and keyword not in found.dataset
        empty = keyword and found.value_type != "NUM" and not absent and found.dataset[keyword].is_empty
        if absent or empty:
            yield found.path, f"an item of type {found.value_type} has no {keyword}"


@REPORT.rule("AIR-053")
def _observation_uids(report: Dataset) -> Iterator[Breach]:
    for group in groups_of(report):
        for found in group.children:
            observed = (
                found.value_type in {"NUM", "SCOORD", "SCOORD3D"} or found.named("121071") or found.named("121191")
            )
            if observed and not words(found.dataset, "ObservationUID"):
                yield found.path, f"{found.concept.meaning or found.value_type} has no Observation UID"


@REPORT.rule("AIR-057")
def _has_results(report: Dataset) -> Iterator[Breach]:
    root = root_of(report)
    if not any(root.child(*code) for code in (("126010",), ("126011",), ("C0034375", "UMLS"))):
        yield root.path, "has neither measurements nor qualitative evaluations"


@REPORT.rule("AIR-058")
def _procedure(report: Dataset) -> Iterator[Breach]:
    found = root_of(report).child("121058")
    if found is None or found.relationship != "HAS CONCEPT MOD":
        yield root_of(report).path, "has no Procedure reported"


@REPORT.rule("AIR-060")
def _device_observer(report: Dataset) -> Iterator[Breach]:
    root = root_of(report)
    kind, uid = root.child("121005"), root.child("121012")
    if kind is None or kind.value != "121007" or kind.relationship != "HAS OBS CONTEXT":
        yield root.path, "has no Observer Type of value Device"
    if uid is None or uid.value_type != "UIDREF" or not uid.value or uid.relationship != "HAS OBS CONTEXT":
        yield root.path, "has no Device Observer UID"


@REPORT.rule("AIR-065")
def _library(report: Dataset) -> Iterator[Breach]:
    if references_of(report) and root_of(report).child("111028") is None:
        yield root_of(report).path, "has no Image Library"


def _only_absent(group: Item) -> bool:
    return any(found.named("373572006", "SCT") for found in group.children)


@REPORT.rule("AIR-070")
def _tracking_identifier(report: Dataset) -> Iterator[Breach]:
    for group in groups_of(report):
        found = group.child("112039")
        if not _only_absent(group) and (found is None or not found.value or found.relationship != "HAS OBS CONTEXT"):
            yield group.path, "has no Tracking Identifier"


@REPORT.rule("AIR-071")
def _tracking_uid(report: Dataset) -> Iterator[Breach]:
    for group in groups_of(report):
        found = group.child("112040")
        if not _only_absent(group) and (found is None or not found.value or found.relationship != "HAS OBS CONTEXT"):
            yield group.path, "has no Tracking Unique Identifier"


@REPORT.rule("AIR-075")
def _finding(report: Dataset) -> Iterator[Breach]:
    for group in groups_of(report):
        findings = [found for found in group.children if found.named("121071")]
        if len(findings) > 1:
            yield group.path, f"has {len(findings)} findings"
        for found in findings:
            if found.value_type != "CODE" or found.relationship != "CONTAINS":
                yield found.path, f"Finding is of type {found.value_type}, related by {found.relationship}"


@REPORT.rule("AIR-079")
def _site(report: Dataset) -> Iterator[Breach]:
    for group in groups_of(report):
        for found in group.children:
            if found.named("363698007", "SCT") and found.relationship != "HAS CONCEPT MOD":
                yield found.path, f"Finding Site is related by {found.relationship}"


def _numbers(report: Dataset) -> list[tuple[Item, Dataset | None]]:
    """All NUM items with their measured value, if they have one."""
    return [
        (found, next(iter(rows(found.dataset, "MeasuredValueSequence")), None))
        for found in root_of(report).all_below()
        if found.value_type == "NUM"
    ]


@REPORT.rule("AIR-090")
def _measured(report: Dataset) -> Iterator[Breach]:
    for found, value in _numbers(report):
        if value is None and not rows(found.dataset, "NumericValueQualifierCodeSequence"):
            yield found.path, f"{found.concept.meaning} has neither a value nor a reason for having none"
        elif value is not None and not words(value, "NumericValue"):
            yield found.path, f"{found.concept.meaning} has an empty Numeric Value"


@REPORT.rule("AIR-092")
def _units(report: Dataset) -> Iterator[Breach]:
    for found, value in _numbers(report):
        unit = first_code(value, "MeasurementUnitsCodeSequence") if value is not None else None
        if unit and (unit.scheme != "UCUM" or not unit.value or (unit.value.isdigit() and unit.value != "1")):
            yield found.path, f"{found.concept.meaning} has the unit {unit}"


@cache
def _fitting_units() -> dict[tuple[str, str], set[str]]:
    return {
        (row["scheme"], row["value"]): set(row["units"].split()) for row in read_table("profiles.dicom", "quantities")
    }


@REPORT.rule("AIR-093")
def _fitting(report: Dataset) -> Iterator[Breach]:
    for found, value in _numbers(report):
        units = _fitting_units().get((found.concept.scheme, found.concept.value))
        unit = first_code(value, "MeasurementUnitsCodeSequence").value if value is not None else ""
        if units and unit and unit not in units and unit.lower() not in {known.lower() for known in units}:
            yield found.path, f"{found.concept.meaning} is given in {unit}"


def _segment_groups(report: Dataset) -> Iterator[tuple[Item, list[Item]]]:
    """Groups with referenced segments (121191, DCM), and those items."""
    for group in groups_of(report):
        segments = [found for found in group.children if found.named("121191")]
        if segments:
            yield group, segments


@REPORT.rule("AIR-110")
def _one_kind_of_region(report: Dataset) -> Iterator[Breach]:
    for group, segments in _segment_groups(report):
        others = [found for found in group.children if found.named("111030") or found.named("121231")]
        if others or len(segments) > 1:
            yield group.path, "mixes kinds of regions, or refers to several segments"


@REPORT.rule("AIR-111")
def _segment_sources(report: Dataset) -> Iterator[Breach]:
    for group, _ in _segment_groups(report):
        images = [found for found in group.children if found.named("121233")]
        series = [found for found in group.children if found.named("121232")]
        if bool(images) == bool(series) or len(series) > 1:
            yield group.path, "must name either the source images or the source series of its segment"


@REPORT.rule("AIR-112")
def _segment_number(report: Dataset) -> Iterator[Breach]:
    for _, segments in _segment_groups(report):
        for found in segments:
            references = rows(found.dataset, "ReferencedSOPSequence")
            if not references or references[0].get("ReferencedSegmentNumber") in (None, ""):
                yield found.path, "has no Referenced Segment Number"


@REPORT.rule("AIR-200")
def _tree(report: Dataset) -> Iterator[Breach]:
    yield root_of(report).path, "is a result tree"
