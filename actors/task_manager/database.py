"""Where the Task Manager's database is."""

from __future__ import annotations

from pathlib import Path

from actors.task_manager.settings import Settings
from workitems.store import sqlite_url

ACTOR = "task_manager"


def database_url(settings: Settings, data_dir: Path) -> str:
    """SQLAlchemy URL of the database: the one that is configured, or SQLite in the actor's directory."""
    return settings.database_url or sqlite_url(data_dir / ACTOR / "workitems.sqlite")
