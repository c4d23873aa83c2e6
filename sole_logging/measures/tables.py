"""The tables of facts, on SQLite and PostgreSQL. Times are microseconds since the epoch; no patient id anywhere."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

from sole_logging.measures.definitions import STRATA

METADATA = MetaData()

#: Which case an accession number (``a:``), Study Instance UID (``s:``) or workitem UID (``w:``) belongs to.
CASE_KEY = Table(
    "case_key",
    METADATA,
    Column("key", String, primary_key=True),
    Column("case_id", BigInteger, nullable=False, index=True),
)
#: A case with its entries, packed: what the fold reads again when another event comes.
CASE_ROW = Table(
    "case_row",
    METADATA,
    Column("case_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("entries", LargeBinary, nullable=False),
)
#: Combinations of strata that occur.
STRATUM = Table(
    "stratum",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    *(Column(name, String, nullable=False) for name in STRATA),
)
#: The rows of a case (`sole_logging.measures.case.CaseRow`): its study, and its workitems by UID.
FACT = Table(
    "fact",
    METADATA,
    Column("case_id", BigInteger, primary_key=True, autoincrement=False),
    Column("level", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("accession", String, nullable=False),
    Column("study", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("begin_at", BigInteger),
    Column("end_at", BigInteger),
    Column("state", String, nullable=False),
    Column("strange", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("performer", String, nullable=False),
    Column("stratum", Integer, nullable=False),
    Column("measured", LargeBinary, nullable=False),
    Column("latencies", LargeBinary, nullable=False),
    Index("ix_fact_at", "level", "at"),
    Index("ix_fact_begin", "level", "begin_at"),
    Index("ix_fact_end", "level", "end_at"),
    Index("ix_fact_state", "level", "state", "last_at"),
    Index("ix_fact_strange", "strange", "at"),
)
#: How many cases of a day or month have a value of a measure: see `sole_logging.measures.rollups`.
ROLLUP = Table(
    "rollup",
    METADATA,
    Column("level", String, primary_key=True),
    Column("measure", String, primary_key=True),
    Column("grain", String, primary_key=True),
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("bins", LargeBinary, nullable=False),
)
#: Days and months whose counts are older than their cases.
DIRTY = Table(
    "rollup_dirty",
    METADATA,
    Column("level", String, primary_key=True),
    Column("grain", String, primary_key=True),
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
)
#: What the facts are made of: the layout of their values, and since when cases are kept.
FACT_STATE = Table("fact_state", METADATA, Column("name", String, primary_key=True), Column("value", String))
#: Events of no case: something went down or up, a room or a scanner opened or closed.
RESOURCE_EVENT = Table(
    "resource_event",
    METADATA,
    Column("event_id", String, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("code", String, nullable=False),
    Column("resource", String, nullable=False),
    Column("site", String, nullable=False),
)
#: When each source was heard of.
SOURCE_SEEN = Table(
    "source_seen",
    METADATA,
    Column("source", String, primary_key=True),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)
