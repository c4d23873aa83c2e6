"""What an Evidence Creator declares, and the results that are judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from conformance.air import check_files
from conformance.finding import Finding
from conformance.harness.declaration import Declaration, Strict
from conformance.harness.trial import Trial
from conformance.partners.archive import ImageArchive
from conformance.partners.storage import Receiver as StorageReceiver
from profiles.errors import BadInput

_KINDS = {"SR": "sr", "SEG": "seg", "KO": "ko"}
_MAPS = "1.2.840.10008.5.1.4.1.1.30"
RESULTS = frozenset({"sr", "seg", "pm", "ko"})


class Samples(Strict):
    """The ``[samples]`` table: what the system made of one study, as files.

    Attributes:
        results: folder with everything that the system stored for the study.
        sources: folder with the images that it was given; without it rules about the images cannot be judged.
        negative: folder with what it stored for a study without a finding; empty when there is none.
        workitem: the completed workitem as DICOM JSON, when there was one.
    """

    results: Path
    sources: Path | None = None
    negative: Path | None = None
    workitem: Path | None = None


class Produces(Strict):
    """The ``[produces]`` table: the capability document (what the system says that it makes).

    Attributes:
        objects: of ``sr``, ``seg``, ``pm`` and ``ko``.
        primitives: of ``finding``, ``measurement``, ``location``, ``region``, ``map``, ``tracking`` and ``reference``.
        description: one or two sentences on what the algorithm does.
    """

    objects: frozenset[str] = frozenset()
    primitives: frozenset[str] = frozenset()
    description: str = ""


class Receiver(Strict):
    """The ``[receiver]`` table: where the harness plays the archive that the system stores to.

    Attributes:
        http_port: for STOW-RS, under ``/dicom-web``; 0 for none.
        dimse_port: for C-STORE; 0 for none.
    """

    host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, lt=65536)
    dimse_port: int = Field(default=0, ge=0, lt=65536)
    ae_title: str = "HARNESS"


class EvidenceCreator(Declaration):
    """A system that plays the Evidence Creator."""

    samples: Samples
    produces: Produces = Produces()
    receiver: Receiver = Receiver()


@dataclass(slots=True)
class Results:
    """Objects of one study, by kind, and what the checks found."""

    files: list[Path]
    datasets: list[tuple[Path, Dataset]] = field(default_factory=list)

    def of(self, kind: str) -> list[tuple[Path, Dataset]]:
        """Those of a kind; ``any`` is every result (images are none)."""
        wanted = RESULTS if kind == "any" else {kind}
        return [(path, dataset) for path, dataset in self.datasets if kind_of(dataset) in wanted]


def kind_of(dataset: Dataset) -> str:
    """``sr``, ``seg``, ``pm``, ``ko``, or ``image``."""
    if dataset.get("SOPClassUID") == _MAPS:
        return "pm"
    return _KINDS.get(str(dataset.get("Modality", "")), "image")


class Studio:
    """What is judged, read once for the run."""

    def __init__(self, declared: EvidenceCreator) -> None:
        """Nothing is read yet; archives that the declaration names listen."""
        self.declared = declared
        where = declared.receiver
        self.archive = ImageArchive(where.host, where.http_port) if where.http_port else None
        self.receiver = StorageReceiver(where.host, where.dimse_port, where.ae_title) if where.dimse_port else None

    def begin(self, trial: Trial) -> None:
        """What is stored from now on is that trial's evidence."""
        if self.archive:
            self.archive.begin(trial)

    def end(self) -> None:
        """No trial is on."""
        if self.archive:
            self.archive.end()

    def close(self) -> None:
        """Listen no longer."""
        for one in (self.archive, self.receiver):
            if one:
                one.close()

    @cached_property
    def results(self) -> Results:
        """What the system made."""
        return _read(self.declared.samples.results)

    @cached_property
    def sources(self) -> Results:
        """What it was given."""
        folder = self.declared.samples.sources
        return _read(folder) if folder else Results([])

    @cached_property
    def negative(self) -> Results | None:
        """What it made of a study without a finding."""
        folder = self.declared.samples.negative
        return _read(folder) if folder else None

    @cached_property
    def findings(self) -> list[Finding]:
        """Everything that the object checks say about the results."""
        samples = self.declared.samples
        return check_files([samples.results, *([samples.sources] if samples.sources else [])])

    def workitem(self) -> dict[str, Any] | None:
        """The completed workitem, when the declaration has one."""
        path = self.declared.samples.workitem
        if path is None:
            return None
        told = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, Any] = told[0] if isinstance(told, list) else told
        return found


def _read(folder: Path) -> Results:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    results = Results(files)
    for path in files:
        try:
            results.datasets.append((path, dcmread(path, defer_size=1 << 20)))
        except (InvalidDicomError, OSError, ValueError):
            continue  # the object checks report it
    return results


@contextmanager
def stage(declared: EvidenceCreator) -> Iterator[Studio]:
    """The results, for the length of a run.

    Raises:
        BadInput: when a folder is not there.
    """
    samples = declared.samples
    for folder in (samples.results, samples.sources, samples.negative, samples.workitem):
        if folder is not None and not folder.exists():
            raise BadInput(f"There is no {folder}, which the declaration names under [samples].")
    studio = Studio(declared)
    try:
        yield studio
    finally:
        studio.close()
