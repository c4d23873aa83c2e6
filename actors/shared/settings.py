"""What every actor's table in ``stepwell.toml`` holds (one TOML table per actor, named as its folder)."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


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


class SyslogTarget(BaseModel):
    """The event repository that reporters send to: syslog over TLS (ITI-20, RFC 5425)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Port = 6514
    tls: TlsFiles | None = None
    read_back_url: str | None = None


class CommonSettings(BaseModel):
    """The ``[stepwell]`` table: what all actors of one installation share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Path("stepwell-data")
    site: str = "Stepwell"
    log_level: str = "INFO"
    syslog: SyslogTarget | None = None


class ActorSettings(BaseModel):
    """Base of each actor's settings. Unknown keys are refused, so that a typing error is seen at start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host = "127.0.0.1"
