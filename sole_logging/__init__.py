"""The operational log: reporters with a durable spool, the event store, queries and measures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sole_logging.pseudonyms import Pseudonyms
from sole_logging.reporter import EventReporter
from sole_logging.sender import Timing
from sole_logging.spool import Spool
from sole_logging.targets import Certificates, Target, Transport

if TYPE_CHECKING:  # reporters do without numpy
    from sole_logging.measures import LogEntry, MeasureAnswer, MeasureQuery

__all__ = ["Certificates", "EventReporter", "Pseudonyms", "Spool", "Target", "Timing", "Transport", "measure"]


def measure(entries: Iterable[LogEntry], query: MeasureQuery) -> MeasureAnswer:
    """Answer a question about a log from its entries (`sole_logging.measures.memory.measure`)."""
    from sole_logging.measures import memory

    return memory.measure(entries, query)
