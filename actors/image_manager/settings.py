"""The ``[image_manager]`` table of the configuration."""

from __future__ import annotations

from pydantic import Field

from actors.shared.settings import ActorSettings, AETitle, Port


class Settings(ActorSettings):
    """Where the Image Manager listens, and when a study counts as complete.

    Attributes:
        port: DICOMweb (STOW-RS, QIDO-RS, WADO-RS) under ``/dicom-web``.
        dimse_port: C-STORE and C-ECHO.
        ae_title: the AE title it answers to; other called AE titles are accepted too.
        quiet_seconds: a study to which no image came for this long is reported as stored.
    """

    port: Port = 8081
    dimse_port: Port = 11112
    ae_title: AETitle = "STEPWELL"
    quiet_seconds: float = Field(default=2.0, gt=0)
