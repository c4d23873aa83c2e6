"""Which frames a picture shows, and what is drawn on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from actors.evidence_creator.pictures.frames import Frame, Frames, Key
from actors.evidence_creator.pictures.shapes import Drawing, area, seen_on
from actors.evidence_creator.pictures.words import in_unit
from profiles.air import (
    ImageReference,
    Location,
    ParametricMap,
    Region,
    Results,
    Segmentation,
    SeriesReference,
    Space,
    Thing,
)

MOST_PANELS = 48


@dataclass(frozen=True, eq=False, slots=True)
class Heat:
    """A map on its slice with the greatest value.

    Attributes:
        values: real world values, shape (rows, columns).
        limits: the least and the greatest value of the whole map.
        found: the map.
    """

    values: NDArray[np.float64]
    limits: tuple[float, float]
    found: ParametricMap


@dataclass(eq=False, slots=True)
class Panel:
    """One frame and what is drawn on it.

    Attributes:
        frame: the frame.
        reasons: why it is shown, in words.
        drawings: what is seen on it, with the numbers of the things.
        heat: a map over it.
    """

    frame: Frame
    reasons: list[str] = field(default_factory=list)
    drawings: list[tuple[int, Drawing]] = field(default_factory=list)
    heat: Heat | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """The panels of a picture, and what they leave out.

    Attributes:
        panels: in their order.
        drawn: things by their numbers, from 1.
        missing: places that could not be shown, because their images are not at hand.
        further: places that were left out, because there are too many.
    """

    panels: tuple[Panel, ...]
    drawn: tuple[Thing, ...]
    missing: int
    further: int


@dataclass(frozen=True, eq=False, slots=True)
class _Place:
    """A frame that is to be shown; None when it is not at hand."""

    frame: Frame | None
    reason: str
    heat: Heat | None = None


def choose(results: Results, frames: Frames) -> Shown:
    """The frames that show each thing at its largest, each map at its greatest value, and what results refer to.

    Args:
        results: what was found.
        frames: the images that are at hand.
    """
    drawn = tuple(thing for thing in results.things() if thing.segment or thing.regions or thing.locations)
    places = [
        *(place for number, thing in enumerate(drawn, 1) for place in _of_thing(number, thing, results, frames)),
        *(_of_map(found, frames) for found in results.maps),
        *_of_references(results, frames),
    ]
    panels = _joined(places)
    for panel in panels[:MOST_PANELS]:
        panel.drawings = list(_drawings(panel.frame, drawn, results))
    missing = sum(place.frame is None for place in places)
    return Shown(tuple(panels[:MOST_PANELS]), drawn, missing, max(len(panels) - MOST_PANELS, 0))


def _joined(places: list[_Place]) -> list[Panel]:
    """A panel for each frame, and one for each map."""
    panels: list[Panel] = []
    plain: dict[Key, Panel] = {}
    for place in places:
        if place.frame is None:
            continue
        panel = plain.get(place.frame.key) if place.heat is None else None
        if panel is None:
            panel = Panel(place.frame, heat=place.heat)
            panels.append(panel)
            if place.heat is None:
                plain[place.frame.key] = panel
        panel.reasons.append(place.reason)
    return panels


def _of_thing(number: int, thing: Thing, results: Results, frames: Frames) -> Iterator[_Place]:
    name = f"{number} {thing.tracking.identifier}"
    if thing.segment:
        place, _, segment = thing.segment
        extent = [_extent(flat) for flat in segment.mask]
        key = _slice_key(results.segmentations[place], int(np.argmax(extent)))
        yield _Place(frames.find(key), f"largest extent of {name}")
    largest: dict[str, tuple[float, Frame | None]] = {}
    for shape in _shapes(thing):
        frame = _frame_of(shape, frames)
        group = (frame.space or frame.key[0]) if frame else "not at hand"
        size = float(np.ptp(np.array(shape.points), axis=0).max())
        if group not in largest or size > largest[group][0]:
            largest[group] = size, frame
    yield from (_Place(frame, name) for _, frame in largest.values())


def _extent(mask: NDArray[np.floating | np.bool_]) -> float:
    return float(np.count_nonzero(mask) if mask.dtype == np.bool_ else mask.sum(dtype=np.float64))


def _shapes(thing: Thing) -> tuple[Location | Region, ...]:
    return (*thing.regions, *thing.locations)


def _frame_of(shape: Location | Region, frames: Frames) -> Frame | None:
    if isinstance(shape.where, Space):
        return frames.nearest(shape.where.frame_of_reference_uid, shape.points)
    return _referenced(shape.where, frames)


def _referenced(reference: ImageReference, frames: Frames) -> Frame | None:
    return frames.find((reference.sop_instance_uid, (reference.frames or (1,))[0]))


def _of_map(found: ParametricMap, frames: Frames) -> _Place:
    greatest = found.values.max(axis=(1, 2)) if found.slope > 0 else -found.values.min(axis=(1, 2)).astype(np.float64)
    index = int(greatest.argmax())
    values = found.values[index].astype(np.float64) * found.slope + found.intercept
    low, high = sorted(value * found.slope + found.intercept for value in found.value_range)
    reason = f"greatest value of {found.label}: {values.max():.4g}{in_unit(found.unit)}"
    heat = Heat(values, (low, high), found)
    return _Place(frames.find(_slice_key(found, index)), reason, heat)


def _of_references(results: Results, frames: Frames) -> Iterator[_Place]:
    for finding in results.findings:
        yield from (_Place(_referenced(image, frames), finding.of.identifier) for image in finding.images)
    for selection in results.key_images:
        for reference in selection.references:
            frame = (
                frames.middle(reference.series_instance_uid)
                if isinstance(reference, SeriesReference)
                else _referenced(reference, frames)
            )
            yield _Place(frame, f"key image: {selection.description}")


def _slice_key(found: Segmentation | ParametricMap, index: int) -> Key:
    uids = found.source_instance_uids
    return (uids[0], index + 1) if found.multi_frame else (uids[index], 1)


def _drawings(frame: Frame, drawn: tuple[Thing, ...], results: Results) -> Iterator[tuple[int, Drawing]]:
    """Whatever of all things is seen on a frame."""
    for number, thing in enumerate(drawn, 1):
        if thing.segment:
            place, _, segment = thing.segment
            found = results.segmentations[place]
            index = next((i for i in range(len(segment.mask)) if _slice_key(found, i) == frame.key), None)
            seen = None if index is None else area(segment.mask[index])
            yield from ((number, one) for one in [seen] if one)
        for shape in _shapes(thing):
            on_it = seen_on(shape, frame)
            if on_it is not None:
                yield number, on_it
