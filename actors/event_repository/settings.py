"""The ``[event_repository]`` table of the configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from actors.shared.settings import ActorSettings, Port, TlsFiles


class Settings(ActorSettings):
    """Where the Event Repository listens, and what it takes.

    Attributes:
        port: HTTP: ITI-81, ITI-82, RAD-124, ``/events``, pages, ``/health``.
        syslog_port: syslog over TLS (RFC 5425).
        tls: its own certificate and the authority of its senders'; without it, syslog is taken over plain TCP, which
            only loopback senders can reach.
        greatest_message: in octets; PS3.15 A.6 requires at least 32768.
        greatest_connections: senders at one time.
        database_url: SQLAlchemy URL of PostgreSQL; without it, messages are in SQLite in the data directory.
        keep_messages_days: after how many days messages are deleted; without it they are kept.
        keep_facts_days: after how many days the facts that measures are computed from are deleted, likewise.
        patience_seconds: how long a message, or the body of a request, that has begun may take to arrive.
        udp: whether syslog is taken over UDP, too (RFC 5426); it may lose messages and cut them off.
        udp_port: where.
        readers_token_file: names and tokens of those who may read the log, and send to it over HTTP; without it,
            everybody on loopback may. It must be set before anything beyond loopback reaches this port.
        worklist_url: address of the Watcher's pages, which the dashboard leads to; empty when there are none.
    """

    port: Port = 8082
    syslog_port: Port = 6514
    tls: TlsFiles | None = None
    greatest_message: int = Field(default=1_048_576, ge=32_768)
    greatest_connections: int = Field(default=256, ge=1)
    patience_seconds: float = Field(default=60.0, gt=0)
    udp: bool = False
    udp_port: Port = 514
    readers_token_file: Path | None = None
    worklist_url: str = ""
    database_url: str | None = None
    keep_messages_days: float | None = Field(default=None, gt=0)
    keep_facts_days: float | None = Field(default=None, gt=0)
