"""What a completed workitem produced, fetched from the archive and read to the primitives."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pydicom
from pydicom import Dataset

from profiles.air import AlgorithmIdentification, ResultContext, Results
from profiles.air.reading import algorithm_of, context_of, read_results
from profiles.dicom import JsonDataset, items, text
from profiles.errors import BadInput


class ResultArchive(Protocol):
    """The part of `actors.shared.dicomweb.Archive` that is needed here."""

    def retrieve_instance(self, study: str, series: str, instance: str, into: Path) -> Path:
        """Fetch one object."""

    def series_metadata(self, study: str, series: str) -> list[JsonDataset]:
        """Headers of a series."""


@dataclass(frozen=True, eq=False, slots=True)
class FoundResult:
    """A result as its objects state it.

    Attributes:
        results: the primitives.
        context: what they are tied to.
        algorithm: what made them.
        objects: the result objects.
        corrects: UIDs of the reports that the report says it takes the place of.
    """

    results: Results
    context: ResultContext
    algorithm: AlgorithmIdentification
    objects: tuple[Dataset, ...]
    corrects: tuple[str, ...]

    @property
    def report_uid(self) -> str:
        """SOP Instance UID of the object that speaks for all."""
        return self.context.seed


def outputs_of(workitem: JsonDataset) -> list[tuple[str, str, str]]:
    """Study, series and instance of each output (Output Information Sequence, PS3.3 Table C.30.3-1)."""
    performed = items(workitem, "UnifiedProcedureStepPerformedProcedureSequence")
    return list(_instances(one for step in performed for one in items(step, "OutputInformationSequence")))


def read_result(workitem: JsonDataset, archive: ResultArchive) -> FoundResult | None:
    """Fetch and read what a completed workitem names as its outputs.

    Returns:
        None when it names none.

    Raises:
        BadInput: the outputs are no result that can be told.
        Unavailable: the archive is away.
    """
    outputs = outputs_of(workitem)
    if not outputs:
        return None
    with tempfile.TemporaryDirectory(prefix="stepwell-result-") as folder:
        objects = [pydicom.dcmread(archive.retrieve_instance(*one, Path(folder))) for one in outputs]
        images = [
            Dataset.from_json(one, lambda *_: b"")
            for study, series in _input_series(workitem)
            for one in archive.series_metadata(study, series)
        ]
        reading = read_results(objects, images)
    if reading.results is None:
        reasons = " ".join(dict.fromkeys(one.reason for one in reading.unread))
        raise BadInput(f"None of the {len(objects)} outputs of the workitem could be read as a result. {reasons}")
    context = context_of(objects, images)
    report = next((one for one in objects if str(one.SOPInstanceUID) == context.seed), objects[0])
    return FoundResult(reading.results, context, algorithm_of(reading), tuple(objects), tuple(_predecessors(report)))


def _instances(series: Iterator[JsonDataset]) -> Iterator[tuple[str, str, str]]:
    for one in series:
        for reference in items(one, "ReferencedSOPSequence"):
            instance = text(reference, "ReferencedSOPInstanceUID")
            yield text(one, "StudyInstanceUID"), text(one, "SeriesInstanceUID"), instance


def _input_series(workitem: JsonDataset) -> list[tuple[str, str]]:
    found = items(workitem, "InputInformationSequence")
    return list(dict.fromkeys((text(one, "StudyInstanceUID"), text(one, "SeriesInstanceUID")) for one in found))


def _predecessors(report: Any) -> Iterator[str]:
    for study in report.get("PredecessorDocumentsSequence") or ():
        for series in study.get("ReferencedSeriesSequence") or ():
            for reference in series.get("ReferencedSOPSequence") or ():
                yield str(reference.get("ReferencedSOPInstanceUID", ""))
