"""Entries of a small hospital's log, and facts made of them."""

import itertools
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine

from sole_logging.measures.answering import MeasureQuery, ask
from sole_logging.measures.entry import LogEntry
from sole_logging.measures.facts import FactTable

START = datetime(2026, 3, 2, 8, tzinfo=UTC)  # a Monday
_numbers = itertools.count(1)


def entry(codes, second=0.0, **told):
    """An event so many seconds after the start; codes as ``SOLE114+AIX121``."""
    at = START + timedelta(seconds=second)
    values = {
        "event_id": f"e{next(_numbers)}",
        "received_at": at + timedelta(seconds=1),
        "outcome": 0,
        "source": "pacs",
    }
    return LogEntry(at=at, codes=tuple(codes.split("+")), **{**values, **told})


#: A study that is read, with one AI run: code and second.
READ = (
    ("RID45813", 0),
    ("RID45825", 600),
    ("RID46000", 900),
    ("RID45826", 1500),
    ("RID45847", 1500),
    ("RID45871", 1530),
    ("RID45914", 1560),
    ("RID45893", 2400),
    ("RID45924", 3000),
    ("RID45865", 3060),
)
RUN = (
    ("AIX101", 1531),
    ("AIX103", 1540),
    ("SOLE112+AIX111", 1541),
    ("SOLE113+AIX112", 1551),
    ("SOLE114+AIX121", 1552),
    ("SOLE115+AIX122+111242", 1582),
    ("AIX131", 1585),
    ("RID45833+AIX132", 1587),
    ("AIX107", 1588),
    ("AIX141", 2410),
    ("AIX142", 2500),
)


def read_study(number=1, *, shift=0.0, **told):
    """The events of a study that was read."""
    named = {"study": f"2.999.{number}", "accession": f"A{number}", "priority": "MEDIUM", "modality": "CT", **told}
    return [entry(codes, second + shift, **named) for codes, second in READ]


def ai_run(number=1, *, shift=0.0, **told):
    """The events of an AI run on the study."""
    named = {"study": f"2.999.{number}", "accession": f"A{number}", "workitem": f"2.999.9.{number}"}
    named |= {"engine": "lung", "engine_version": "2.1", "performer": "AI1", "source": "ai"}
    return [entry(codes, second + shift, **{**named, **told}) for codes, second in RUN]


class Facts:
    """A fact table in memory, and questions to it."""

    def __init__(self, engine):
        self.engine = engine
        self.table = FactTable()
        with engine.begin() as connection:
            self.table.create(connection)

    def apply(self, *groups):
        for entries in groups:
            with self.engine.begin() as connection:
                self.table.apply(connection, entries)
        return self

    def ask(self, *measures, since=START - timedelta(days=2), until=START + timedelta(days=40), **asked):
        with self.engine.begin() as connection:
            return ask(connection, MeasureQuery(measures, since, until, **asked))

    def one(self, measure, **asked):
        """The only group of one measure."""
        (group,) = self.ask(measure, **asked).results[measure].groups
        return group


@contextmanager
def memory():
    engine = create_engine("sqlite://")
    try:
        yield Facts(engine)
    finally:
        engine.dispose()
