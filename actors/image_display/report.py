"""Read a measurement report (TID 1500 and what resembles it) into values for a page, all of them verbatim.

Nothing is computed or rounded: a number is the text that stands in Numeric Value (0040,A30A). What is not understood is
kept as name and value, so that nothing in a report goes unseen (air.md D-13).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pydicom.dataset import Dataset

from profiles.dicom import Code, code

_DCM = "DCM"
MEASUREMENT_GROUP = code(_DCM, "125007")
TRACKING_IDENTIFIER = code(_DCM, "112039")
TRACKING_UID = code(_DCM, "112040")
FINDING = code(_DCM, "121071")
ALGORITHM_NAME = code(_DCM, "111001")
ALGORITHM_VERSION = code(_DCM, "111003")
DEVICE_MANUFACTURER = code(_DCM, "121014")
DEVICE_MODEL = code(_DCM, "121015")
REFERENCED_SEGMENT = code(_DCM, "121191")
SITE = code("SCT", "363698007")
LATERALITY = code("SCT", "272741003")
CATEGORY = code("SCT", "276214006")
ABSENT = code("SCT", "373572006")
_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Value:
    """One line of a report: what, how much or which, and of what kind.

    Attributes:
        name: meaning of the concept name.
        code: value and scheme of the concept name, for the tooltip.
        value: the value as it stands in the object.
        unit: of a number; its meaning.
        kind: ``NUM``, ``CODE``, ``TEXT`` and so on (PS3.3 section C.17.3.2.1).
        modifiers: derivation, method, site and the like, in words.
    """

    name: str
    code: str
    value: str
    unit: str = ""
    kind: str = "TEXT"
    modifiers: tuple[str, ...] = ()
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """One measurement group: a finding with its place and values, and in what context they were made."""

    tracking_id: str = ""
    tracking_uid: str = ""
    finding: str = ""
    site: str = ""
    segment: tuple[str, int] | None = None
    values: tuple[Value, ...] = ()
    context: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A structured report."""

    uid: str
    title: str
    series_description: str
    content_date: str
    content_time: str
    completion: str
    verification: str
    preliminary: str
    patient_id: str
    manufacturer: str = ""
    algorithm: str = ""
    version: str = ""
    groups: tuple[Group, ...] = ()
    others: tuple[Value, ...] = field(default=())
    sop_class: str = ""


def read_report(dataset: Dataset) -> Report:
    """The report that an SR instance holds."""
    walked = list(_walk(dataset, 0))
    engine = _engine(dataset)

    def said(wanted: Code) -> str:
        return next((_value(one) for one in walked if wanted.same_as(_name(one))), "")

    groups = tuple(_group(one) for one in walked if MEASUREMENT_GROUP.same_as(_name(one)))
    return Report(
        uid=str(dataset.SOPInstanceUID),
        title=_meaning(dataset, "ConceptNameCodeSequence") or "Structured report",
        series_description=str(dataset.get("SeriesDescription", "")),
        content_date=str(dataset.get("ContentDate", "")),
        content_time=str(dataset.get("ContentTime", "")),
        completion=str(dataset.get("CompletionFlag", "")),
        verification=str(dataset.get("VerificationFlag", "")),
        preliminary=str(dataset.get("PreliminaryFlag", "")),
        patient_id=str(dataset.get("PatientID", "")),
        manufacturer=said(DEVICE_MANUFACTURER) or engine[0],
        algorithm=said(ALGORITHM_NAME) or said(DEVICE_MODEL) or engine[1],
        version=said(ALGORITHM_VERSION) or engine[2],
        groups=groups,
        others=tuple(_loose(dataset)),
        sop_class=str(dataset.get("SOPClassUID", "")),
    )


def _engine(dataset: Dataset) -> tuple[str, str, str]:
    """Manufacturer, model and version from Contributing Equipment (air.md G2)."""
    for one in dataset.get("ContributingEquipmentSequence", []):
        purpose = one.get("PurposeOfReferenceCodeSequence")
        if purpose and str(purpose[0].get("CodeValue", "")) == "109102":
            versions = one.get("SoftwareVersions", "")
            version = versions if isinstance(versions, str) else " ".join(str(part) for part in versions or [])
            return str(one.get("Manufacturer", "")), str(one.get("ManufacturerModelName", "")), version
    return "", "", ""


def equipment(dataset: Dataset) -> tuple[str, str, str]:
    """Manufacturer, model and version of the algorithm that contributed to any result object."""
    return _engine(dataset)


def _children(one: Dataset) -> list[Dataset]:
    return list(one.get("ContentSequence", []))


def _walk(one: Dataset, depth: int) -> Iterator[Dataset]:
    if depth > _DEPTH:
        return
    for child in _children(one):
        yield child
        yield from _walk(child, depth + 1)


def _loose(dataset: Dataset) -> Iterator[Value]:
    """Values outside of measurement groups and context: qualitative evaluations, impressions, foreign extensions."""

    def walk(one: Dataset, depth: int) -> Iterator[Value]:
        for child in _children(one):
            name = _name(child)
            if (
                MEASUREMENT_GROUP.same_as(name)
                or depth > _DEPTH
                or str(child.get("RelationshipType", "")) != "CONTAINS"
            ):
                continue
            if child.get("ValueType") in {"NUM", "CODE", "TEXT", "DATE", "TIME", "DATETIME", "PNAME", "UIDREF"}:
                yield _as_value(child)
            if name is None or name.value != "111028":  # the image library lists the input, it is no result
                yield from walk(child, depth + 1)

    return walk(dataset, 0)


def _group(container: Dataset) -> Group:
    group, values, context = Group(), list[Value](), list[Value]()
    for child in _children(container):
        name, kind = _name(child), str(child.get("ValueType", ""))
        if TRACKING_IDENTIFIER.same_as(name):
            group = replace(group, tracking_id=_value(child))
        elif TRACKING_UID.same_as(name):
            group = replace(group, tracking_uid=_value(child))
        elif FINDING.same_as(name):
            group = replace(group, finding=_value(child))
        elif SITE.same_as(name):
            side = next((_value(one) for one in _children(child) if LATERALITY.same_as(_name(one))), "")
            group = replace(group, site=f"{_value(child)}, {side}" if side else _value(child))
        elif kind == "IMAGE":
            group = replace(group, segment=group.segment or _segment(child))
        elif kind in {"NUM", "CODE", "TEXT", "DATE", "TIME", "DATETIME", "PNAME"}:
            contained = str(child.get("RelationshipType", "")) == "CONTAINS" and not CATEGORY.same_as(name)
            (values if contained else context).append(_as_value(child))
    return replace(group, values=tuple(values), context=tuple(context))


def _segment(child: Dataset) -> tuple[str, int] | None:
    """SEG instance and segment number of a Referenced Segment item."""
    if not REFERENCED_SEGMENT.same_as(_name(child)):
        return None
    for one in child.get("ReferencedSOPSequence", []):
        number = one.get("ReferencedSegmentNumber", 0)
        first = number[0] if not isinstance(number, int) and number else number
        return str(one.get("ReferencedSOPInstanceUID", "")), int(first or 0)
    return None


def _as_value(child: Dataset) -> Value:
    name = _name(child)
    return Value(
        name=name.meaning if name else str(child.get("ValueType", "")),
        code=f"{name.value}, {name.scheme}" if name else "",
        value=_value(child),
        unit=_unit(child),
        kind=str(child.get("ValueType", "")),
        modifiers=tuple(
            f"{_meaning(one, 'ConceptNameCodeSequence')}: {_value(one)}"
            for one in _children(child)
            if str(one.get("RelationshipType", "")) == "HAS CONCEPT MOD"
        ),
        absent=ABSENT.same_as(name),
    )


#: Where the value of each plain value type stands (PS3.3 section C.17.3.2); all others are texts.
_VALUE_IN = {"UIDREF": "UID", "PNAME": "PersonName", "DATE": "Date", "TIME": "Time", "DATETIME": "DateTime"}


def _value(child: Dataset) -> str:
    kind = str(child.get("ValueType", ""))
    if kind == "NUM":
        measured = child.get("MeasuredValueSequence")
        if measured:
            return str(measured[0].get("NumericValue", ""))
        return _meaning(child, "NumericValueQualifierCodeSequence") or "no value"
    if kind == "CODE":
        return _meaning(child, "ConceptCodeSequence")
    return str(child.get(_VALUE_IN.get(kind, "TextValue"), ""))


def _unit(child: Dataset) -> str:
    measured = child.get("MeasuredValueSequence")
    units = measured[0].get("MeasurementUnitsCodeSequence") if measured else None
    if not units:
        return ""
    value, meaning = str(units[0].get("CodeValue", "")), str(units[0].get("CodeMeaning", ""))
    return _UNIT_SIGNS.get(value, meaning or value)


#: UCUM codes that people read as such; others are shown by their meaning.
_UNIT_SIGNS = {"mL": "mL", "ml": "mL", "cm3": "cm³", "mm3": "mm³", "mm": "mm", "mm2": "mm²", "%": "%", "1": ""}


def _name(one: Dataset) -> Code | None:
    found = one.get("ConceptNameCodeSequence")
    if not found:
        return None
    value = found[0].get("CodeValue") or found[0].get("LongCodeValue") or found[0].get("URNCodeValue") or ""
    return Code(str(value), str(found[0].get("CodingSchemeDesignator", "")), str(found[0].get("CodeMeaning", "")))


def _meaning(one: Dataset, keyword: str) -> str:
    found = one.get(keyword)
    return str(found[0].get("CodeMeaning", "")) if found else ""
