"""The fact table: cases put together from events as these come, in any order, folded again when another one comes."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Connection, Select, bindparam, delete, func, insert, inspect, or_, select, update

from sole_logging.measures import resources, rollups
from sole_logging.measures.case import CaseRow, fold, work_hours
from sole_logging.measures.definitions import STRATA, STUDY, WORKITEM, slots
from sole_logging.measures.entry import LogEntry, micros, moment_of
from sole_logging.measures.state import LAYOUT, OLDEST, oldest_case, remember, remembered
from sole_logging.measures.tables import CASE_KEY, CASE_ROW, FACT, METADATA, STRATUM

#: So many variables a statement takes at most.
_CHUNK = 500
#: More events than this are no study but a number that everybody uses; what comes beyond is left out of measures.
LARGEST_CASE = 5000
LEVELS = (STUDY, WORKITEM)
_FIRST_LOGS = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_PARTS = attrgetter(*(one.name for one in fields(LogEntry)))


class FactTable:
    """Facts in the database of a connection. Whoever calls `apply` is the only writer.

    Args:
        hour_class: names the class of a moment: work hours or off hours (sole.md 8.3).
    """

    def __init__(self, hour_class: Callable[[datetime], str] = work_hours) -> None:
        self._hour_class = hour_class

    def create(self, connection: Connection) -> None:
        """Make the tables where they are missing; fold all cases again where the measures have changed since."""
        METADATA.create_all(connection)
        layout = " ".join([*(one.id for level in LEVELS for one in slots(level)), *STRATA])
        before = remembered(connection, LAYOUT)
        if before == layout:
            return
        if before:
            _lay_out_again(connection)
            self._fold_again(connection)
        remember(connection, LAYOUT, layout)

    def apply(self, connection: Connection, entries: Sequence[LogEntry]) -> None:
        """Take entries into the facts, within the caller's transaction.

        The order of arrival does not matter, and entries that were applied before change nothing (SOLE-087). Left out
        are those of cases so old that they were deleted, and those whose time cannot be: more than a day after they
        were received, or before there were such logs.
        """
        oldest = moment_of(oldest_case(connection))
        entries = [one for one in entries if max(oldest, _FIRST_LOGS) <= one.at <= one.received_at + _AHEAD]
        resources.apply(connection, entries)
        homes = _Homes(connection, entries)
        before = _load_entries(connection, homes.touched)
        cases: dict[int, list[LogEntry]] = {}
        for case_id, coming in homes.by_case().items():
            sources = homes.sources(case_id)
            known = {one.event_id: one for source in sources for one in before.get(source, ())}
            fresh = {one.event_id: one for one in reversed(coming) if one.event_id not in known}
            if fresh or len(sources) > 1:
                room = max(0, LARGEST_CASE - len(known))
                cases[case_id] = [*known.values(), *list(fresh.values())[:room]]
        self._write(connection, cases, [one for case_id in cases for one in homes.sources(case_id)])
        homes.save(connection)
        for level in LEVELS:
            rollups.refresh(connection, level)

    def forget(self, connection: Connection, before: datetime, at_most: int = 2 * _CHUNK) -> int:
        """Delete cases from before the day of a moment; what was counted of them stays in the rollups.

        Args:
            connection: within a transaction of the writer.
            before: the moment.
            at_most: so many are deleted; call again until none is.

        Returns:
            How many cases were deleted.
        """
        day = rollups.day_of(micros(before))
        for level in LEVELS:
            waiting = [one for one in rollups.marked(connection, level, rollups.DAY) if one < day]
            rollups.refresh(connection, level, leave=0, at_once=len(waiting))
        oldest = rollups.start_of_day(day)
        remember(connection, OLDEST, str(max(oldest, oldest_case(connection))))
        goes_on = select(FACT.c.case_id).where(
            FACT.c.case_id == CASE_ROW.c.case_id, or_(FACT.c.at >= oldest, FACT.c.end_at >= oldest)
        )
        old = select(CASE_ROW.c.case_id).where(CASE_ROW.c.at < oldest, ~goes_on.exists()).limit(at_most)
        gone = list(connection.execute(old).scalars())
        for some in _chunks(gone):
            for table in (CASE_KEY, CASE_ROW, FACT):
                connection.execute(delete(table).where(table.c.case_id.in_(some)))
        resources.forget(connection, oldest)
        return len(gone)

    def _write(self, connection: Connection, cases: dict[int, list[LogEntry]], gone: Sequence[int]) -> None:
        """Fold cases and keep their rows in the place of those of other cases."""
        if not cases:
            return
        changed = _days(connection, gone)
        for some in _chunks(gone):
            for table in (CASE_ROW, FACT):
                connection.execute(delete(table).where(table.c.case_id.in_(some)))
        folded = {case_id: fold(members, self._hour_class) for case_id, members in cases.items()}
        strata = _Strata(connection, (row.strata for rows in folded.values() for row in rows))
        facts = [
            _fact(case_id, row, cases[case_id], strata.number(row.strata))
            for case_id, rows in folded.items()
            for row in rows
        ]
        stored = [
            {"case_id": case_id, "at": folded[case_id][0].at, "entries": packed(members)}
            for case_id, members in cases.items()
        ]
        connection.execute(insert(CASE_ROW), stored)
        connection.execute(insert(FACT), facts)
        rollups.mark(connection, changed | _days_of(facts))

    def _fold_again(self, connection: Connection) -> None:
        last = -1
        while ids := list(connection.execute(_next_cases(last)).scalars()):
            self._write(connection, _load_entries(connection, ids), ids)
            last = ids[-1]
        for level in LEVELS:
            rollups.refresh(connection, level, at_once=len(rollups.marked(connection, level, rollups.DAY)))


def _lay_out_again(connection: Connection) -> None:
    """Begin the rows of cases anew; strata that are new are empty in what was counted before."""
    present = {column["name"] for column in inspect(connection).get_columns(STRATUM.name)}
    for name in STRATA:
        if name not in present:
            connection.exec_driver_sql(f"ALTER TABLE {STRATUM.name} ADD COLUMN {name} VARCHAR NOT NULL DEFAULT ''")
    FACT.drop(connection)
    FACT.create(connection)


def _next_cases(after: int) -> Select[Any]:
    return select(CASE_ROW.c.case_id).where(CASE_ROW.c.case_id > after).order_by(CASE_ROW.c.case_id).limit(_CHUNK)


def _days(connection: Connection, case_ids: Sequence[int]) -> set[tuple[str, int]]:
    """The levels and days in which cases are counted."""
    found: set[tuple[str, int]] = set()
    for some in _chunks(case_ids):
        asked = select(FACT.c.level, FACT.c.at, FACT.c.begin_at, FACT.c.end_at).where(FACT.c.case_id.in_(some))
        found |= _days_of(row._asdict() for row in connection.execute(asked))
    return found


def _days_of(facts: Iterable[dict[str, Any]]) -> set[tuple[str, int]]:
    return {
        (fact["level"], rollups.day_of(fact[name]))
        for fact in facts
        for name in ("at", "begin_at", "end_at")
        if fact[name] is not None
    }


def stored_entries(connection: Connection, since: datetime, until: datetime) -> Iterator[LogEntry]:
    """The entries of a window, case by case, and the events of resources in it."""
    low, high = micros(since), micros(until)
    cases = connection.execution_options(yield_per=_CHUNK).execute(select(CASE_ROW.c.entries).order_by(CASE_ROW.c.at))
    for content in cases.scalars():
        yield from (one for one in unpacked(content) if low <= micros(one.at) < high)
    yield from resources.stored_entries(connection, low, high)


class _Homes:
    """Which case each entry belongs to; entries that name two cases make them one, also later."""

    def __init__(self, connection: Connection, entries: Sequence[LogEntry]) -> None:
        self.entries = [one for one in entries if one.workitem or one.study or one.accession]
        keys = {key for one in self.entries for key in _keys(one)}
        self._stored: dict[str, int] = {}
        for some in _chunks(sorted(keys)):
            asked = select(CASE_KEY.c.key, CASE_KEY.c.case_id).where(CASE_KEY.c.key.in_(some))
            self._stored |= {key: case_id for key, case_id in connection.execute(asked)}
        self._home = dict(self._stored)
        self._merged: dict[int, int] = {}
        self._next = (connection.execute(select(func.max(CASE_ROW.c.case_id))).scalar() or 0) + 1
        for one in self.entries:
            self._join(_keys(one))
        self._sources: dict[int, list[int]] = defaultdict(list)
        for old in self._merged:
            self._sources[self._root(old)].append(old)

    @property
    def touched(self) -> list[int]:
        """The stored cases that change."""
        return sorted(set(self._stored.values()))

    def by_case(self) -> dict[int, list[LogEntry]]:
        """The entries by the case they belong to now."""
        found: dict[int, list[LogEntry]] = defaultdict(list)
        for one in self.entries:
            found[self._root(self._home[_keys(one)[0]])].append(one)
        return found

    def sources(self, case_id: int) -> list[int]:
        """The cases that have become this one, itself among them."""
        return [case_id, *self._sources.get(case_id, ())]

    def save(self, connection: Connection) -> None:
        """Keep what belongs together."""
        stored = set(self._stored.values())
        moved = [{"old": old, "new": self._root(old)} for old in self._merged if old in stored]
        if moved:
            now = update(CASE_KEY).where(CASE_KEY.c.case_id == bindparam("old")).values(case_id=bindparam("new"))
            connection.execute(now, moved)
        new = [{"key": k, "case_id": self._root(home)} for k, home in self._home.items() if k not in self._stored]
        if new:
            connection.execute(insert(CASE_KEY), new)

    def _join(self, keys: Sequence[str]) -> None:
        roots = sorted({self._root(self._home[key]) for key in keys if key in self._home})
        if not roots:
            roots = [self._next]
            self._next += 1
        self._merged |= dict.fromkeys(roots[1:], roots[0])
        self._home |= dict.fromkeys(keys, roots[0])

    def _root(self, case_id: int) -> int:
        while case_id in self._merged:
            case_id = self._merged[case_id]
        return case_id


class _Strata:
    """Numbers of combinations of strata, made where they are new."""

    def __init__(self, connection: Connection, wanted: Iterable[tuple[str, ...]]) -> None:
        stored = connection.execute(select(STRATUM))
        self._numbers: dict[tuple[str, ...], int] = {tuple(row[1:]): row[0] for row in stored}
        new = sorted(set(wanted) - set(self._numbers))
        start = max(self._numbers.values(), default=0) + 1
        self._numbers |= {strata: number for number, strata in enumerate(new, start)}
        if new:
            rows = [{"id": self._numbers[strata], **dict(zip(STRATA, strata, strict=True))} for strata in new]
            connection.execute(insert(STRATUM), rows)

    def number(self, strata: tuple[str, ...]) -> int:
        return self._numbers[strata]


def _keys(entry: LogEntry) -> list[str]:
    named = (("w", entry.workitem), ("a", entry.accession), ("s", entry.study))
    return [f"{kind}:{value}" for kind, value in named if value]


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def packed(entries: Iterable[LogEntry]) -> bytes:
    """Entries as few octets."""
    rows = []
    for one in entries:
        event_id, at, received_at, *rest = _PARTS(one)
        rows.append([event_id, micros(at), micros(received_at), *rest])
    return zlib.compress(orjson.dumps(rows), 1)


def unpacked(content: bytes) -> list[LogEntry]:
    """The entries that `packed` made few octets of."""
    return [
        LogEntry(event_id, moment_of(at), moment_of(received), tuple(codes), *rest)
        for event_id, at, received, codes, *rest in orjson.loads(zlib.decompress(content))
    ]


def _load_entries(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[LogEntry]]:
    found: dict[int, list[LogEntry]] = {}
    for some in _chunks(case_ids):
        asked = select(CASE_ROW.c.case_id, CASE_ROW.c.entries).where(CASE_ROW.c.case_id.in_(some))
        found |= {case_id: unpacked(content) for case_id, content in connection.execute(asked)}
    return found


def _fact(case_id: int, row: CaseRow, members: Sequence[LogEntry], stratum: int) -> dict[str, Any]:
    own = [one for one in members if one.workitem == row.key] if row.key else members
    return {
        "case_id": case_id,
        "level": row.level,
        "key": row.key,
        "accession": min((one.accession for one in members if one.accession), default=""),
        "study": min((one.study for one in members if one.study), default=""),
        "at": row.at,
        "begin_at": row.begin,
        "end_at": row.end,
        "state": row.state,
        "strange": row.strange,
        "last_at": row.last,
        "performer": max((one.performer for one in own), default="") if row.key else "",
        "stratum": stratum,
        "measured": np.array(row.values, "<i8").tobytes(),
        "latencies": b"" if row.key else np.array([_latency(one) for one in members], "<i8").tobytes(),
    }


def _latency(entry: LogEntry) -> int:
    """How long an event took to the repository (A33)."""
    return micros(entry.received_at) - micros(entry.at)
