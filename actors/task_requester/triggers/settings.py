"""The ``[task_requester.triggers]`` table of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from actors.shared.settings import AETitle, Port, TlsFiles
from actors.task_requester.triggers.searching import conditions_of
from profiles.errors import BadInput

Seconds = Annotated[float, Field(gt=0)]


def _filters(query: str) -> str:
    try:
        conditions = conditions_of(query) if query else {}
    except BadInput as error:
        raise ValueError(error.message) from error
    if "StudyDate" in conditions:
        raise ValueError("StudyDate is set by the polling itself; say in `overlap_days` how far it looks back")
    return query


class Polling(BaseModel):
    """Which studies are looked for in an archive that tells of nothing by itself.

    Attributes:
        archive_url: DICOMweb service that is asked; that of the Task Requester when not given.
        filters: condition of the search as in a URL, e.g. ``ModalitiesInStudy=MR``; all studies when empty.
        interval_seconds: from one search to the next.
        slowest_seconds: the same at most, while the archive is away.
        overlap_days: studies that are so many days older than the last complete search are looked for again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    archive_url: str | None = None
    filters: Annotated[str, AfterValidator(_filters)] = ""
    interval_seconds: Seconds = 60.0
    slowest_seconds: Seconds = 600.0
    overlap_days: int = Field(default=2, ge=0)


class Bulk(BaseModel):
    """How requests for many studies are held back behind clinical work.

    Attributes:
        open_workitems: so many of them at most have not ended.
        clinical_waiting: no further one is asked for while more than so many other workitems wait for a performer.
        most_studies: of one request.
        interval_seconds: how often is looked whether a further one may be asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    open_workitems: int = Field(default=2, ge=1)
    clinical_waiting: int = Field(default=0, ge=0)
    most_studies: int = Field(default=10_000, ge=1)
    interval_seconds: Seconds = 5.0


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
        polling: an archive that is searched for new studies.
        bulk: requests for many studies at once.
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
    polling: Polling | None = None
    bulk: Bulk = Field(default_factory=Bulk)

    def quiet_for(self, modality: str) -> float:
        """How long a series of this modality must stand still."""
        return self.quiet_seconds_by_modality.get(modality, self.quiet_seconds)
