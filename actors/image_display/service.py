"""What the Image Display does: gather a study's images and results from the archive, and draw them (RAD-136)."""

from __future__ import annotations

import ctypes
import logging
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TypeVar

import numpy as np
import pydicom.config
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from actors.image_display import pictures
from actors.image_display.montage import Volume, montage
from actors.image_display.overlay import Overlay
from actors.image_display.planes import Slice, slices_of
from actors.image_display.report import Report, equipment, read_report
from actors.image_display.segmentation import Segmentation
from actors.image_display.study import RESULT_MODALITIES, Results, Series, Study, image_series
from actors.shared.dicomweb import Archive
from actors.shared.logs import get_logger
from profiles.dicom import JsonDataset, get, tag_of, text
from profiles.errors import BadInput, NotFound, StepwellError

_log = get_logger(__name__)
K = TypeVar("K")
V = TypeVar("V")
_KEPT_STUDIES = 4
_WINDOW_SAMPLES = 7
_LARGEST_VOLUME = 700_000_000  # bytes of float32 values; larger series get no montage
_STUDY_FIELDS = "StudyDescription,AccessionNumber,StudyDate,ModalitiesInStudy"
_SERIES_FIELDS = "SeriesDescription,NumberOfSeriesRelatedInstances"
#: What is kept of each source instance's metadata.
_HEADER = (
    *(
        "SOPInstanceUID",
        "InstanceNumber",
        "Rows",
        "Columns",
        "NumberOfFrames",
        "FrameOfReferenceUID",
        "SamplesPerPixel",
    ),
    *("BitsAllocated", "PixelRepresentation", "PhotometricInterpretation", "RescaleSlope", "RescaleIntercept"),
    *("WindowCenter", "WindowWidth", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "PatientID"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)


class ImageDisplay:
    """Reads one archive.

    Args:
        archive: where images and results are.

    Every method raises `Unavailable` when the archive is away and `NotFound` when it has no such thing.
    """

    def __init__(self, archive: Archive) -> None:
        _quiet_pydicom()
        self._archive = archive
        self._lock = threading.Lock()
        self._montage = threading.Lock()
        self._studies: OrderedDict[str, Study] = OrderedDict()
        self._slices: OrderedDict[str, tuple[list[Slice], pictures.Window]] = OrderedDict()
        self._overlays: OrderedDict[tuple[str, str], Overlay] = OrderedDict()

    def close(self) -> None:
        """Close the connections to the archive."""
        self._archive.close()

    def recent(self, limit: int = 100) -> list[JsonDataset]:
        """Studies that hold a segmentation or a report, latest first."""
        found: dict[str, JsonDataset] = {}
        for modality in RESULT_MODALITIES:
            wanted = {"ModalitiesInStudy": modality, "includefield": _STUDY_FIELDS, "limit": str(limit)}
            found |= {text(row, "StudyInstanceUID"): row for row in self._archive.search_studies(wanted)}
        return sorted(found.values(), key=lambda row: (text(row, "StudyDate"), text(row, "StudyTime")), reverse=True)

    def study(self, uid: str) -> Study:
        """A study with its results, as the archive has it now."""
        headers = self._archive.search_studies({"StudyInstanceUID": uid, "includefield": _STUDY_FIELDS})
        if not headers:
            raise NotFound("The archive has no study with this Study Instance UID. Has it been sent there yet?")
        rows = self._archive.search_series(uid, {"includefield": _SERIES_FIELDS})
        sources = image_series(rows)
        series = [Series.of(row) for row in rows]
        patient = text(headers[0], "PatientID")
        results = self._results(uid, [one for one in series if one.modality in RESULT_MODALITIES], patient)
        found = Study(uid, headers[0], sources, results)
        with self._lock:
            _keep(self._studies, uid, found)
        return found

    def known(self, uid: str) -> Study:
        """The study as last read, for the pictures on its page."""
        with self._lock:
            found = self._studies.get(uid)
        return found or self.study(uid)

    def _results(self, study: str, series: list[Series], patient: str) -> Results:
        before = self._studies.get(study)
        have = {one.uid: one for one in before.results.segmentations} if before else {}
        segmentations: list[Segmentation] = []
        reports: list[Report] = []
        unreadable: list[tuple[str, str]] = []
        strangers: list[str] = []
        for one in series:
            for dataset in self._instances(study, one.uid):
                uid = str(dataset.get("SOPInstanceUID", "unknown"))
                if str(dataset.get("PatientID", "")) != patient:
                    strangers.append(uid)
                    continue
                try:
                    if one.modality == "SEG":
                        segmentations.append(have.get(uid) or Segmentation(dataset))
                    else:
                        reports.append(read_report(dataset))
                except StepwellError as error:
                    unreadable.append((uid, error.message))
                except (AttributeError, KeyError, TypeError, ValueError, IndexError):
                    _log.warning("result-unreadable", study=study, instance=uid)
                    unreadable.append((uid, "Its content does not follow the standard (PS3.3) and cannot be read."))
        segmentations.sort(key=lambda one: _made(one.dataset), reverse=True)
        reports.sort(key=lambda one: one.content_date + one.content_time, reverse=True)
        return Results(tuple(segmentations), tuple(reports), tuple(unreadable), tuple(strangers))

    def _instances(self, study: str, series: str) -> list[Dataset]:
        with tempfile.TemporaryDirectory(prefix="stepwell-display-") as folder:
            paths = self._archive.retrieve_series(study, series, Path(folder))
            found: list[Dataset] = []
            for path in paths:
                try:
                    found.append(dcmread(path))
                except InvalidDicomError:
                    _log.warning("result-unreadable", study=study, series=series)
        return found

    def slices(self, study: str, series: str) -> tuple[list[Slice], pictures.Window]:
        """The frames of a source series in order, and the window to show all of them with."""
        with self._lock:
            found = self._slices.get(series)
        if found is None:
            slices = slices_of([_slim(row) for row in self._archive.series_metadata(study, series)])
            if not slices:
                raise NotFound("The series has no images that can be shown.")
            found = slices, self._window(study, series, slices)
            with self._lock:
                _keep(self._slices, series, found)
        return found

    def _window(self, study: str, series: str, slices: list[Slice]) -> pictures.Window:
        own = {(get(one.header, "WindowCenter"), get(one.header, "WindowWidth")) for one in slices}
        center, width = own.pop()
        if not own and center is not None and float(width or 0) > 0:
            return pictures.Window(float(center) - float(width) / 2, float(center) + float(width) / 2)
        if int(get(slices[0].header, "SamplesPerPixel", 1) or 1) > 1:
            return pictures.Window(0, 255)
        chosen = np.unique(np.linspace(0, len(slices) - 1, _WINDOW_SAMPLES).round().astype(int))
        values = [self._values(study, series, slices[index])[::2, ::2] for index in chosen]
        return pictures.Window.around(np.concatenate([one.ravel() for one in values]))

    def _values(self, study: str, series: str, one: Slice) -> NDArray[np.float32]:
        content = self._archive.frame(study, series, one.instance, one.frame)
        found = pictures.values_of(content, one.header)
        return found if found is not None else self._decoded(study, series, one)

    def _decoded(self, study: str, series: str, one: Slice) -> NDArray[np.float32]:
        """A frame that the archive does not give as native pixels: from the whole instance."""
        from pydicom.pixels.utils import pixel_array

        with tempfile.TemporaryDirectory(prefix="stepwell-display-") as folder:
            path = self._archive.retrieve_instance(study, series, one.instance, Path(folder))
            try:
                pixels = np.asarray(pixel_array(path, index=one.frame - 1))
            except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
                raise BadInput("The image's pixels cannot be decoded here (PS3.5 section 8.2).") from error
        if pixels.ndim > 2:  # noqa: PLR2004 - colour is shown by its lightness
            pixels = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
        return pictures.rescaled(pixels, one.header)

    def _slice(self, study: str, series: str, index: int) -> tuple[Slice, pictures.Grey]:
        slices, window = self.slices(study, series)
        if not 0 <= index < len(slices):
            raise NotFound(f"The series has {len(slices)} slices; there is no slice {index + 1}.")
        one = slices[index]
        inverted = text(one.header, "PhotometricInterpretation") == "MONOCHROME1"
        return one, pictures.grey(self._values(study, series, one), window, inverted)

    def slice_picture(self, study: str, series: str, index: int) -> bytes:
        """A PNG of one slice, counted from 0."""
        return pictures.png(self._slice(study, series, index)[1])

    def overlay(self, study: str, series: str, segmentation: str) -> Overlay:
        """A segmentation over a series."""
        with self._lock:
            found = self._overlays.get((segmentation, series))
        if found is None:
            result = self.known(study).segmentation(segmentation) or self.study(study).segmentation(segmentation)
            if result is None:
                raise NotFound("The study has no segmentation with this SOP Instance UID.")
            found = Overlay(result, self.slices(study, series)[0])
            with self._lock:
                _keep(self._overlays, (segmentation, series), found)
        return found

    def mask_picture(self, study: str, series: str, segmentation: str, segment: int, index: int) -> bytes:
        """A PNG of one segment on one slice: transparent, filled, outlined."""
        overlay = self.overlay(study, series, segmentation)
        colours = {one.number: one.colour for one in overlay.segmentation.segments}
        if segment not in colours or not 0 <= index < len(overlay.slices):
            raise NotFound("The segmentation has no such segment, or the series no such slice.")
        return pictures.mask_picture(overlay.mask(index, segment), colours[segment])

    def overlay_picture(self, study: str, series: str, segmentation: str, index: int) -> bytes:
        """A PNG of one slice with all segments over it."""
        overlay = self.overlay(study, series, segmentation)
        one, shown = self._slice(study, series, index)
        masks = [(overlay.mask(index, part.number), part.colour) for part in overlay.segmentation.segments]
        return pictures.overlay_picture(shown, masks, one.plane)

    def montage(self, study: str, series: str, segmentation: str, caption: list[str]) -> bytes:
        """A PNG of the segmentation over three planes through its middle.

        Raises:
            NotFound: when the images are no block of parallel slices.
        """
        overlay = self.overlay(study, series, segmentation)
        slices, window = self.slices(study, series)
        _require_block(slices)
        with self._montage:  # one volume in memory at a time
            volume = self._volume(study, series, slices, overlay)
            colours = {one.number % 256: one.colour for one in overlay.segmentation.segments}
            picture = montage(volume, window, colours, caption)
            del volume
            _give_memory_back()
        return picture

    def _volume(self, study: str, series: str, slices: list[Slice], overlay: Overlay) -> Volume:
        first = slices[0]
        values = np.empty((len(slices), first.rows, first.columns), np.float32)
        labels = np.zeros(values.shape, np.uint8)
        for index, one in enumerate(slices):
            values[index] = self._values(study, series, one)
            for part in overlay.segmentation.segments:
                labels[index][overlay.mask(index, part.number)] = part.number % 256
        return Volume(slices, values, labels)


def _quiet_pydicom() -> None:
    """Odd values of foreign objects are not quoted in logs, which hold no patient data."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def _give_memory_back() -> None:
    """Return what a montage needed to the system; glibc keeps it otherwise, and an actor that idles shall be small."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _require_block(slices: list[Slice]) -> None:
    first = slices[0]
    same = all(
        one.plane
        and first.plane
        and one.plane.parallel_to(first.plane)
        and (one.rows, one.columns) == (first.rows, first.columns)
        for one in slices
    )
    if not same or len(slices) < 2 or len(slices) * first.rows * first.columns * 4 > _LARGEST_VOLUME:  # noqa: PLR2004
        raise NotFound(
            "Three planes can be cut through a block of parallel slices only, and not through a very large one; use "
            "the picture of a single slice (overlay.png)."
        )


def _slim(row: JsonDataset) -> JsonDataset:
    wanted = {tag_of(keyword) for keyword in _HEADER}
    return {tag: element for tag, element in row.items() if tag in wanted}


def _made(dataset: Dataset) -> str:
    return str(dataset.get("ContentDate", "")) + str(dataset.get("ContentTime", ""))


def engine_of(segmentation: Segmentation) -> str:
    """Name and version of the algorithm behind a segmentation, in words."""
    _, model, version = equipment(segmentation.dataset)
    named = next((one.algorithm for one in segmentation.segments if one.algorithm), "")
    return named or " ".join(part for part in (model, version) if part) or "an algorithm that is not named"


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    """Remember the last few."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _KEPT_STUDIES:
        kept.popitem(last=False)
