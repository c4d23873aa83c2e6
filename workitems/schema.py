"""Bring the store's tables up to date (Alembic, DESIGN D4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from profiles.errors import Unavailable

_BUSY_SECONDS = 30
_ONE_AT_A_TIME = 0x5745_4C4C  # the advisory lock of this store's migrations


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What was done to a database.

    Attributes:
        before: its revision when it was found; empty for a database without tables.
        after: its revision now.
    """

    before: str
    after: str


def upgrade(engine: Engine, revision: str = "head") -> Upgrade:
    """Run the migrations that a database lacks; one process at a time, all of them or none.

    Args:
        engine: of the database, which may be empty.
        revision: up to where.

    Raises:
        Unavailable: when the database is newer than this program; nothing is changed then.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with _alone(engine) as connection:
        before = _revision(connection)
        _require_known(before, ScriptDirectory.from_config(config))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        return Upgrade(before, _revision(connection))


def upgrade_database(url: str) -> Upgrade:
    """Run the migrations that the database of a URL lacks.

    Args:
        url: SQLAlchemy database URL.

    Raises:
        Unavailable: when it cannot be reached or written, or is newer than this program.
    """
    waiting = {"timeout": _BUSY_SECONDS} if url.startswith("sqlite") else {}
    engine = create_engine(url, connect_args=waiting)
    try:
        return upgrade(engine)
    except DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise Unavailable(
            f"The workitem store {where} cannot be upgraded: {error.orig}. Nothing was changed. Check that the "
            "database runs, that its directory is writable, and that this user may change its tables."
        ) from error
    finally:
        engine.dispose()


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that other processes wait for before they look at the tables."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
        else:
            # without it sqlite3 would commit each statement that makes a table by itself
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _require_known(revision: str, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if revision and revision not in known:
        raise Unavailable(
            f"The workitem store was made by a newer Stepwell: its tables are of revision {revision}, this program "
            f"knows revisions up to {scripts.get_current_head()}. Nothing was changed. Install the newer program "
            "again, or restore the backup that was made before the upgrade."
        )
