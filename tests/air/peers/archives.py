"""What every archive is to do with the catalogue: keep it."""

from collections.abc import Iterable
from pathlib import Path

import pydicom

from actors.shared.dicomweb import Archive


def came_back_changed(dicomweb: str, paths: Iterable[Path], into: Path) -> list[str]:
    """Store files and retrieve their study: the names of those that are not there, or not the same in all attributes.

    Args:
        dicomweb: base address of the archive.
        paths: files of one study.
        into: where the retrieved files are put.
    """
    sent = {path: pydicom.dcmread(path) for path in paths}
    with Archive(dicomweb) as archive:
        archive.store(list(sent))
        retrieved = archive.retrieve_study(str(next(iter(sent.values())).StudyInstanceUID), into)
    back = {dataset.SOPInstanceUID: dataset for dataset in map(pydicom.dcmread, retrieved)}
    return [str(path) for path, dataset in sent.items() if not _same(back.get(dataset.SOPInstanceUID), dataset)]


def _same(back: pydicom.Dataset | None, sent: pydicom.Dataset) -> bool:
    return (
        back == sent
        and back.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
        and back.file_meta.MediaStorageSOPClassUID == sent.SOPClassUID
    )
