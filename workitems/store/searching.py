"""Searches as SQL: what the columns decide, and the rows that must be looked at one by one (PS3.4 CC.2.8)."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import orjson
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from profiles.dicom import JsonDataset, vr_of
from workitems.matching import RANGE_VRS, ZONE, has_wildcard, significant, uids_of, wanted_zone
from workitems.moments import wanted_span
from workitems.names import folded
from workitems.store.columns import SEARCHED, SEVERAL, instant
from workitems.store.rows import WORKITEM

Condition = ColumnElement[bool]
_COLUMN_OF = {path: column for column, path in SEARCHED.items()} | {
    "ProcedureStepState": "state",
    "SOPInstanceUID": "uid",
}
#: Row numbers, and rows, that are read at once.
_NUMBERS, _ROWS = 20_000, 200
_SURROGATES = (0xD800, 0xE000)
_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Plan:
    """A search as SQL.

    Attributes:
        decided: whether `certain` holds every row that matches, but for those in doubt.
        certain: rows that match.
        doubtful: rows that may match; apart from those that are certain.
    """

    decided: bool
    certain: Condition
    doubtful: Condition | None


def plan(keys: Mapping[str, str], *, sqlite: bool, fuzzy: bool = False) -> Plan:
    """What the columns say of a search.

    Args:
        keys: legal keys, none of them universal.
        sqlite: whether the database is SQLite.
        fuzzy: person names match by likeness, which no column tells.
    """
    zone = wanted_zone(keys)
    exact, loose, marked = [], [], []
    for path, wanted in keys.items():
        condition = None if fuzzy and vr_of(path.rpartition(".")[2]) == "PN" else _exact(path, wanted, zone, sqlite)
        if condition is None:
            continue
        exact.append(condition)
        if _COLUMN_OF[path] in SEARCHED:
            several = WORKITEM.c[_COLUMN_OF[path]] == SEVERAL
            marked.append(several)
            loose.append(or_(condition, several))
        else:
            loose.append(condition)
    if len(exact) < sum(1 for path in keys if path != ZONE):
        return Plan(decided=False, certain=~true(), doubtful=and_(true(), *loose))
    return Plan(
        decided=True,
        certain=and_(true(), *exact),
        doubtful=and_(*loose, or_(*marked)) if marked else None,
    )


def _exact(path: str, wanted: str, zone: timedelta, sqlite: bool) -> Condition | None:
    """What a key wants of its column; None when no column can tell."""
    if path not in _COLUMN_OF:
        return None
    column, vr = WORKITEM.c[_COLUMN_OF[path]], vr_of(path.rpartition(".")[2])
    if vr == "UI":
        return column.in_(uids_of(wanted))
    if vr in RANGE_VRS:
        asked = wanted_span(vr, wanted.strip(" \0"), zone, path)
        return column.between(instant(asked.first), instant(asked.last))
    if vr == "PN" and "=" in wanted:
        return None
    text = folded(wanted) if vr == "PN" else significant(vr, wanted)
    if not text.strip("*"):
        return None
    return _like(column, text, sqlite) if has_wildcard(vr, text) else column == text


def _like(column: ColumnElement[str], text: str, sqlite: bool) -> Condition:
    """A wildcard key; its beginning, which an index helps with, as a range."""
    beginning = re.split(r"[*?]", text, maxsplit=1)[0]
    if sqlite:
        pattern = column.op("GLOB", is_comparison=True)(text.replace("[", "[[]"))
    else:
        plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = column.like(plain.replace("*", "%").replace("?", "_"), escape="\\")
    conditions = [pattern, column != SEVERAL]
    if beginning:
        conditions.append(column >= beginning)
    if end := _after(beginning):
        conditions.append(column < end)
    return and_(*conditions)


def _after(beginning: str) -> str:
    """The first text after all that begin so; empty when there is none."""
    for at in range(len(beginning) - 1, -1, -1):
        following = ord(beginning[at]) + 1
        if following == _SURROGATES[0]:
            following = _SURROGATES[1]
        if following <= _LAST_CHARACTER:
            return beginning[:at] + chr(following)
    return ""


def page(
    connection: Connection, wanted: Plan, test: Callable[[JsonDataset], bool], limit: int, offset: int
) -> tuple[list[JsonDataset], int]:
    """One page of the workitems that match, in order of creation, and how many follow it.

    Args:
        connection: to read by.
        wanted: the search.
        test: whether a dataset matches.
        limit: of the page.
        offset: how many matches come before it.
    """
    in_doubt = wanted.doubtful
    matching = (pair for pair in _rows(connection, in_doubt) if test(pair[1])) if in_doubt is not None else iter(())
    if not wanted.decided:
        found = [content for _, content in islice(islice(matching, offset, None), limit)]
        return found, sum(1 for _ in matching)
    several = [number for number, _ in matching]
    if not several:
        return _certain_page(connection, wanted.certain, limit, offset)
    merged = heapq.merge(several, _numbers(connection, wanted.certain))
    numbers = list(islice(islice(merged, offset, None), limit))
    found = [content for _, content in _contents(connection, numbers)]
    return found, max(0, len(several) + _count(connection, wanted.certain) - offset - len(found))


def all_matches(connection: Connection, wanted: Plan, test: Callable[[JsonDataset], bool]) -> Iterator[JsonDataset]:
    """Every workitem that matches, in order of creation, a portion in memory at a time; arguments as of `page`."""
    for _, content in _merged(connection, wanted, test):
        yield content


def _merged(
    connection: Connection, wanted: Plan, test: Callable[[JsonDataset], bool]
) -> Iterator[tuple[int, JsonDataset]]:
    """The rows that are certain and those in doubt that match, each with its number."""
    certain = _rows(connection, wanted.certain) if wanted.decided else iter(())
    doubtful = _rows(connection, wanted.doubtful) if wanted.doubtful is not None else iter(())
    return heapq.merge(certain, (pair for pair in doubtful if test(pair[1])), key=lambda pair: pair[0])


def rows_with(connection: Connection, values: Mapping[str, Collection[str]]) -> Iterator[JsonDataset]:
    """Workitems by values of their columns, in order of creation."""
    condition = and_(true(), *(WORKITEM.c[column].in_(wanted) for column, wanted in values.items()))
    for _, content in _rows(connection, condition):
        yield content


def _certain_page(
    connection: Connection, condition: Condition, limit: int, offset: int
) -> tuple[list[JsonDataset], int]:
    query = select(WORKITEM.c.content).where(condition).order_by(WORKITEM.c.number).limit(limit).offset(offset)
    found = [orjson.loads(row.content) for row in connection.execute(query)]
    if len(found) < limit:
        return found, 0  # nothing follows, so nothing need be counted
    return found, max(0, _count(connection, condition) - offset - len(found))


def _count(connection: Connection, condition: Condition) -> int:
    return connection.execute(select(func.count()).select_from(WORKITEM).where(condition)).scalar() or 0


def _rows(connection: Connection, condition: Condition) -> Iterator[tuple[int, JsonDataset]]:
    numbers = _numbers(connection, condition)
    while some := list(islice(numbers, _ROWS)):
        yield from _contents(connection, some)


def _numbers(connection: Connection, condition: Condition) -> Iterator[int]:
    """Row numbers in order, read in portions: no cursor stays open that writers would have to wait for."""
    last = 0
    while True:
        query = select(WORKITEM.c.number).where(condition, WORKITEM.c.number > last)
        some = list(connection.execute(query.order_by(WORKITEM.c.number).limit(_NUMBERS)).scalars())
        yield from some
        if len(some) < _NUMBERS:
            return
        last = some[-1]


def _contents(connection: Connection, numbers: Iterable[int]) -> Iterator[tuple[int, JsonDataset]]:
    query = select(WORKITEM.c.number, WORKITEM.c.content).where(WORKITEM.c.number.in_(numbers))
    for row in connection.execute(query.order_by(WORKITEM.c.number)).all():
        yield row.number, orjson.loads(row.content)
