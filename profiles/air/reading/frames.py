"""Where the frames of Segmentations and Parametric Maps lie: on which slice of which source (PS3.3 C.7.6.16.2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from profiles.air.errors import IllegalResult, require
from profiles.air.reading.items import first, rows, whole_numbers, word

_NEAR_MM = 1e-2


@dataclass(frozen=True, slots=True)
class Layout:
    """The slices on which frames lie.

    Attributes:
        source_instance_uids: one per slice, or the one whose frames are the slices.
        multi_frame: which of the two.
        slices: how many.
        places: for each frame the number of its slice, from 0.
    """

    source_instance_uids: tuple[str, ...]
    multi_frame: bool
    slices: int
    places: tuple[int, ...]


def layout_of(made: Dataset, images: Sequence[Dataset]) -> Layout:
    """The layout by the sources that the frames name, else by the planes in which they lie.

    Args:
        made: a Segmentation or a Parametric Map.
        images: headers of the images that its sources may be among; slices without frames are known from them alone.

    Raises:
        IllegalResult: when the frames do not lie on the slices of one series.
    """
    frames = rows(made, "PerFrameFunctionalGroupsSequence")
    require(
        len(frames) == int(made.get("NumberOfFrames", 0) or 0) > 0,
        "Number of Frames is not that of the items of Per-Frame Functional Groups Sequence (PS3.3 C.7.6.16).",
    )
    shared = first(made, "SharedFunctionalGroupsSequence") or Dataset()
    sources = [_source(frame) or _source(shared) for frame in frames]
    candidates = _same_grid(made, images)
    if any(source is None for source in sources):
        return _by_plane(frames, shared, candidates)
    named = [source for source in sources if source is not None]
    if any(frame for _, frame in named):
        return _of_one(named, images)
    order = _order(made, [uid for uid, _ in named], candidates, bool(images))
    where = {uid: place for place, uid in enumerate(order)}
    return Layout(order, False, len(order), tuple(where[uid] for uid, _ in named))


def _source(frame: Dataset) -> tuple[str, int] | None:
    """The one source instance of a frame, and the number of its frame, 0 when it has none."""
    found = {
        (word(source, "ReferencedSOPInstanceUID"), whole_numbers(source.get("ReferencedFrameNumber"))[:1] or (0,))
        for derivation in rows(frame, "DerivationImageSequence")
        for source in rows(derivation, "SourceImageSequence")
    }
    if len(found) != 1:
        return None
    ((uid, (number,)),) = found
    return (uid, number) if uid else None


def _same_grid(made: Dataset, images: Sequence[Dataset]) -> list[Dataset]:
    """The images of the series that the object refers to, of its size and in its Frame of Reference."""
    series = {word(row, "SeriesInstanceUID") for row in rows(made, "ReferencedSeriesSequence")}
    space = word(made, "FrameOfReferenceUID")
    return [
        image
        for image in images
        if (not series or word(image, "SeriesInstanceUID") in series)
        and word(image, "FrameOfReferenceUID") in ("", space)
        and (image.get("Rows"), image.get("Columns")) == (made.get("Rows"), made.get("Columns"))
    ]


def _of_one(named: Sequence[tuple[str, int]], images: Sequence[Dataset]) -> Layout:
    uids = {uid for uid, _ in named}
    require(
        len(uids) == 1 and all(number > 0 for _, number in named),
        "Its frames lie on frames of several source instances; no primitive holds such a volume.",
    )
    (uid,) = uids
    header = next((image for image in images if word(image, "SOPInstanceUID") == uid), None)
    count = int(header.get("NumberOfFrames", 1) or 1) if header is not None else max(number for _, number in named)
    require(all(number <= count for _, number in named), "A frame lies on a frame that its source does not have.")
    return Layout((uid,), True, count, tuple(number - 1 for _, number in named))


def _order(made: Dataset, uids: Sequence[str], candidates: Sequence[Dataset], given: bool) -> tuple[str, ...]:
    """The slices in order: of the images given, else of the references, else of the frames."""
    listed = [
        word(row, "ReferencedSOPInstanceUID")
        for series in rows(made, "ReferencedSeriesSequence")
        for row in rows(series, "ReferencedInstanceSequence")
    ]
    known = [word(image, "SOPInstanceUID") for image in candidates] if given else listed
    if not set(uids) <= set(known):
        require(not given, "Its source images are not among the images given, or have other rows and columns.")
        known = list(uids)
    order = tuple(dict.fromkeys(known))
    require(len({*order}) == len(order), "A source image is referenced twice.")
    return order


def _by_plane(frames: Sequence[Dataset], shared: Dataset, candidates: Sequence[Dataset]) -> Layout:
    """The layout by Image Position (Patient), when frames name no source, or several."""
    require(
        bool(candidates),
        "Its frames do not name one source image each (Derivation Image Sequence); give the headers of the images, so "
        "that the frames can be put on them by their planes.",
    )
    planes = [_plane(image, image) for image in candidates]
    places = []
    for frame in frames:
        position = first(frame, "PlanePositionSequence") or first(shared, "PlanePositionSequence")
        direction = first(frame, "PlaneOrientationSequence") or first(shared, "PlaneOrientationSequence")
        plane = _plane(position or Dataset(), direction or Dataset())
        near = [place for place, other in enumerate(planes) if float(np.abs(plane - other).max()) < _NEAR_MM]
        require(len(near) == 1, "A frame lies in no plane of a source image, or in that of several.")
        places.append(near[0])
    uids = tuple(word(image, "SOPInstanceUID") for image in candidates)
    return Layout(uids, False, len(uids), tuple(places))


def _plane(position: Dataset, direction: Dataset) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    numbers = [*(position.get("ImagePositionPatient") or ()), *(direction.get("ImageOrientationPatient") or ())]
    if len(numbers) != 9:  # noqa: PLR2004
        raise IllegalResult("A frame, or an image, does not say in which plane it lies (PS3.3 C.7.6.16.2.3).")
    return np.array([float(number) for number in numbers])
