"""The log in and out: by ITI-82 from any repository, as files for other programs, as metrics for monitoring."""

from sole_logging.exchange.files import read_entries, write_entries
from sole_logging.exchange.metrics import metrics_text
from sole_logging.exchange.retrieving import Repository, documents_of, entries_of, frame_of

__all__ = ["Repository", "documents_of", "entries_of", "frame_of", "metrics_text", "read_entries", "write_entries"]
