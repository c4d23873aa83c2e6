"""The timeline of one study from the entries of its case. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from profiles.tables import read_table
from sole_logging.measures import LogEntry
from sole_logging.measures.anchors import by_code, resolve
from sole_logging.measures.definitions import STUDY, WORKITEM, Measure, measures

#: Times that are drawn as bars, of the study and of each workitem.
_OF_STUDY = ("K01", "K04", "K08", "K09", "K10", "K12")
_OF_WORKITEM = ("A01", "A02", "A04", "A06", "A07", "A08", "A09", "A11", "A17")

_RUN_TOGETHER = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Line:
    """One event: how long after the first and after the one before, in seconds, and what it says."""

    at: datetime
    since_start: float
    since_last: float
    words: str
    code: str
    source: str
    workitem: str
    detail: tuple[tuple[str, str], ...]
    failed: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A measured stretch of time; ``start`` and ``length`` are shares of its group, 0 to 1."""

    words: str
    measure: str
    seconds: float
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Bars:
    """The times of the study, or of one workitem, on a scale of their own."""

    title: str
    seconds: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to one study."""

    lines: tuple[Line, ...]
    times: tuple[Bars, ...]
    study: str
    accession: str
    workitems: tuple[str, ...]
    seconds: float


def story(entries: Sequence[LogEntry]) -> Story:
    """The story of a case whose entries are in order of time."""
    start, end = entries[0].at, entries[-1].at
    lines, last = list[Line](), start
    for one in entries:
        lines.append(_line(one, start, last))
        last = one.at
    workitems = tuple(sorted({one.workitem for one in entries if one.workitem}))
    return Story(
        tuple(lines),
        tuple(_times(entries, workitems)),
        next((one.study for one in entries if one.study), ""),
        next((one.accession for one in entries if one.accession), ""),
        workitems,
        (end - start).total_seconds(),
    )


def _line(one: LogEntry, start: datetime, last: datetime) -> Line:
    told = (
        ("Engine", f"{one.engine} {one.engine_version}".strip()),
        ("Performer", one.performer),
        ("Reason", one.reason),
        ("Objects", str(one.instances) if one.instances else ""),
        ("Octets", f"{one.bytes:,}" if one.bytes else ""),
    )
    return Line(
        one.at,
        (one.at - start).total_seconds(),
        (one.at - last).total_seconds(),
        _words(one.codes),
        " ".join(one.codes),
        one.source,
        one.workitem,
        tuple((name, value) for name, value in told if value),
        one.failed,
    )


@cache
def _meanings() -> dict[str, str]:
    rows = read_table("profiles.sole", "sole_events")
    return {row["code"]: _RUN_TOGETHER.sub(" ", row["meaning"].partition(":")[0]) for row in rows}


def _words(codes: tuple[str, ...]) -> str:
    """What an event means: our own code says it best, else the first that is known."""
    known = [code for code in codes if code in _meanings()]
    best = next((code for code in known if code.startswith("AIX")), known[0] if known else "")
    return _meanings().get(best, codes[0] if codes else "Event")


def _times(entries: Sequence[LogEntry], workitems: Sequence[str]) -> Iterator[Bars]:
    study = resolve(STUDY, by_code(entries))
    yield from _bars("The study", _OF_STUDY, study.at)
    for number, uid in enumerate(workitems, 1):
        own = by_code([one for one in entries if one.workitem == uid])
        yield from _bars(f"Workitem {number}", _OF_WORKITEM, resolve(WORKITEM, own, study).at)


def _bars(title: str, names: Sequence[str], at: Mapping[str, int]) -> Iterator[Bars]:
    spans = [(measures()[name], *span) for name in names if (span := _span(measures()[name], at))]
    if not spans:
        return
    low, high = min(begin for _, begin, _ in spans), max(end for _, _, end in spans)
    whole = high - low
    bars = (
        Bar(asked.name, asked.id, (end - begin) / 1e6, (begin - low) / whole, (end - begin) / whole)
        for asked, begin, end in spans
    )
    yield Bars(title, whole / 1e6, tuple(bars))


def _span(asked: Measure, at: Mapping[str, int]) -> tuple[int, int] | None:
    begin = min((at[one] for one in asked.start if one in at), default=None)
    end = min((at[one] for one in asked.end if one in at), default=None)
    return None if begin is None or end is None or end <= begin else (begin, end)
