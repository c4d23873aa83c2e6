"""A study as the display sees it: its images, its result objects, and what is wrong between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from actors.image_display.report import Report
from actors.image_display.segmentation import Segmentation
from profiles.dicom import JsonDataset, get, text

RESULT_MODALITIES = ("SEG", "SR")
#: Modalities of series that are no images to lay a result over.
NO_IMAGES = frozenset({"SEG", "SR", "KO", "PR", "DOC", "REG", "RTSTRUCT", "RTPLAN", "RTDOSE", "RWV", "FID", "AU", "OT"})


@dataclass(frozen=True, slots=True)
class Series:
    """A series as the archive's index has it."""

    uid: str
    modality: str
    number: str
    description: str
    instances: int

    @classmethod
    def of(cls, row: JsonDataset) -> Series:
        """A series from a QIDO-RS answer."""
        return cls(
            text(row, "SeriesInstanceUID"),
            text(row, "Modality"),
            text(row, "SeriesNumber"),
            text(row, "SeriesDescription"),
            int(get(row, "NumberOfSeriesRelatedInstances", 0) or 0),
        )


@dataclass(frozen=True, slots=True)
class Results:
    """The result objects of a study.

    Attributes:
        segmentations: newest first.
        reports: newest first.
        unreadable: UIDs of result objects that could not be read, with the reason in words.
        strangers: UIDs of result objects that name another patient than the images do; their content is not shown.
    """

    segmentations: tuple[Segmentation, ...] = ()
    reports: tuple[Report, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """What the page of a study shows.

    Attributes:
        header: the study's row of the archive's index, patient included.
        sources: series of images.
        results: what engines made of them.
    """

    uid: str
    header: JsonDataset
    sources: tuple[Series, ...]
    results: Results = field(default_factory=Results)

    def source_for(self, segmentation: Segmentation | None, wanted: str = "") -> Series | None:
        """The series of images to show: the wanted one, else the one that a result was made from, else the largest."""
        by_uid = {one.uid: one for one in self.sources}
        named = [wanted, *(segmentation.referenced_series if segmentation else [])]
        found = next((by_uid[uid] for uid in named if uid in by_uid), None)
        return found or max(self.sources, key=lambda one: one.instances, default=None)

    def segmentation(self, uid: str) -> Segmentation | None:
        """One of its segmentations."""
        return next((one for one in self.results.segmentations if one.uid == uid), None)


def image_series(rows: Iterable[JsonDataset]) -> tuple[Series, ...]:
    """The series that hold images, in the order of their numbers."""
    found = [one for one in map(Series.of, rows) if one.modality not in NO_IMAGES]
    return tuple(sorted(found, key=lambda one: (int(one.number) if one.number.isdecimal() else 0, one.uid)))
