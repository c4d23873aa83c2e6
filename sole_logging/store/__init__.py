"""The event store: every message as it came, beside what could be read of it, in SQLite or PostgreSQL.

Messages go in fast and unread (`intake`); the projector (`sole_logging.projecting`) reads them behind it.
"""

from sole_logging.store.database import VERSION
from sole_logging.store.searching import EventQuery, Sender
from sole_logging.store.store import EventStore

__all__ = ["VERSION", "EventQuery", "EventStore", "Sender"]
