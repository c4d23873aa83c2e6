"""All measures of a log of millions of events, by the fact table and by plain computation, and whether they agree."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event

from connectathon.campaigns.evidence import Outcome
from connectathon.operational_log import Hospital, operational_log
from connectathon.plain_measures.answers import MEASURES, Question, answer
from connectathon.plain_measures.reading import micros
from connectathon.plain_measures.table import read
from profiles.errors import BadInput
from sole_logging.exchange import write_entries
from sole_logging.measures import FactTable, LogEntry, MeasureQuery, ask
from sole_logging.measures.answering import document_of
from sole_logging.measures.definitions import STRATA, measures

FULL_SIZE = 10_000_000
#: Events that the hospital makes a day, and studies: a log of the full size is that of a year.
EVENTS_A_DAY, STUDIES_A_DAY = 27_400, 1_190.0
BATCH = 20_000
_SAY_EVERY = 25
#: Percentiles and maxima of many cases are known to 1 %; all else is equal but for the last bits of a fraction.
_ABOUT, _SAME = 0.0101, 1e-9
_KNOWN_ABOUT = frozenset({"median", "p90", "p95", "maximum"})
_BACKLOGS = frozenset({"K18", "A25"})
_OF_RESOURCES = frozenset({"K06", "K07", "K21", "A27", "A28"})
_GROUPED_BY_ITSELF = "A29"

#: Since, until, and by what.
Window = tuple[datetime, datetime, str]
Groups = dict[str, dict[str, Any]]


def run(size: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _words: None) -> Outcome:
    """Make a log, compute its measures twice, and compare.

    Args:
        size: number of events.
        seed: of the log.
        folder: for the log and the facts.
        say: told how it goes on.

    Returns:
        What was compared, and every figure that differs.
    """
    hospital = Hospital(seed, STUDIES_A_DAY)
    asked = _windows(hospital, size)
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        plain = other.submit(plainly, size, hospital, folder / "log.jsonl", asked)
        counts, answers = _by_facts(size, hospital, folder / "facts.sqlite", asked, say)
        say("the fact table has answered; waiting for the plain computation")
        expected, seconds, memory = plain.result()
    findings: list[str] = []
    compared = 0
    for window in asked:
        for name, result in answers[window].items():
            number, found = differences(name, result, expected[window])
            compared += number
            findings += [f"{name} {_said(window)}: {one}" for one in found]
    counted = sum(not result["exact"] for some in answers.values() for result in some.values())
    counts |= {"answers": sum(map(len, answers.values())), "answers from counts": counted}
    counts |= {"plain computation": f"{seconds:.0f} s, {memory} MiB", "figures compared": compared}
    counts["figures that differ"] = len(findings)
    return Outcome("measures-10m", seed, counts, tuple(findings[:50]))


def plainly(
    size: int, hospital: Hospital, path: Path, asked: Iterable[Window]
) -> tuple[dict[Window, dict[str, Groups]], float, int]:
    """Write the log into a file, and compute all measures from that: the answers, how long it took, memory in MiB."""
    write_entries(path, islice(operational_log(hospital), size))
    started = time.perf_counter()
    log = read(path)
    found: dict[Window, dict[str, Groups]] = {}
    for since, until, by in asked:
        question = Question(micros(since), micros(until), by)
        many = Question(question.since, question.until, by, many=True)
        found[since, until, by] = {name: answer(log, name, question) for name in _asked(by)}
        found[since, until, by] |= {f"{name} many": answer(log, name, many) for name in sorted(_BACKLOGS)}
    return found, time.perf_counter() - started, _memory()


def _by_facts(
    size: int, hospital: Hospital, path: Path, asked: Iterable[Window], say: Callable[[str], None]
) -> tuple[dict[str, int | str], dict[Window, dict[str, Any]]]:
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    facts, started, entries = FactTable(), time.perf_counter(), islice(operational_log(hospital), size)
    try:
        with engine.begin() as connection:
            facts.create(connection)
        for number, part in enumerate(_parts(entries), 1):
            with engine.begin() as connection:
                facts.apply(connection, part)
            if number % _SAY_EVERY == 0:
                say(f"{number * BATCH:,} of {size:,} events in {time.perf_counter() - started:.0f} s")
        loaded = time.perf_counter()
        with engine.connect() as connection:
            answers = {window: _answers(connection, window) for window in asked}
        spent = time.perf_counter() - loaded
    finally:
        engine.dispose()
    counts: dict[str, int | str] = {
        "events": size,
        "taken into the fact table": f"{loaded - started:.0f} s, {size / (loaded - started):.0f} events a second",
        "facts on disk": f"{os.stat(path).st_size / 2**20:.0f} MiB",  # noqa: PTH116 - a number
        "all answers of the fact table": f"{spent:.0f} s, {_memory()} MiB of memory at most",
    }
    return counts, answers


def _parts(entries: Iterator[LogEntry]) -> Iterator[list[LogEntry]]:
    while part := list(islice(entries, BATCH)):
        yield part


def _memory() -> int:
    """The most memory that this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _windows(hospital: Hospital, size: int) -> list[Window]:
    """The whole log and one day of it, as one group, by each stratum, and by spans of time."""
    days = size // EVENTS_A_DAY + 3
    whole = (hospital.begin, hospital.begin + timedelta(days=days))
    middle = hospital.begin + timedelta(days=size // EVENTS_A_DAY // 2)
    one_day = (middle, middle + timedelta(days=1))
    every = [(*whole, by) for by in ("", "day", "month", *STRATA)]
    return every + [(*one_day, by) for by in ("", *STRATA)]


def _asked(by: str) -> list[str]:
    """What is compared: what stands over time is compared as a whole and by strata, not by spans of time."""
    apart = {"K18", "A25", "A26"} if by in ("day", "month") else set()
    apart |= (_OF_RESOURCES | {_GROUPED_BY_ITSELF}) if by else set()
    return [name for name in MEASURES if name not in apart]


def _answers(connection: Connection, window: Window) -> dict[str, Any]:
    """The answers of the fact table as documents, by measure; those that are for shorter windows left out."""
    since, until, by = window
    found: dict[str, Any] = {}
    for names in ([name for name in _asked(by) if name != "A30"], ["A30"]):
        with suppress(BadInput):  # too many cases for A30
            document = document_of(ask(connection, MeasureQuery(tuple(names), since, until, by=by)))
            found |= {one["id"]: one for one in document["measures"]}
    return found


def uncovered() -> set[str]:
    """Measures that the plain computation lacks."""
    return set(measures()) - set(MEASURES)


def differences(name: str, result: Mapping[str, Any], expected: Mapping[str, Groups]) -> tuple[int, list[str]]:
    """How many figures were compared, and in which the fact table differs from the plain computation.

    Args:
        name: of the measure.
        result: of `sole_logging.measures.answering.document_of`.
        expected: groups of the plain computation by measure.
    """
    wanted = expected[f"{name} many" if name in _BACKLOGS and not result["exact"] else name]
    groups = {one["group"]: one for one in result["groups"]}
    compared, found = 0, []
    for label in sorted({*groups, *wanted}):
        ours, theirs = groups.get(label, {}), wanted.get(label, {})
        between = theirs.get("between")
        for figure in sorted(set(ours) | set(theirs)):
            if figure in ("group", "between") or (between and not result["exact"] and figure in ("mean", "total")):
                continue
            compared += 1
            about = not result["exact"] and figure in _KNOWN_ABOUT and name not in _BACKLOGS
            one, other = ours.get(figure), theirs.get(figure)
            if not _equal(one, other, _ABOUT if about else _SAME):
                found.append(f"{figure} of {label or 'all'} is {one}, plainly {other}")
        share = ours.get("mean")
        if between and not result["exact"] and share is not None and not between[0] <= share <= between[1]:
            found.append(f"the share of {label or 'all'} is {share}, plainly between {between[0]} and {between[1]}")
    return compared, found


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two figures agree; nothing told is as good as none."""
    if not one or not other:
        return not one and not other
    return bool(abs(one - other) <= tolerance * abs(other) + _SAME)


def _said(window: Window) -> str:
    since, until, by = window
    return f"from {since:%Y-%m-%d} to {until:%Y-%m-%d}{f' by {by}' if by else ''}"
