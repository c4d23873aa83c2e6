"""Parts of reports, as content items."""

import itertools

import numpy as np
from pydicom import Dataset

from tests.conformance.breaking import coded

SQUARE = (4.0, 4.0, 10.0, 4.0, 10.0, 9.0, 4.0, 9.0, 4.0, 4.0)
"""A box of 6 by 5 pixels."""

MASS, BOUNDED, OUTLINE = ("4147007", "SCT", "Mass"), ("75958009", "SCT", "Bounded by"), ("111041", "DCM", "Outline")
LUNG, LEFT = ("39607008", "SCT", "Lung"), ("7771000", "SCT", "Left")
MM, MM2 = ("mm", "UCUM", "mm"), ("mm2", "UCUM", "mm2")
_NUMBERS = itertools.count(1)


def new_uid():
    return f"2.25.77{next(_NUMBERS)}"


def content(relationship, kind, concept=None, **values):
    row = Dataset()
    row.RelationshipType, row.ValueType = relationship, kind
    if concept:
        row.ConceptNameCodeSequence = [coded(*concept)]
    if kind == "CONTAINER":
        row.ContinuityOfContent = "SEPARATE"
    for keyword, value in values.items():
        setattr(row, keyword, value)
    return row


def container(concept, *rows):
    return content("CONTAINS", "CONTAINER", concept, ContentSequence=list(rows))


def text(relationship, concept, words):
    return content(relationship, "TEXT", concept, TextValue=words)


def answer(relationship, concept, code, *below):
    row = content(relationship, "CODE", concept, ConceptCodeSequence=[coded(*code)])
    if relationship == "CONTAINS":
        row.ObservationUID = new_uid()
    if below:
        row.ContentSequence = list(below)
    return row


def refer(dataset, **numbers):
    row = Dataset()
    row.ReferencedSOPClassUID, row.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    for keyword, value in numbers.items():
        setattr(row, keyword, value)
    return [row]


def image_item(concept, dataset, *, kind="IMAGE", relationship="CONTAINS", **numbers):
    return content(relationship, kind, concept, ReferencedSOPSequence=refer(dataset, **numbers))


def number(concept, value, unit, *below):
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = value, [coded(*unit)]
    row = content("CONTAINS", "NUM", concept, MeasuredValueSequence=[measured], ObservationUID=new_uid())
    if below:
        row.ContentSequence = list(below)
    return row


def pointer(relationship, *places):
    row = Dataset()
    row.RelationshipType, row.ReferencedContentItemIdentifier = relationship, list(places)
    return row


def group(name, *rows, template="1501", finding=MASS):
    """A tracked measurement group."""
    made = container(
        ("125007", "DCM", "Measurement Group"),
        text("HAS OBS CONTEXT", ("112039", "DCM", "Tracking Identifier"), name),
        content("HAS OBS CONTEXT", "UIDREF", ("112040", "DCM", "Tracking Unique Identifier"), UID=new_uid()),
        answer("CONTAINS", ("121071", "DCM", "Finding"), finding),
        *rows,
    )
    shape = Dataset()
    shape.MappingResource, shape.TemplateIdentifier = "DCMR", template
    made.ContentTemplateSequence = [shape]
    return made


def site(code, *below):
    return answer("HAS CONCEPT MOD", ("363698007", "SCT", "Finding Site"), code, *below)


def laterality(code=LEFT):
    return answer("HAS CONCEPT MOD", ("272741003", "SCT", "Laterality"), code)


def purpose(code=BOUNDED):
    return answer("CONTAINS", ("130400", "DCM", "Geometric purpose of region"), code)


def on_image(image, kind="POLYLINE", data=SQUARE):
    """A region drawn on an image."""
    return content(
        "CONTAINS",
        "SCOORD",
        ("111030", "DCM", "Image Region"),
        GraphicType=kind,
        GraphicData=list(data),
        ObservationUID=new_uid(),
        ContentSequence=[image_item(None, image, relationship="SELECTED FROM")],
    )


def in_space(image, kind, points):
    """A region drawn in the space of an image."""
    return content(
        "CONTAINS",
        "SCOORD3D",
        ("111030", "DCM", "Image Region"),
        GraphicType=kind,
        GraphicData=[float(part) for point in points for part in point],
        ReferencedFrameOfReferenceUID=image.FrameOfReferenceUID,
        ObservationUID=new_uid(),
    )


def plane(image, *steps):
    """Points in the plane of an image, so many mm along its rows and columns from the first pixel."""
    origin = np.asarray(image.ImagePositionPatient, dtype=float)
    along = np.asarray(image.ImageOrientationPatient, dtype=float)
    return [origin + along[:3] * right + along[3:] * down for right, down in steps]
