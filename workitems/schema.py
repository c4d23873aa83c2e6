"""Bring the store's tables up to date (Alembic, DESIGN D4)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

_ONE_AT_A_TIME = 0x5745_4C4C  # the advisory lock of this store's migrations


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that a database lacks; one process at a time, all of them or none.

    Args:
        engine: of the database, which may be empty.
        revision: up to where.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
