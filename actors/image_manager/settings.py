"""The ``[image_manager]`` table of the configuration."""

from __future__ import annotations

from pydantic import Field

from actors.shared.settings import ActorSettings, AETitle, Port, TlsFiles


class Settings(ActorSettings):
    """Where the Image Manager listens, and when a study counts as complete.

    Attributes:
        port: DICOMweb (STOW-RS, QIDO-RS, WADO-RS) under ``/dicom-web``.
        dimse_port: C-STORE and C-ECHO.
        ae_title: the AE title it answers to; other called AE titles are accepted too.
        quiet_seconds: a study to which no image came for this long is reported as stored.
        mllp_port: takes ADT over MLLP, for merged patients (RAD-12); not listened on when not given.
        tls: certificates of the MLLP face; its senders must then show one of the same authority.
        patient_authority: namespace of Patient IDs whose instance names no issuer, or whose ADT message names none.
    """

    port: Port = 8081
    dimse_port: Port = 11112
    ae_title: AETitle = "STEPWELL"
    quiet_seconds: float = Field(default=2.0, gt=0)
    mllp_port: Port | None = None
    tls: TlsFiles | None = None
    patient_authority: str = ""
