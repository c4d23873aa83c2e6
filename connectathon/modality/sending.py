"""Send a study to an archive, over DICOMweb or over DIMSE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.shared import dimse
from actors.shared.dicomweb import Archive
from profiles.errors import BadInput


@dataclass(frozen=True, slots=True)
class DimsePeer:
    """Where a C-STORE SCP listens."""

    host: str
    port: int
    called_ae: str = "STEPWELL"
    calling_ae: str = "MODALITY"


def send_study(paths: Sequence[Path], *, dicomweb_url: str | None = None, dimse_peer: DimsePeer | None = None) -> None:
    """Send files, all in one request or association.

    Args:
        paths: DICOM files.
        dicomweb_url: base address of a DICOMweb service; STOW-RS is used.
        dimse_peer: a C-STORE SCP.

    Raises:
        BadInput: unless exactly one destination is given.
        Unavailable: when the archive is away.
        StoreFailed: when it refused an instance.
    """
    if (dicomweb_url is None) == (dimse_peer is None):
        raise BadInput("A study is sent to one place: give either a DICOMweb address or a DIMSE peer.")
    if dicomweb_url is not None:
        with Archive(dicomweb_url) as archive:
            archive.store(paths)
    elif dimse_peer is not None:
        dimse.send(paths, dimse_peer.host, dimse_peer.port, dimse_peer.called_ae, dimse_peer.calling_ae)
