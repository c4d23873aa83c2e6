"""The operational log: reporters with a durable spool, the event store, queries and measures."""

from sole_logging.reporter import EventReporter, Repository

__all__ = ["EventReporter", "Repository"]
