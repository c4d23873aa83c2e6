"""Studies on which results are made, written and read back."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from profiles.air import AlgorithmIdentification, ResultContext, Results, context_from_workitem, encode
from tests.air.conftest import NOW, STATION, as_frames, as_radiograph, workitem_for


@dataclass(frozen=True, eq=False)
class Study:
    """The images of a study, what results of it are tied to, and what makes them."""

    images: Sequence[Dataset]
    context: ResultContext
    algorithm: AlgorithmIdentification

    def write(self, results: Results) -> list[Dataset]:
        """The objects of the results, as they come out of their files."""
        return [through_a_file(made) for made in encode(results, self.context, self.algorithm)]


def through_a_file(made: Dataset) -> Dataset:
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    file.seek(0)
    return pydicom.dcmread(file)


def study_of(images: Sequence[Dataset]) -> Study:
    context = context_from_workitem(workitem_for(images[0]), images, station=STATION, now=NOW, seed="reading")
    algorithm = AlgorithmIdentification("find-all", "2.1", "Stepwell", build="weights", parameters=("threshold=0.5",))
    return Study(images, context, algorithm)


@pytest.fixture(scope="session")
def studies(source_files: list[Path]) -> dict[str, Study]:
    """A series of slices, the same as frames of one image, and a radiograph without Frame of Reference."""
    slices = [pydicom.dcmread(path) for path in source_files]
    frames = as_frames(slices)
    flat = pydicom.dcmread(source_files[0])
    return {
        "series": study_of(slices),
        "multi-frame": study_of([frames]),
        "radiograph": study_of([as_radiograph(flat)]),
    }


@pytest.fixture(scope="session")
def series(studies: dict[str, Study]) -> Study:
    return studies["series"]


@pytest.fixture
def written(series: Study, results: Results) -> Callable[[], list[Dataset]]:
    """The objects of two overlapping segments with their volumes."""
    return lambda: series.write(results)
