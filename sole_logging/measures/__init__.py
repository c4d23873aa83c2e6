"""Measures of radiology and AI workflow, computed from events only (design decision D14; sole.md section 8)."""

from sole_logging.measures.answering import MeasureAnswer, MeasureQuery, ask
from sole_logging.measures.entry import LogEntry, entry_of
from sole_logging.measures.facts import FactTable
from sole_logging.measures.figures import Figures
from sole_logging.measures.memory import facts_in_memory, measure

__all__ = [
    "FactTable",
    "Figures",
    "LogEntry",
    "MeasureAnswer",
    "MeasureQuery",
    "ask",
    "entry_of",
    "facts_in_memory",
    "measure",
]
