"""The ``[image_display]`` table of the configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from actors.shared.settings import ActorSettings, Port


class Settings(ActorSettings):
    """Where the result pages are served, and where images and results come from.

    Attributes:
        port: of the pages; the same as the Watcher's when both run in one process.
        archive_url: DICOMweb base URL of the archive (RAD-137, RAD-107).
        worklist_url: address of the Watcher's pages, when they are on another server.
        timeout_seconds: how long to wait for the archive.
        reader_header: header in which an authenticating proxy in front names the reader; without one, all readers are
            the same local one (docs/log.md).
        ohif_folder: what ``scripts/ohif.py`` printed; OHIF is then served under ``/ohif/`` (docs/viewer.md).
    """

    port: Port = 8083
    archive_url: str = "http://127.0.0.1:8081/dicom-web"
    worklist_url: str = ""
    timeout_seconds: float = Field(default=20.0, gt=0)
    reader_header: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$")
    ohif_folder: Path | None = None
