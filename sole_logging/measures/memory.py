"""Measures of entries that are at hand, without a database of a repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from sqlalchemy import Connection, create_engine

from sole_logging.measures.answering import MeasureAnswer, MeasureQuery, ask
from sole_logging.measures.entry import LogEntry
from sole_logging.measures.facts import FactTable

_PART = 5000


@contextmanager
def facts_in_memory(entries: Iterable[LogEntry]) -> Iterator[Connection]:
    """Facts of entries, to be asked as those of a repository are."""
    engine = create_engine("sqlite://")
    try:
        facts = FactTable()
        entries = iter(entries)
        with engine.begin() as connection:
            facts.create(connection)
            while part := list(islice(entries, _PART)):
                facts.apply(connection, part)
            yield connection
    finally:
        engine.dispose()


def measure(entries: Iterable[LogEntry], query: MeasureQuery) -> MeasureAnswer:
    """Answer a question from entries.

    Args:
        entries: operational events of anybody, in any order.
        query: measures, window, filters and grouping.

    Raises:
        BadInput: when a measure cannot be grouped or filtered as asked.
    """
    with facts_in_memory(entries) as connection:
        return ask(connection, query)
