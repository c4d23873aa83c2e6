"""Reports as others write them, made item by item."""

from __future__ import annotations

from pydicom import Dataset

from profiles.dicom import Code

FINDING, ABSENT = Code("121071", "DCM", "Finding"), Code("373572006", "SCT", "Clinical finding absent")
NODULE, LUNG = Code("27925004", "SCT", "Nodule"), Code("39607008", "SCT", "Lung")
SITE, SIDE = Code("363698007", "SCT", "Finding Site"), Code("272741003", "SCT", "Laterality")
LEFT, REGION = Code("7771000", "SCT", "Left"), Code("111030", "DCM", "Image Region")
LENGTH, PURPOSE = Code("410668003", "SCT", "Length"), Code("130400", "DCM", "Geometric purpose of region")
NAME, UID = Code("112039", "DCM", "Tracking Identifier"), Code("112040", "DCM", "Tracking Unique Identifier")


def codes(found: Code) -> list[Dataset]:
    row = Dataset()
    row.CodeValue, row.CodingSchemeDesignator, row.CodeMeaning = found.value, found.scheme, found.meaning
    return [row]


def item(kind: str, name: Code | None, *children: Dataset, relation: str = "CONTAINS") -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = relation, kind
    if name:
        made.ConceptNameCodeSequence = codes(name)
    if children:
        made.ContentSequence = list(children)
    return made


def coded(name: Code, value: Code, *children: Dataset, relation: str = "CONTAINS") -> Dataset:
    made = item("CODE", name, *children, relation=relation)
    made.ConceptCodeSequence = codes(value)
    return made


def words(name: Code, value: str) -> Dataset:
    made = item("TEXT", name)
    made.TextValue = value
    return made


def number(name: Code, value: str, unit: Code, *children: Dataset) -> Dataset:
    made = item("NUM", name, *children)
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = value, codes(unit)
    made.MeasuredValueSequence = [measured]
    return made


def image(uid: str, name: Code | None = None, *, segment: int | None = None, frame: int | None = None) -> Dataset:
    made, row = item("IMAGE", name), Dataset()
    row.ReferencedSOPClassUID, row.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", uid
    if segment is not None:
        row.ReferencedSegmentNumber = segment
    if frame is not None:
        row.ReferencedFrameNumber = frame
    made.ReferencedSOPSequence = [row]
    return made


def drawn(points: list[float], *under: Dataset, graphic: str = "POLYLINE") -> Dataset:
    made = item("SCOORD", REGION, *under)
    made.GraphicType, made.GraphicData = graphic, points
    return made


def tracked(name: str, uid: str) -> list[Dataset]:
    made = item("UIDREF", UID, relation="HAS OBS CONTEXT")
    made.UID = uid
    return [words(NAME, name), made]


def group(*children: Dataset) -> Dataset:
    return item("CONTAINER", Code("125007", "DCM", "Measurement Group"), *children)


def measured(*groups: Dataset) -> Dataset:
    return item("CONTAINER", Code("126010", "DCM", "Imaging Measurements"), *groups)


def report(*children: Dataset, uid: str = "1.2.3.4", sop_class: str = "1.2.840.10008.5.1.4.1.1.88.22") -> Dataset:
    made = item("CONTAINER", Code("126000", "DCM", "Imaging Measurement Report"), *children)
    made.SOPClassUID, made.SOPInstanceUID = sop_class, uid
    return made
