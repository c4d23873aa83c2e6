"""The store of the worklist: SQLite or PostgreSQL, one mutating call (DESIGN D3, D4)."""

from workitems.store.database import sqlite_url
from workitems.store.store import Store

__all__ = ["Store", "sqlite_url"]
