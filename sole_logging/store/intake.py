"""Messages into the store: header, key and octets, many in one transaction. No XML is read here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, islice

from sqlalchemy import Connection, func, select

from sole_logging.records import MessageRow
from sole_logging.store.database import Database, advance
from sole_logging.store.tables import MESSAGE, MESSAGE_COLUMNS, SOURCE

#: Rows of one statement. Many in one, as each statement hands the interpreter to other threads and back.
_SIZES = (256, 16, 1)
_ASKED = 500
_KEY = MESSAGE_COLUMNS.index("key")
_RECEIVED = MESSAGE_COLUMNS.index("received_at")
_HOST = MESSAGE_COLUMNS.index("hostname")
_APPLICATION = MESSAGE_COLUMNS.index("application")


def add(database: Database, rows: Sequence[MessageRow]) -> int:
    """Store messages in one transaction; on disk when this returns. Duplicates are counted and dropped (SOLE-049).

    Returns:
        How many of them were new.

    Raises:
        Unavailable: when nothing could be stored.
    """
    if not rows:
        return 0
    with database.write() as connection:
        database.in_order(connection)
        last = connection.execute(select(func.max(MESSAGE.c.number))).scalar() or 0
        mark = "?" if database.is_sqlite else "%s"
        new = 0
        for part in _parts(rows):
            new += connection.exec_driver_sql(_statement(len(part), mark), tuple(chain.from_iterable(part))).rowcount
        if new < len(rows):
            _count_duplicates(database, connection, rows, last)
        advance(connection, "stored", by=new)
    return new


def _parts(rows: Sequence[MessageRow]) -> Iterator[Sequence[MessageRow]]:
    place = 0
    for size in _SIZES:
        while place + size <= len(rows):
            yield rows[place : place + size]
            place += size


@cache
def _statement(size: int, mark: str) -> str:
    row = f"({', '.join([mark] * len(MESSAGE_COLUMNS))})"
    values = ", ".join([row] * size)
    return f"INSERT INTO message ({', '.join(MESSAGE_COLUMNS)}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608


def _count_duplicates(database: Database, connection: Connection, rows: Sequence[MessageRow], last: int) -> None:
    """Add to each source what it sent again: what was there already, and what came twice in these rows."""
    seen = _present(connection, {row[_KEY] for row in rows}, last)
    again: Counter[str] = Counter()
    at: dict[str, int] = {}
    for row in rows:
        if row[_KEY] in seen:
            source = f"{row[_HOST]} {row[_APPLICATION]}"
            again[source] += 1
            at[source] = row[_RECEIVED]
        seen.add(row[_KEY])
    for source, duplicates in sorted(again.items()):
        count_for(database, connection, source, at[source], duplicates=duplicates)


def _present(connection: Connection, keys: set[bytes], last: int) -> set[bytes]:
    found: set[bytes] = set()
    ordered = iter(sorted(keys))
    while part := list(islice(ordered, _ASKED)):
        query = select(MESSAGE.c.key).where(MESSAGE.c.key.in_(part), MESSAGE.c.number <= last)
        found.update(bytes(key) for key in connection.execute(query).scalars())
    return found


def count_for(
    database: Database, connection: Connection, source: str, at: int, *, duplicates: int = 0, flaw: str = ""
) -> None:
    """Count something for a source that is no new message of it."""
    row = {
        "source": source,
        "name": "",
        "first_seen": at,
        "last_seen": at,
        "messages": 0,
        "duplicates": duplicates,
        "flaws": int(bool(flaw)),
        "last_flaw": flaw,
        "delays": "[]",
    }
    statement = database.upsert(SOURCE).values(row)
    changed = {
        "duplicates": SOURCE.c.duplicates + duplicates,
        "flaws": SOURCE.c.flaws + int(bool(flaw)),
        "last_seen": at,
        **({"last_flaw": flaw} if flaw else {}),
    }
    connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_=changed))
