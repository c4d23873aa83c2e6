"""Searches as SQL: what the columns decide, and the rows that must be looked at one by one (PS3.4 CC.2.8)."""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import orjson
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from profiles.dicom import JsonDataset, vr_of
from profiles.ups import State
from workitems.matching import RANGE_VRS, ZONE, has_wildcard, significant, uids_of, wanted_zone
from workitems.moments import wanted_span
from workitems.names import folded
from workitems.store.columns import MAY_BE_SEVERAL, SEARCHED, SEVERAL, SPARSE, instant
from workitems.store.rows import WORKITEM, filled

Condition = ColumnElement[bool]
_STATE = "ProcedureStepState"
_COLUMN_OF = {path: column for column, path in SEARCHED.items()} | {
    _STATE: "state",
    "SOPInstanceUID": "uid",
}
#: Columns of which a value is that of few workitems.
_FEW = frozenset({"uid", "study", "patient_id", "patient_name", "accession", "requested_procedure", "replaced"})
#: Row numbers, and rows, that are read at once.
_NUMBERS, _ROWS = 20_000, 200
_LONGEST_TEXT = 1_000  # SQLite refuses patterns of 50,000 characters
_SURROGATES = (0xD800, 0xE000)
_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Plan:
    """A search as SQL.

    Attributes:
        decided: whether `certain` holds every row that matches, but for those in doubt.
        certain: rows that match, when it is decided.
        doubtful: rows that may match, in parts; no row is in two of them, nor in doubt and certain.
    """

    decided: bool
    certain: Condition
    doubtful: tuple[Condition, ...]


def plan(keys: Mapping[str, str], *, sqlite: bool, fuzzy: bool = False) -> Plan:
    """What the columns say of a search.

    Args:
        keys: legal keys, none of them universal.
        sqlite: whether the database is SQLite.
        fuzzy: person names match by likeness, which no column tells.
    """
    zone = wanted_zone(keys)
    leading = {path for path in keys if _leads_to_few(path, keys[path])}
    wishes, undecided = [], False
    for path, wanted in keys.items():
        if path == ZONE:
            continue
        column = _column(path, hidden=sqlite and bool(leading) and path not in leading)
        told = column is not None and not (fuzzy and _vr(path) == "PN")
        condition = _exact(column, path, wanted, zone, sqlite) if column is not None and told else None
        if column is None or condition is None:
            undecided = True
        else:
            name = _COLUMN_OF[path]
            not_empty = filled(column) if name in SPARSE else true()
            several = and_(column == SEVERAL, not_empty) if name in MAY_BE_SEVERAL else None
            wishes.append((and_(condition, not_empty), several))
    if _STATE not in keys and any(_vr(path) in RANGE_VRS for path in keys):
        wishes.append((_in_any_state(), None))
    certain = and_(true(), *(condition for condition, _ in wishes))
    doubtful = tuple(_parts(wishes))
    return Plan(False, certain, (certain, *doubtful)) if undecided else Plan(True, certain, doubtful)


def _parts(wishes: list[tuple[Condition, Condition | None]]) -> Iterator[Condition]:
    """For each column that may stand for several values: the rows in which it is the first that does."""
    for at, (_, several) in enumerate(wishes):
        if several is not None:
            before = [condition for condition, _ in wishes[:at]]
            after = [condition if marks is None else or_(condition, marks) for condition, marks in wishes[at + 1 :]]
            yield and_(*before, several, *after)


def _vr(path: str) -> str:
    return vr_of(path.rpartition(".")[2])


def _leads_to_few(path: str, wanted: str) -> bool:
    return _COLUMN_OF.get(path) in _FEW and not has_wildcard(_vr(path), wanted)


def _column(path: str, *, hidden: bool) -> ColumnElement[str] | None:
    """The column of a key.

    Args:
        path: dotted keyword.
        hidden: keep SQLite, which has no statistics, from starting by the column's index while another leads to few.
    """
    if path not in _COLUMN_OF:
        return None
    column: ColumnElement[str] = WORKITEM.c[_COLUMN_OF[path]]
    return column.concat("") if hidden else column


def _in_any_state() -> Condition:
    """Excludes nothing; the indexes of moments begin with the state."""
    return WORKITEM.c.state.in_([str(state) for state in State])


def _exact(column: ColumnElement[str], path: str, wanted: str, zone: timedelta, sqlite: bool) -> Condition | None:
    """What a key wants of its column; None when the column cannot tell."""
    vr = _vr(path)
    if vr == "UI":
        return column.in_(uids_of(wanted))
    if vr in RANGE_VRS:
        asked = wanted_span(vr, wanted.strip(" \0"), zone, path)
        return column.between(instant(asked.first), instant(asked.last))
    if vr == "PN" and "=" in wanted:
        return None
    text = folded(wanted) if vr == "PN" else significant(vr, wanted)
    if not text.strip("*") or len(text) > _LONGEST_TEXT:
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
    if not beginning:
        looked_through = select(WORKITEM.c.number).where(pattern, column != SEVERAL, filled(column))  # the index alone
        return WORKITEM.c.number.in_(looked_through)
    conditions = [pattern, column != SEVERAL, column >= beginning]
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
    matching = (pair for pair in _in_doubt(connection, wanted) if test(pair[1]))
    if not wanted.decided:
        deque(islice(matching, offset), maxlen=0)  # those before the page
        found = [content for _, content in islice(matching, limit)]
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
    doubtful = (pair for pair in _in_doubt(connection, wanted) if test(pair[1]))
    if not wanted.decided:
        return doubtful
    return heapq.merge(_rows(connection, wanted.certain), doubtful, key=_number_of)


def _in_doubt(connection: Connection, wanted: Plan) -> Iterator[tuple[int, JsonDataset]]:
    return heapq.merge(*(_rows(connection, part) for part in wanted.doubtful), key=_number_of)


def _number_of(row: tuple[int, JsonDataset]) -> int:
    return row[0]


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
