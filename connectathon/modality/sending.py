"""Send a study to an archive, over DICOMweb or over DIMSE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actors.shared.dicomweb import Archive
from actors.shared.dimse import send
from profiles.errors import BadInput


def send_study(
    paths: Sequence[Path],
    *,
    dicomweb_url: str | None = None,
    dimse: tuple[str, int] | None = None,
    called_ae: str = "STEPWELL",
) -> None:
    """Send files, all in one request or association.

    Args:
        paths: DICOM files.
        dicomweb_url: base address of a DICOMweb service; STOW-RS is used.
        dimse: host and port of a C-STORE SCP.
        called_ae: its AE title.

    Raises:
        BadInput: unless exactly one destination is given.
        Unavailable: when the archive is away.
        StoreFailed: when it refused an instance over DICOMweb.
        Conflict: when it refused an instance over DIMSE.
    """
    if dicomweb_url is not None and dimse is None:
        with Archive(dicomweb_url) as archive:
            archive.store(paths)
    elif dimse is not None and dicomweb_url is None:
        send(paths, *dimse, called_ae, "MODALITY")
    else:
        raise BadInput("A study is sent to one place: give either a DICOMweb address or a DIMSE host and port.")
