"""One measurement group per thing: TID 1411 for volumes, TID 1410 for what is flat, TID 1501 for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydicom import Dataset

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.content_items import (
    CONTAINS,
    CONTEXT,
    MODIFIER,
    algorithm,
    coded,
    container,
    drawn,
    image,
    measurement,
    sites,
    uid,
    words,
)
from profiles.air.findings import Evaluation, Finding
from profiles.air.geometry import Location, Mark, Outline, Region, Space
from profiles.air.references import Sources
from profiles.air.results import Thing
from profiles.air.time_point import TimePoint
from profiles.air.time_point_items import time_point_items
from profiles.air.values import FindingSite
from profiles.dicom import Code, code


class Drawn(NamedTuple):
    """The instances that a report refers to, in the order of the results' segmentations and maps."""

    segmentations: Sequence[Dataset] = ()
    maps: Sequence[Dataset] = ()


PLANAR, VOLUMETRIC, PLAIN = "1410", "1411", "1501"


def measurement_group(
    thing: Thing,
    tracking_uid: str,
    sources: Sources,
    instances: Drawn,
    made_by: AlgorithmIdentification,
    time_point: TimePoint | None = None,
) -> Any:
    """All that is said of one thing.

    Args:
        thing: the thing.
        tracking_uid: its Tracking Unique Identifier.
        sources: what it may refer to.
        instances: the Segmentations and Parametric Maps of the same results.
        made_by: the algorithm.
        time_point: of the study, when it is told.
    """
    template = _template(thing)
    return container(
        code("DCM", "125007"),
        [
            words(code("DCM", "112039"), thing.tracking.identifier, CONTEXT),
            uid(code("DCM", "112040"), tracking_uid, CONTEXT),
            *(time_point_items(time_point) if time_point else []),
            *_what(thing),
            *_purpose(thing, template),
            *sites(sites_of(thing)),
            *algorithm(made_by),
            *_where(thing, template, sources, instances),
            *_maps(thing, instances),
            *(measurement(row) for row in thing.measurements),
            *(evaluation(row) for row in thing.evaluations),
            *(words(code("DCM", "121106"), row.words) for row in thing.comments),
        ],
        template,
    )


def evaluation(row: Evaluation) -> Any:
    """A coded answer, with its modifiers (TID 1501 row 11)."""
    return coded(row.question, row.answer, children=[coded(name, value, MODIFIER) for name, value in row.modifiers])


def _template(thing: Thing) -> str:
    shapes = (*thing.regions, *thing.locations)
    if thing.segment or len(thing.regions) > 1 or any(row.outline is Outline.ELLIPSOID for row in thing.regions):
        return VOLUMETRIC
    single = len(shapes) == 1 and not any(row.mark is Mark.MULTIPOINT for row in thing.locations)
    return PLANAR if single else PLAIN


def _what(thing: Thing) -> Iterator[Any]:
    """Category, finding (present or absent) and severity."""
    found = finding_of(thing)
    if found is None:
        return
    if found.category is not None:
        yield coded(code("SCT", "276214006"), found.category)
    yield coded(code("DCM", "121071") if found.present else code("SCT", "373572006"), found.what)
    if found.severity is not None:
        yield coded(code("SCT", "246112005"), found.severity)


def finding_of(thing: Thing) -> Finding | None:
    """What a thing is: as found, or as its segment says; None when it is only drawn."""
    if thing.finding or not thing.segment:
        return thing.finding
    segment = thing.segment[2]
    return Finding(segment.property_type, segment.tracking, category=segment.category)


def sites_of(thing: Thing) -> tuple[FindingSite, ...]:
    """Where: as the finding or the segment says; an anatomical structure is its own place."""
    if thing.finding and thing.finding.sites:
        return thing.finding.sites
    if not thing.segment:
        return ()
    segment = thing.segment[2]
    own = (FindingSite(segment.property_type),) if segment.category.same_as(code("SCT", "91723000")) else ()
    return segment.sites or own


def _purpose(thing: Thing, template: str) -> Iterator[Any]:
    """Geometric purpose of region (130400, DCM), where the template has a row for it."""
    shapes: tuple[Location | Region, ...] = (*thing.regions, *thing.locations)
    if template != PLAIN and shapes:
        value = shapes[0].purpose or _usual_purpose(shapes[0])
        if value is not None:
            yield coded(code("DCM", "130400"), value)


def _usual_purpose(shape: Location | Region) -> Code | None:
    if isinstance(shape, Region):
        return code("SCT", "75958009") if shape.outline is Outline.BOX else code("DCM", "111041")
    return code("DCM", "128140") if shape.mark is Mark.POINT else None


def _where(thing: Thing, template: str, sources: Sources, instances: Drawn) -> Iterator[Any]:
    if thing.segment:
        place, number, _ = thing.segment
        instance = instances.segmentations[place]
        yield image(code("DCM", "121191"), (str(instance.SOPClassUID), str(instance.SOPInstanceUID)), segment=number)
        yield uid(code("DCM", "121232"), str(instance.ReferencedSeriesSequence[0].SeriesInstanceUID), CONTAINS)
    shapes: tuple[Location | Region, ...] = (*thing.regions, *thing.locations)
    yield from _shapes(shapes, template, sources)
    for reference in thing.finding.images if thing.finding else ():
        yield image(code("DCM", "121112"), _names(sources.image(reference)), frames=reference.frames)


def _maps(thing: Thing, instances: Drawn) -> Iterator[Any]:
    """Its maps: those that explain the algorithm as such, others by the name of their quantity."""
    explaining = [code("DCM", value) for value in ("130402", "130403", "130404")]
    for place, found in thing.maps:
        explains = any(found.quantity.same_as(kind) for kind in explaining)
        yield image(code("DCM", "130401") if explains else found.quantity, _names(instances.maps[place]))


def _shapes(shapes: Sequence[Location | Region], template: str, sources: Sources) -> Iterator[Any]:
    under = [sources.under(shape) for shape in shapes]
    surface = template == VOLUMETRIC and bool(shapes) and isinstance(shapes[0].where, Space)
    name = code("DCM", "121231") if surface else code("DCM", "111030")
    for shape, header in zip(shapes, under, strict=True):
        selected = None
        if not isinstance(shape.where, Space):
            selected = image(code("DCM", "121324"), _names(header), "SELECTED FROM", frames=shape.where.frames)
        yield drawn(name, shape, selected)
    if surface:
        yield uid(code("DCM", "121232"), str(under[0].SeriesInstanceUID), CONTAINS)


def _names(header: Dataset) -> tuple[str, str]:
    return str(header.SOPClassUID), str(header.SOPInstanceUID)
