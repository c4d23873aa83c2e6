"""The operational log: reporters with a durable spool, the event store, queries and measures."""

from sole_logging.connection import Certificates, Target
from sole_logging.reporter import EventReporter
from sole_logging.sender import Timing
from sole_logging.spool import Spool

__all__ = ["Certificates", "EventReporter", "Spool", "Target", "Timing"]
