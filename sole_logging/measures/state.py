"""What the facts remember of themselves."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from sole_logging.measures.tables import FACT_STATE

#: The layout of the values of rows; and since when cases are kept, in microseconds.
LAYOUT, OLDEST = "layout", "oldest"


def remembered(connection: Connection, name: str) -> str:
    """What was kept, or an empty string."""
    return connection.execute(select(FACT_STATE.c.value).where(FACT_STATE.c.name == name)).scalar() or ""


def remember(connection: Connection, name: str, value: str) -> None:
    """Keep something in the place of what was kept."""
    connection.execute(delete(FACT_STATE).where(FACT_STATE.c.name == name))
    connection.execute(insert(FACT_STATE).values(name=name, value=value))


def oldest_case(connection: Connection) -> int:
    """Since when cases are kept: those from before were deleted."""
    return int(remembered(connection, OLDEST) or 0)
