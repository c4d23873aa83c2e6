"""The tables of the event store. Moments are microseconds since 1970 in UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

METADATA = MetaData()
_Number = BigInteger().with_variant(Integer, "sqlite")  # only an INTEGER is SQLite's row number

#: How far things have come, by name: ``layout`` (version of these tables), ``stored``, ``projected``.
STATE = Table("log_state", METADATA, Column("name", Text, primary_key=True), Column("number", _Number, nullable=False))

#: Every message as it came, with its header. Written once and never changed, in the order of ``number``.
MESSAGE = Table(
    "message",
    METADATA,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("stamped", BigInteger, nullable=False, index=True),
    Column("received_at", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("pri", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("hostname", Text, nullable=False),
    Column("application", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("content_at", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # a number is not given again when the last messages are deleted
)

#: What could be read of a message; one row for each event, whatever number of messages told it.
EVENT = Table(
    "event",
    METADATA,
    Column("number", _Number, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False, unique=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("received_at", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("code", Text),
    Column("step", Text),
    Column("patient", Text),
    Column("accession", Text),
    Column("placer", Text),
    Column("filler", Text),
    Column("study", Text),
    Column("workitem", Text),
    Column("flaw", Text),
    Column("parsed", LargeBinary, nullable=False),
)
for _name in ("code", "step", "patient", "accession", "placer", "filler", "study", "workitem"):
    _told = EVENT.c[_name].is_not(None)
    Index(f"event_{_name}", EVENT.c[_name], EVENT.c.at, sqlite_where=_told, postgresql_where=_told)
_flawed = EVENT.c.flaw.is_not(None)
Index("event_flaw", EVENT.c.number, sqlite_where=_flawed, postgresql_where=_flawed)

#: Who sends: ``source`` is HOSTNAME, a space, APP-NAME.
SOURCE = Table(
    "source",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("flaws", BigInteger, nullable=False),
    Column("last_flaw", Text, nullable=False),
    Column("delays", Text, nullable=False),
)

#: Columns of a message as `sole_logging.records.message_row` gives them.
MESSAGE_COLUMNS = tuple(column.name for column in MESSAGE.c if column.name != "number")
