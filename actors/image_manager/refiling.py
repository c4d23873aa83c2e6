"""File instances under the patient into whom their own was merged, and make a lost index again (HL7-048).

Files stay as they came. What is told of them (index, searches, metadata) and what is exported is under the survivor.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from actors.image_manager.files import InstanceFiles
from actors.image_manager.index import Index
from actors.image_manager.instance import Instance, NotStorable, read_instance
from actors.image_manager.merges import IDENTIFYING, Merges
from actors.image_manager.search import level_attributes
from actors.shared.logs import get_logger
from actors.shared.multipart import CHUNK_BYTES
from profiles.dicom import JsonDataset, items, put_items, tag_of

_ORIGINAL = "OriginalAttributesSequence"
_BATCH = 100
_log = get_logger(__name__)


def presented(instance: Instance, merges: Merges) -> Instance:
    """An instance as it is to be exported."""
    header = merges.present(instance.header)
    return instance if header is instance.header else replace(instance, header=header, is_refiled=True)


def refile(files: InstanceFiles, index: Index, merges: Merges, patient_ids: Iterable[str]) -> None:
    """File again what is stored under some Patient IDs; what is right already stays as it is.

    Args:
        files: have the instances as they came.
        index: is changed, study by study.
        merges: what is known.
        patient_ids: values of identifiers that take part in merges.
    """
    for study in index.studies_of_patients(patient_ids):
        rows = index.instances(study)
        earlier = index.refiled([row.uid for row in rows])
        read = (_readable(files.place(study, row.series_uid, row.uid)) for row in rows)
        found = [presented(one, merges) for one in read if one]
        changed = [one for one in found if one.is_refiled or one.sop_instance in earlier]
        if changed:
            index.refile(changed, level_attributes)
            _log.info("refiled", study=study, instances=len(changed))


def rebuild(files: InstanceFiles, index: Index, merges: Merges) -> None:
    """Make the index again from the files; begun again at the next start when it was not finished."""
    files.rebuilding.touch()
    paths = sorted(files.studies.glob("*/*/*.dcm"), key=lambda path: (path.stat().st_mtime, path.name))
    for some in (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)):
        known = index.known([path.stem for path in some])
        new = [one for path in some if path.stem not in known and (one := _readable(path))]
        if new:
            index.add([presented(one, merges) for one in new], level_attributes, some[-1].stat().st_mtime)
    files.rebuilding.unlink()
    _log.warning("index-rebuilt", instances=len(paths))


def exported(path: Path, header: JsonDataset) -> Iterator[bytes]:
    """The file of a refiled instance as it is exported: its patient is that of the header, all else is as it came.

    Args:
        path: the file.
        header: the one in the index.
    """
    with path.open("rb") as stream:
        dataset = pydicom.dcmread(stream, stop_before_pixels=True)
        if dataset.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:  # in one piece: nothing follows
            stream.seek(0)
            dataset = pydicom.dcmread(stream)
        _overlay(dataset, header)
        head = io.BytesIO()
        dataset.save_as(head, enforce_file_format=True)
        yield head.getvalue()
        while chunk := stream.read(CHUNK_BYTES):  # pixel data and what comes after it
            yield chunk


def _overlay(dataset: pydicom.Dataset, header: JsonDataset) -> None:
    for keyword in IDENTIFYING:
        if keyword in dataset:
            del dataset[keyword]
    changes = {tag: header[tag] for tag in map(tag_of, IDENTIFYING) if tag in header}
    put_items(changes, _ORIGINAL, items(header, _ORIGINAL)[-1])
    found = pydicom.Dataset.from_json(changes)
    found.OriginalAttributesSequence = [*(dataset.get(_ORIGINAL) or ()), *found.OriginalAttributesSequence]
    dataset.update(found)


def _readable(path: Path) -> Instance | None:
    try:
        return read_instance(path)
    except (NotStorable, FileNotFoundError) as error:
        _log.error("file-not-readable", instance=path.stem, reason=getattr(error, "reason", "missing"))
        return None
