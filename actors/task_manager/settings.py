"""The ``[task_manager]`` table of the configuration."""

from __future__ import annotations

from actors.shared.settings import ActorSettings, AETitle, Port


class Settings(ActorSettings):
    """Where the Task Manager listens and where it keeps its workitems.

    Attributes:
        port: UPS-RS under ``/ups-rs``.
        ae_title: its AE title.
        database_url: SQLAlchemy URL of a PostgreSQL database; SQLite in the data directory when not given.
    """

    port: Port = 8080
    ae_title: AETitle = "STEPWELL_TM"
    database_url: str | None = None
