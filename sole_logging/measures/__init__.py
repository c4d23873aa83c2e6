"""Measures of radiology and AI workflow, computed from events only (design decision D14; sole.md section 8)."""

from sole_logging.measures.entry import LogEntry, entry_of

__all__ = ["LogEntry", "entry_of"]
