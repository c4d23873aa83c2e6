"""The operational log: reporters with a durable spool, the event store, queries and measures."""

from sole_logging.pseudonyms import Pseudonyms
from sole_logging.reporter import EventReporter
from sole_logging.sender import Timing
from sole_logging.spool import Spool
from sole_logging.targets import Certificates, Target, Transport

__all__ = ["Certificates", "EventReporter", "Pseudonyms", "Spool", "Target", "Timing", "Transport"]
