"""What the page of one study says, ready for the template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actors.image_display.overlay import Overlay
from actors.image_display.pictures import side_letters
from actors.image_display.report import Report
from actors.image_display.segmentation import Segment, Segmentation
from actors.image_display.service import ImageDisplay, engine_of
from actors.image_display.study import Series, Study
from profiles.errors import BadInput, NotFound

NOTE = "Not a medical device"
_NO_IMAGES = "The images that the results were made from are not in the archive."


@dataclass(frozen=True, slots=True)
class ResultView:
    """The chosen segmentation over the chosen series.

    Attributes:
        segmentation_uid: SOP Instance UID of what is drawn; empty when there is nothing.
        series: the source series that is shown; empty when there is none.
        source: the same, as the archive's index has it.
        segments: of the segmentation.
        count: slices of the series.
        index: the slice shown first, from 0.
        width: of a slice as shown, in pixels of its own columns.
        height: of a slice, stretched so that its pixels are square.
        letters: sides of the patient at its edges.
        engines: name and version of each engine behind the results.
        caption: lines below the montage.
        remarks: what the reader must know about the drawing.
    """

    segmentation_uid: str = ""
    series: str = ""
    source: Series | None = None
    segments: tuple[Segment, ...] = ()
    count: int = 0
    index: int = 0
    width: int = 1
    height: int = 1
    letters: dict[str, str] = field(default_factory=dict)
    engines: tuple[str, ...] = ()
    caption: list[str] = field(default_factory=list)
    remarks: tuple[str, ...] = ()

    @classmethod
    def build(
        cls, images: ImageDisplay, study: Study, segmentation: str, series: str, number: int | None
    ) -> ResultView:
        """Choose what to show.

        Args:
            images: reads the archive.
            study: what is there.
            segmentation: the wanted one, or empty for the newest.
            series: the wanted source series, or empty for the one that the segmentation was made from.
            number: the wanted slice, from 1; None for the one with the largest mask.

        Raises:
            NotFound: when something is wanted that is not there.
        """
        results = study.results.segmentations
        chosen = study.segmentation(segmentation) if segmentation else (results[0] if results else None)
        if segmentation and chosen is None:
            raise NotFound("The study has no segmentation with this SOP Instance UID.")
        source = study.source_for(chosen, series)
        facts: dict[str, Any] = {"engines": _engines(study), "caption": _caption(study, chosen)}
        if source is None:
            return cls(remarks=(_NO_IMAGES,) if study.results.reports or chosen else (), **facts)
        try:
            slices, _ = images.slices(study.uid, source.uid)
        except (NotFound, BadInput) as error:
            return cls(source=source, remarks=(error.message,), **facts)
        overlay = images.overlay(study.uid, source.uid, chosen.uid) if chosen else None
        index = number - 1 if number is not None else _fullest(overlay, len(slices))
        if not 0 <= index < len(slices):
            raise NotFound(f"The series has {len(slices)} slices; there is no slice {number}.")
        one = slices[index]
        stretch = one.plane.row_spacing / one.plane.column_spacing if one.plane else 1.0
        return cls(
            segmentation_uid=chosen.uid if chosen else "",
            series=source.uid,
            source=source,
            segments=chosen.segments if chosen else (),
            count=len(slices),
            index=index,
            width=one.columns,
            height=max(1, round(one.rows * stretch)),
            letters=side_letters(one.plane) if one.plane else {},
            remarks=_remarks(study, chosen, overlay),
            **facts,
        )


def _fullest(overlay: Overlay | None, count: int) -> int:
    """The slice on which the most of the mask lies, else the one in the middle."""
    if overlay is None or not overlay.touched:
        return count // 2
    candidates = overlay.touched[:: max(1, len(overlay.touched) // 48)]
    areas = [
        sum(int(np.count_nonzero(overlay.mask(index, one.number))) for one in overlay.segmentation.segments)
        for index in candidates
    ]
    return candidates[int(np.argmax(areas))]


def _engines(study: Study) -> tuple[str, ...]:
    found = [f"{one.algorithm} {one.version}".strip() for one in study.results.reports if one.algorithm]
    found += [engine_of(one) for one in study.results.segmentations]
    return tuple(dict.fromkeys(found))


def _caption(study: Study, chosen: Segmentation | None) -> list[str]:
    """Engine, values and the note; never patient data."""
    if chosen is None:
        return []
    engine = engine_of(chosen)
    labels = ", ".join(one.label for one in chosen.segments)
    return [" · ".join([labels, *_values(study, chosen)]), f"{engine} · {NOTE}"]


def _values(study: Study, chosen: Segmentation) -> list[str]:
    """The first numbers that a report gives for the segmentation, verbatim."""
    return [
        f"{value.name} {value.value} {value.unit}".strip()
        for report in study.results.reports
        for group in report.groups
        if group.segment is None or group.segment[0] == chosen.uid
        for value in group.values
        if value.kind == "NUM"
    ][:3]


def _remarks(study: Study, chosen: Segmentation | None, overlay: Overlay | None) -> tuple[str, ...]:
    found = []
    if overlay is not None and not overlay.touched:
        found.append("The segmentation lies on none of the slices of this series.")
    if overlay is not None and overlay.contradictions:
        found.append(
            f"{overlay.contradictions} frame(s) of the segmentation lie elsewhere than the images they name; they are "
            "drawn where they lie (PS3.3 section C.7.6.16.2.6)."
        )
    if chosen is not None and chosen.type == "FRACTIONAL":
        found.append("The segmentation is fractional; what is drawn are the pixels from half of its maximum value.")
    for uid in study.results.strangers:
        found.append(f"Result {uid} names another patient than the images of this study; its content is not shown.")
    for uid, why in study.results.unreadable:
        found.append(f"Result {uid} cannot be shown: {why}")
    return tuple(found)


def approval(report: Report) -> str:
    """What the flags of a report mean for its reader (PS3.3 section C.17.2)."""
    return "verified by a person" if report.verification == "VERIFIED" else "not verified by a person"
