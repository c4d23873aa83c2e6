"""The ``[task_requester.triggers]`` table of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from actors.shared.settings import AETitle, Port, TlsFiles

Seconds = Annotated[float, Field(gt=0)]


class Triggers(BaseModel):
    """What tells of work besides HL7; a port that is not given is not listened on.

    Attributes:
        dimse_port: takes images (C-STORE), MPPS and IAN.
        dimse_tls: certificates; with them the port speaks TLS only, and senders must show a certificate.
        aes: AE title that images can be sent to, and the rule that is then followed whatever its condition says; with
            an empty name all rules are asked. The requester's own ``ae_title`` is one of these without being named.
        quiet_seconds: a series of which nothing came for so long is complete; a study when all of its series are.
        quiet_seconds_by_modality: the same for series of some modalities.
        force_seconds: a study of which images still come after so long is taken as it is.
        own_makers: Manufacturer (0008,0070) of results of this site's engines, which never ask for work.
        nearline_seconds: how long after an IAN that says NEARLINE its images are looked for.
        http_port: FHIR, and the requests of people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dimse_port: Port | None = None
    dimse_tls: TlsFiles | None = None
    aes: dict[AETitle, str] = Field(default_factory=dict)
    quiet_seconds: Seconds = 30.0
    quiet_seconds_by_modality: dict[str, Seconds] = Field(default_factory=dict)
    force_seconds: Seconds = 5400.0
    own_makers: tuple[str, ...] = ("Stepwell",)
    nearline_seconds: Seconds = 60.0
    http_port: Port | None = None

    def quiet_for(self, modality: str) -> float:
        """How long a series of this modality must stand still."""
        return self.quiet_seconds_by_modality.get(modality, self.quiet_seconds)
