"""The Image Library of a report (TID 1600): which images were used, and what they have in common.

Descriptors are written once per group (TID 1602), not once per image: a series of 200 slices makes the report a tenth
as large. What differs per slice is in the slices, which the report's evidence names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom import Dataset
from pydicom.sr.codedict import codes

from profiles.air.mending import as_concept
from profiles.dicom import Code, code
from profiles.tables import read_table


def image_library(sources: Sequence[Dataset]) -> Any:
    """The container (111028, DCM), with one group per series, as a highdicom content item."""
    from highdicom.sr import ContainerContentItem, ContentSequence

    series: dict[str, list[Dataset]] = {}
    for image in sources:
        series.setdefault(str(image.SeriesInstanceUID), []).append(image)
    library = ContainerContentItem(name=as_concept(code("DCM", "111028")), relationship_type="CONTAINS")
    library.ContentSequence = ContentSequence([_group(images) for images in series.values()])
    return library


def _group(images: Sequence[Dataset]) -> Any:
    from highdicom.sr import ContainerContentItem, ContentSequence, ImageContentItem

    group = ContainerContentItem(name=as_concept(code("DCM", "126200")), relationship_type="CONTAINS")
    described = [_descriptor(row, images) for row in read_table("profiles.air", "image_library")]
    group.ContentSequence = ContentSequence(
        [
            *(found for found in described if found is not None),
            *(
                ImageContentItem(
                    name=as_concept(code("SCT", "260753009")),
                    referenced_sop_class_uid=image.SOPClassUID,
                    referenced_sop_instance_uid=image.SOPInstanceUID,
                    relationship_type="CONTAINS",
                )
                for image in images
            ),
        ]
    )
    return group


def _descriptor(row: dict[str, str], images: Sequence[Dataset]) -> Any | None:
    """One attribute that all images of the group share, as acquisition context; None when they do not share it."""
    values = {str(image.get(row["attribute"], "") or "") for image in images}
    if len(values) != 1 or "" in values:
        return None
    element = images[0][row["attribute"]].value
    value = element[int(row["index"])] if images[0][row["attribute"]].VM > 1 else element
    return _content_item(row, value)


def _content_item(row: dict[str, str], value: Any) -> Any | None:
    from highdicom import sr

    about = {"name": as_concept(code(row["scheme"], row["concept"])), "relationship_type": "HAS ACQ CONTEXT"}
    match row["value_type"]:
        case "CODE":
            found = _modality(str(value))
            return sr.CodeContentItem(value=as_concept(found), **about) if found else None
        case "DATE":
            return sr.DateContentItem(value=value, **about)
        case "UIDREF":
            return sr.UIDRefContentItem(value=str(value), **about)
        case _:
            return sr.NumContentItem(value=float(value), unit=as_concept(code("UCUM", row["unit"])), **about)


def _modality(value: str) -> Code | None:
    """The code of a modality (CID 29)."""
    found = next((known for known in codes.cid29.concepts.values() if known.value == value), None)
    return Code(found.value, found.scheme_designator, found.meaning) if found else None
