"""The ``[event_repository]`` table of the configuration."""

from __future__ import annotations

from pydantic import Field

from actors.shared.settings import ActorSettings, Port, TlsFiles


class Settings(ActorSettings):
    """Where the Event Repository listens, and what it takes.

    Attributes:
        port: HTTP: ITI-82, ``/events``, ``/health``.
        syslog_port: syslog over TLS (RFC 5425).
        tls: its own certificate and the authority of its senders'; without it, syslog is taken over plain TCP, which
            only loopback senders can reach.
        greatest_message: in octets; PS3.15 A.6 requires at least 32768.
        greatest_connections: senders at one time.
        database_url: SQLAlchemy URL of PostgreSQL; without it, messages are in SQLite in the data directory.
        keep_messages_days: after how many days messages are deleted; without it they are kept.
        keep_facts_days: after how many days the facts that measures are computed from are deleted, likewise.
        patience_seconds: how long a message that has begun may take to arrive.
    """

    port: Port = 8082
    syslog_port: Port = 6514
    tls: TlsFiles | None = None
    greatest_message: int = Field(default=1_048_576, ge=32_768)
    greatest_connections: int = Field(default=256, ge=1)
    patience_seconds: float = Field(default=60.0, gt=0)
    database_url: str | None = None
    keep_messages_days: float | None = Field(default=None, gt=0)
    keep_facts_days: float | None = Field(default=None, gt=0)
