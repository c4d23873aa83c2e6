"""Bring an older order store to the present layout, at start and in one transaction."""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, Table, inspect, text
from sqlalchemy.schema import CreateColumn

#: 2: orders are folds over events; PostgreSQL.
LAYOUT = 2


def upgrade(connection: Connection, tables: MetaData) -> None:
    """Make what is missing: tables, and columns that have a default. Nothing is dropped.

    Orders of a store of layout 1 have no events yet; `actors.task_requester.replaying.reproject` makes them.

    Args:
        connection: in a transaction; a store that cannot be written is seen here.
        tables: the present layout.
    """
    there = inspect(connection)
    columns = {name: {one["name"] for one in there.get_columns(name)} for name in there.get_table_names()}
    for table in tables.sorted_tables:
        for column in table.columns if table.name in columns else ():
            if column.name not in columns[table.name]:
                _add(connection, table, column)
    tables.create_all(connection)
    for table in tables.sorted_tables:
        for index in table.indexes if table.name in columns else ():
            index.create(connection, checkfirst=True)
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA user_version = {LAYOUT}"))  # writes always


def _add(connection: Connection, table: Table, column: Column[object]) -> None:
    """The default stands in the statement: rows that are there get it too."""
    written = CreateColumn(column).compile(dialect=connection.dialect)
    default = column.default.arg if column.default is not None else ""  # type: ignore[attr-defined]  # a scalar
    literal = column.type.literal_processor(connection.dialect)
    value = literal(default) if literal else str(int(default))
    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {written} DEFAULT {value}"))
