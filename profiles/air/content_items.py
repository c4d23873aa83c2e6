"""Content items of a report (PS3.3 C.17.3), by highdicom's value types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.geometry import Location, Region, Space
from profiles.air.measurements import Measurement
from profiles.air.mending import as_concept
from profiles.air.values import FindingSite
from profiles.dicom import Code, code

CONTAINS, MODIFIER, CONTEXT, PROPERTY = "CONTAINS", "HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS PROPERTIES"


def with_children(item: Any, children: Iterable[Any]) -> Any:
    """The item, with the children below it when there are any."""
    from highdicom.sr import ContentSequence

    below = list(children)
    if below:
        item.ContentSequence = ContentSequence(below)
    return item


def container(name: Code, children: Iterable[Any], template: str | None = None) -> Any:
    """A container within a report."""
    from highdicom.sr import ContainerContentItem

    made = ContainerContentItem(name=as_concept(name), relationship_type=CONTAINS, template_id=template)
    return with_children(made, children)


def coded(name: Code, value: Code, relation: str = CONTAINS, children: Iterable[Any] = ()) -> Any:
    """A code as answer to what its name asks."""
    from highdicom.sr import CodeContentItem

    made = CodeContentItem(name=as_concept(name), value=as_concept(value), relationship_type=relation)
    return with_children(made, children)


def words(name: Code, value: str, relation: str = CONTAINS) -> Any:
    """Free words."""
    from highdicom.sr import TextContentItem

    return TextContentItem(name=as_concept(name), value=value, relationship_type=relation)


def uid(name: Code, value: str, relation: str) -> Any:
    """The UID of something that is no instance."""
    from highdicom.sr import UIDRefContentItem

    return UIDRefContentItem(name=as_concept(name), value=value, relationship_type=relation)


def image(
    name: Code,
    referenced: tuple[str, str],
    relation: str = CONTAINS,
    *,
    frames: Sequence[int] = (),
    segment: int | None = None,
) -> Any:
    """A reference to an image, given as its SOP Class and SOP Instance UID."""
    from highdicom.sr import ImageContentItem

    return ImageContentItem(
        name=as_concept(name),
        referenced_sop_class_uid=referenced[0],
        referenced_sop_instance_uid=referenced[1],
        referenced_frame_numbers=list(frames) or None,
        referenced_segment_numbers=[segment] if segment is not None else None,
        relationship_type=relation,
    )


def sites(found: Iterable[FindingSite]) -> list[Any]:
    """Finding sites, with side and part below each (TID 1419)."""
    items = []
    for site in found:
        below = [(code("SCT", "272741003"), site.laterality), (code("SCT", "106233006"), site.modifier)]
        items.append(
            coded(
                code("SCT", "363698007"),
                site.location,
                MODIFIER,
                [coded(name, value, MODIFIER) for name, value in below if value is not None],
            )
        )
    return items


def algorithm(found: AlgorithmIdentification) -> list[Any]:
    """Which algorithm (TID 4019), equal to its Contributing Equipment item."""
    return [
        words(code("DCM", "111001"), found.name, MODIFIER),
        words(code("DCM", "111003"), found.version, MODIFIER),
        *(words(code("DCM", "111002"), parameter, MODIFIER) for parameter in found.parameters),
    ]


def _number(name: Code, value: float, unit: Code, relation: str) -> Any:
    from highdicom.sr import NumContentItem

    return NumContentItem(name=as_concept(name), value=value, unit=as_concept(unit), relationship_type=relation)


def measurement(row: Measurement) -> Any:
    """A number (TID 300), with how it was made and what is normal (TID 310) below it."""
    modifiers = [(code("SCT", "370129005"), row.method), (code("DCM", "121401"), row.derivation)]
    numbers = [
        (code("SCT", "371886008"), row.uncertainty.above if row.uncertainty else None),
        (code("SCT", "371885007"), row.uncertainty.below if row.uncertainty else None),
        (code("SCT", "371933006"), row.normal.upper if row.normal else None),
        (code("SCT", "385524004"), row.normal.lower if row.normal else None),
    ]
    below = [
        *(coded(name, value, MODIFIER) for name, value in modifiers if value is not None),
        *sites(row.sites),
        *([coded(code("DCM", "121402"), row.normality, PROPERTY)] if row.normality else []),
        *(_number(name, value, row.unit, PROPERTY) for name, value in numbers if value is not None),
    ]
    return with_children(_number(row.name, row.value, row.unit, CONTAINS), below)


def drawn(name: Code, shape: Location | Region, selected_from: Any | None) -> Any:
    """Coordinates: of an image, which is their child, or of the patient's space."""
    from highdicom.sr import Scoord3DContentItem, ScoordContentItem

    points = shape.graphic_points if isinstance(shape, Region) else shape.points
    common = {
        "name": as_concept(name),
        "graphic_type": shape.graphic_type,
        "graphic_data": np.array(points, dtype=np.float64),
        "relationship_type": CONTAINS,
    }
    if isinstance(shape.where, Space):
        return Scoord3DContentItem(frame_of_reference_uid=shape.where.frame_of_reference_uid, **common)
    return with_children(ScoordContentItem(**common), [selected_from])
