"""What objects say of themselves: kind, study, order, flags, and which algorithm made them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

from pydicom import Dataset

from profiles.air.reading.items import coded_in, rows, word
from profiles.air.reading.outcome import Kind, Stated, StatedAlgorithm, StatedOrder

_KINDS = {
    "1.2.840.10008.5.1.4.1.1.88.11": Kind.REPORT,
    "1.2.840.10008.5.1.4.1.1.88.22": Kind.REPORT,
    "1.2.840.10008.5.1.4.1.1.88.33": Kind.REPORT,
    "1.2.840.10008.5.1.4.1.1.88.34": Kind.REPORT,
    "1.2.840.10008.5.1.4.1.1.88.35": Kind.REPORT,
    "1.2.840.10008.5.1.4.1.1.88.59": Kind.KEY_IMAGES,
    "1.2.840.10008.5.1.4.1.1.66.4": Kind.SEGMENTATION,
    "1.2.840.10008.5.1.4.1.1.66.7": Kind.SEGMENTATION,
    "1.2.840.10008.5.1.4.1.1.30": Kind.MAP,
}
_PROCESSING = ("109102", "Newcode1")
"""Processing Equipment, and the placeholder that objects of the profile's first year carry (air.md 12.4)."""


def kind_of(made: Dataset) -> Kind:
    """What the object is, by its SOP Class and, for reports, by its Content Template."""
    kind = _KINDS.get(word(made, "SOPClassUID"), Kind.OTHER)
    if kind is not Kind.REPORT:
        return kind
    templates = {word(row, "TemplateIdentifier") for row in rows(made, "ContentTemplateSequence")}
    children = {
        concept.value for row in rows(made, "ContentSequence") if (concept := coded_in(row, "ConceptNameCodeSequence"))
    }
    tree = "IHERADAIR1" in templates or bool(children & {"AIR003", "AIR004"})
    return Kind.RESULT_TREE if tree else Kind.REPORT


def stated_by(made: Dataset) -> Stated:
    """What the object says of itself."""
    procedures = [
        answer
        for row in rows(made, "ContentSequence")
        if (name := coded_in(row, "ConceptNameCodeSequence")) and name.value == "121058"
        if (answer := coded_in(row, "ConceptCodeSequence"))
    ]
    return Stated(
        object_uid=word(made, "SOPInstanceUID"),
        sop_class_uid=word(made, "SOPClassUID"),
        kind=kind_of(made),
        study_instance_uid=word(made, "StudyInstanceUID"),
        series_instance_uid=word(made, "SeriesInstanceUID"),
        orders=_orders(made),
        content_date=word(made, "ContentDate"),
        content_time=word(made, "ContentTime"),
        completion=word(made, "CompletionFlag"),
        preliminary=word(made, "PreliminaryFlag"),
        verification=word(made, "VerificationFlag"),
        procedures=tuple(procedures),
    )


def _orders(made: Dataset) -> tuple[StatedOrder, ...]:
    requests: list[Dataset] = [
        *rows(made, "ReferencedRequestSequence"),
        *rows(made, "RequestAttributesSequence"),
    ]
    found = [
        StatedOrder(
            word(request, "AccessionNumber") or word(made, "AccessionNumber"),
            word(request, "PlacerOrderNumberImagingServiceRequest"),
            word(request, "FillerOrderNumberImagingServiceRequest"),
            word(request, "RequestedProcedureID"),
        )
        for request in requests
    ]
    if not found and word(made, "AccessionNumber"):
        found.append(StatedOrder(word(made, "AccessionNumber")))
    return tuple(dict.fromkeys(found))


def contributors_in(made: Dataset) -> list[StatedAlgorithm]:
    """The algorithms among the contributing equipment (RAD TF-3 section 6.5.3.1)."""
    return [
        StatedAlgorithm(
            word(row, "ManufacturerModelName"),
            word(row, "SoftwareVersions"),
            word(row, "Manufacturer"),
            word(row, "DeviceUID"),
        )
        for row in rows(made, "ContributingEquipmentSequence")
        if (purpose := coded_in(row, "PurposeOfReferenceCodeSequence"))
        and purpose.value in _PROCESSING
        and "highdicom" not in word(row, "Manufacturer").lower()
    ]


def merged(found: Iterable[StatedAlgorithm]) -> tuple[StatedAlgorithm, ...]:
    """The algorithms, each once; statements that do not contradict each other are of one."""
    known: list[StatedAlgorithm] = []
    for one in found:
        for place, other in enumerate(known):
            if _agree(one, other):
                known[place] = _filled(other, one)
                break
        else:
            known.append(one)
    return tuple(known)


def _parts(one: StatedAlgorithm) -> Sequence[tuple[str, object]]:
    return [(field.name, getattr(one, field.name)) for field in fields(one)]


def _agree(one: StatedAlgorithm, other: StatedAlgorithm) -> bool:
    pairs = zip(_parts(one), _parts(other), strict=True)
    return one.name == other.name and all(not mine or not theirs or mine == theirs for (_, mine), (_, theirs) in pairs)


def _filled(one: StatedAlgorithm, other: StatedAlgorithm) -> StatedAlgorithm:
    absent = {name: value for name, value in _parts(other) if not getattr(one, name)}
    return replace(one, **absent)  # type: ignore[arg-type] # fields of the same class
