"""Retrieve exactly the instances that a workitem names (RAD-107), as files."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from actors.shared.dicomweb import Archive
from actors.task_performer.addresses import source_of
from actors.task_performer.failing import failed
from actors.task_performer.journal import disk_faults
from profiles.dicom import JsonDataset, items, text
from profiles.errors import Conflict, NotFound

_ASKED = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "SOPClassUID")


@dataclass(frozen=True, slots=True)
class SeriesInput:
    """One series to retrieve.

    Attributes:
        archive: base URL of the DICOMweb service that has it.
        study: Study Instance UID.
        series: Series Instance UID.
        instances: SOP Instance UIDs; the whole series when there are none.
    """

    archive: str
    study: str
    series: str
    instances: frozenset[str]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """How much was retrieved."""

    instances: int
    octets: int


def planned(workitem: JsonDataset, archives: Sequence[str]) -> list[SeriesInput]:
    """What Input Information Sequence names, one entry per item (PS3.3 C.30.2)."""
    return [
        SeriesInput(
            source_of(one, archives),
            text(one, "StudyInstanceUID"),
            text(one, "SeriesInstanceUID"),
            frozenset(text(found, "ReferencedSOPInstanceUID") for found in items(one, "ReferencedSOPSequence")),
        )
        for one in items(workitem, "InputInformationSequence")
    ]


def retrieve(plan: Sequence[SeriesInput], folder: Path) -> Retrieved:
    """Retrieve all of a plan; what an earlier attempt left is removed first.

    Args:
        plan: what to retrieve.
        folder: gets one folder per series, made with mode 0700: it holds patient data.

    Raises:
        Unavailable: when the archive is away or the disk is full.
        Failed: when the archive does not have everything, or what it has is no DICOM.
    """
    with disk_faults(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        paths = [path for number, one in enumerate(plan, 1) for path in _series(one, folder / f"{number:03d}")]
        return Retrieved(len(paths), sum(path.stat().st_size for path in paths))


def _series(one: SeriesInput, folder: Path) -> list[Path]:
    with Archive(one.archive) as archive, _said_as_failure():
        if not one.instances or _is_whole_series(archive, one):
            paths = archive.retrieve_series(one.study, one.series, folder)
        else:
            paths = [archive.retrieve_instance(one.study, one.series, uid, folder) for uid in sorted(one.instances)]
    found = {str(_header(path).SOPInstanceUID) for path in paths}
    if missing := one.instances - found:
        raise failed("input-missing", f"{len(missing)} of {len(one.instances)} instances did not come.")
    if not found:
        raise failed("input-missing", "the series has no instances.")
    return paths


def _is_whole_series(archive: Archive, one: SeriesInput) -> bool:
    """Whether the archive's series holds what is asked for and nothing else, so that one request will do."""
    held = archive.search_instances(one.study, one.series, {"includefield": "SOPInstanceUID"})
    return {text(found, "SOPInstanceUID") for found in held} <= one.instances


@contextlib.contextmanager
def _said_as_failure() -> Iterator[None]:
    try:
        yield
    except (NotFound, Conflict) as error:
        raise failed("input-missing", error.message) from error


def _header(path: Path) -> Dataset:
    try:
        found = dcmread(path, stop_before_pixels=True, specific_tags=list(_ASKED))
        if not all(keyword in found for keyword in _ASKED):
            raise failed("input-unreadable", "it lacks one of its UIDs.")
    except (InvalidDicomError, ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise failed("input-unreadable", f"{type(error).__name__}.") from error
    return found
