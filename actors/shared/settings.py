"""What every actor's table in ``stepwell.toml`` holds (one TOML table per actor, named as its folder)."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _loopback(host: str) -> str:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise ValueError(f"{host!r} is no IP address; use 127.0.0.1 or ::1") from error
    if not address.is_loopback:
        raise ValueError(
            f"{host} is not a loopback address; identity providers are not built yet, so no actor listens beyond "
            "loopback (docs/security.md). Use 127.0.0.1, and put an authenticating proxy in front."
        )
    return host


Host = Annotated[str, AfterValidator(_loopback)]
Port = Annotated[int, Field(ge=1, le=65535)]
AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]+$")]


class TlsFiles(BaseModel):
    """PEM files of one side of a TLS connection, as ``stepwell pki init`` writes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authority: Path
    certificate: Path
    key: Path


class RepositorySettings(BaseModel):
    """An event repository that reporters send to: syslog over TLS (ITI-20, RFC 5425) unless told otherwise.

    Attributes:
        transport: ``syslog``, ``udp`` (RFC 5426, for repositories that take nothing else) or ``fhir``.
        host: name or address of the syslog receiver.
        port: its port; 6514, with ``udp`` 514 (PS3.15 A.6, A.7).
        tls: certificates of our side; without them the connection is plain, on loopback only.
        read_back_url: base URL of its ITI-82 interface, if it may be asked what has arrived.
        bulk_url: base URL of its RAD-124 interface, if it takes in bulk what gathered while it was away.
        feed_url: base URL of its FHIR interface, with ``fhir``.
        datagram_octets: with ``udp``, the longest datagram; longer messages are cut.
        token_file: holds the token that its HTTP interfaces ask for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    transport: Literal["syslog", "udp", "fhir"] = "syslog"
    host: str = "127.0.0.1"
    port: Port | None = None
    tls: TlsFiles | None = None
    read_back_url: str | None = None
    bulk_url: str | None = None
    feed_url: str | None = None
    datagram_octets: Annotated[int, Field(ge=480, le=65_507)] = 65_507
    token_file: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.transport == "fhir") != bool(self.feed_url):
            raise ValueError('feed_url goes with transport = "fhir", and that needs it')
        if self.transport == "udp" and (self.tls or self.bulk_url):
            raise ValueError('transport = "udp" has neither tls nor bulk_url')
        return self


class CommonSettings(BaseModel):
    """The ``[stepwell]`` table: what all actors of one installation share.

    Attributes:
        syslog: the event repository, where there is one only.
        repositories: event repositories by name, where there are several.
        pseudonym_key_file: with it, patient ids in events are replaced by hashes with this key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Path("stepwell-data")
    site: str = "Stepwell"
    log_level: str = "INFO"
    syslog: RepositorySettings | None = None
    repositories: dict[str, RepositorySettings] = Field(default_factory=dict)
    pseudonym_key_file: Path | None = None

    @property
    def all_repositories(self) -> dict[str, RepositorySettings]:
        """Every event repository by its name."""
        return ({"syslog": self.syslog} if self.syslog else {}) | self.repositories


class ActorSettings(BaseModel):
    """Base of each actor's settings. Unknown keys are refused, so that a typing error is seen at start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host = "127.0.0.1"
