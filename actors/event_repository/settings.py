"""The ``[event_repository]`` table of the configuration."""

from __future__ import annotations

from actors.shared.settings import ActorSettings, Port, TlsFiles


class Settings(ActorSettings):
    """Where the Event Repository listens.

    Attributes:
        port: HTTP, for queries.
        syslog_port: syslog over TLS.
        tls: its certificate; without it no syslog is taken.
    """

    port: Port = 8082
    syslog_port: Port = 6514
    tls: TlsFiles | None = None
