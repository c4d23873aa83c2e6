"""The catalogue, encoded once to files for all peers."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from profiles.air import AlgorithmIdentification, ResultContext, Results, context_from_workitem, encode
from tests.air.conftest import NOW, STATION, as_frames, as_radiograph, workitem_for
from tests.air.peers.catalogue import CASES, Case


@dataclass(frozen=True)
class Written:
    """A case of the catalogue, its results, what they were tied to, and the files of their objects."""

    case: Case
    results: Results
    context: ResultContext
    paths: tuple[Path, ...]

    def of(self, modality: str) -> list[Path]:
        return [path for path in self.paths if path.name.startswith(modality)]


@pytest.fixture(scope="session")
def sources(source_files: list[Path]) -> dict[str, list[Dataset]]:
    """The images of each kind of source."""
    slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in source_files]
    other = [copy.deepcopy(image) for image in slices]
    for image in other:
        image.SeriesInstanceUID, image.SOPInstanceUID = "1.2.50", f"1.2.50.{image.InstanceNumber}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    flat = as_radiograph(copy.deepcopy(slices[0]))
    flat.SeriesInstanceUID, flat.SOPInstanceUID = "1.2.51", "1.2.51.1"
    flat.file_meta.MediaStorageSOPClassUID, flat.file_meta.MediaStorageSOPInstanceUID = flat.SOPClassUID, "1.2.51.1"
    named = [copy.deepcopy(image) for image in slices]
    for image in named:
        image.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
        image.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    return {
        "slices": slices,
        "scripts": named,
        "frames": [as_frames([pydicom.dcmread(path) for path in source_files])],
        "radiograph": [flat],
        "series": [*slices, *other],
    }


@pytest.fixture(scope="session")
def untouched(sources: dict[str, list[Dataset]]) -> dict[str, list[Dataset]]:
    """Copies of the images from before anything was encoded."""
    return copy.deepcopy(sources)


@pytest.fixture(scope="session")
def written(
    untouched: dict[str, list[Dataset]],
    sources: dict[str, list[Dataset]],
    algorithm: AlgorithmIdentification,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Written]:
    folder = tmp_path_factory.mktemp("catalogue")
    return {name: _write(case, sources[case.source], algorithm, folder / name) for name, case in CASES.items()}


def _write(case: Case, images: Sequence[Dataset], algorithm: AlgorithmIdentification, folder: Path) -> Written:
    made = context_from_workitem(workitem_for(images[0]), images, station=STATION, now=NOW, seed=case.name)
    context, results = case.change(made), case.make(images)
    folder.mkdir()
    paths = []
    for number, dataset in enumerate(encode(results, context, algorithm)):
        paths.append(folder / f"{dataset.Modality}-{number}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return Written(case, results, context, tuple(paths))


def run(program: str | Path, *arguments: str | Path) -> tuple[int, str]:
    """The exit status of a program and what it printed; one of this environment's by its bare name."""
    ours = Path(sys.executable).parent / program
    found = subprocess.run(
        [ours if ours.exists() else program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
        env={**os.environ, "DCMDICTPATH": "/usr/share/libdcmtk17/dicom.dic" if not ours.exists() else ""},
    )
    return found.returncode, found.stdout + found.stderr
