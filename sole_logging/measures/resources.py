"""What is up, open or used: events of no case, and the times between pairs of them (K06, K07, K21, A28; SOLE-088)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from sqlalchemy import Connection, delete, func, insert, select, update

from sole_logging.measures.definitions import measures
from sole_logging.measures.entry import LogEntry, micros, moment_of
from sole_logging.measures.tables import RESOURCE_EVENT, SOURCE_SEEN

_CHUNK = 500
#: A stretch of time of one resource, in microseconds.
Span = tuple[int, int]


def pairs(cells: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of codes or symbols as ``measures.csv`` writes them: ``RID45992>RID45993``."""
    found = []
    for cell in cells:
        start, _, end = cell.partition(">")
        found.append((start, end))
    return found


@cache
def _codes() -> frozenset[str]:
    """All codes that tell a state of a resource."""
    cells = [cell for one in measures().values() if one.level == "resource" for cell in (*one.start, *one.end)]
    return frozenset(code for pair in pairs(cells) for code in pair if code[1] != "_")


def apply(connection: Connection, entries: Sequence[LogEntry]) -> None:
    """Keep the resource events among entries, and when each source was heard of; twice is as good as once."""
    told = {one.event_id: one for one in entries if _codes().intersection(one.codes)}
    ids = sorted(told)
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        known = {
            one
            for (one,) in connection.execute(
                select(RESOURCE_EVENT.c.event_id).where(RESOURCE_EVENT.c.event_id.in_(some))
            )
        }
        new = [_row(told[one]) for one in some if one not in known]
        if new:
            connection.execute(insert(RESOURCE_EVENT), new)
    _see(connection, entries)


def _row(entry: LogEntry) -> dict[str, object]:
    code = next(one for one in entry.codes if one in _codes())
    resource = entry.performer or entry.source or entry.host
    return {
        "event_id": entry.event_id,
        "at": micros(entry.at),
        "code": code,
        "resource": resource,
        "site": entry.site,
    }


def _see(connection: Connection, entries: Sequence[LogEntry]) -> None:
    heard: dict[str, list[LogEntry]] = defaultdict(list)
    for one in entries:
        if one.source:
            heard[one.source].append(one)
    known = {row.source: row for row in connection.execute(select(SOURCE_SEEN))} if heard else {}
    for source, some in heard.items():
        times = [micros(one.at) for one in some]
        row = {
            "first_at": min(times),
            "last_at": max(times),
            "received_at": max(micros(one.received_at) for one in some),
        }
        if old := known.get(source):
            row = {
                "first_at": min(row["first_at"], old.first_at),
                "last_at": max(row["last_at"], old.last_at),
                "received_at": max(row["received_at"], old.received_at),
            }
            if tuple(row.values()) != (old.first_at, old.last_at, old.received_at):
                connection.execute(update(SOURCE_SEEN).where(SOURCE_SEEN.c.source == source).values(**row))
        else:
            connection.execute(insert(SOURCE_SEEN).values(source=source, **row))


def stored_entries(connection: Connection, since: int, until: int) -> Iterator[LogEntry]:
    """The events of resources in a window; what they tell is all that was kept of them."""
    asked = select(RESOURCE_EVENT).where(RESOURCE_EVENT.c.at >= since, RESOURCE_EVENT.c.at < until)
    for row in connection.execute(asked.order_by(RESOURCE_EVENT.c.at, RESOURCE_EVENT.c.event_id)):
        at = moment_of(row.at)
        yield LogEntry(row.event_id, at, at, (row.code,), 0, row.resource, site=row.site)


def forget(connection: Connection, before: int) -> None:
    """Delete resource events from before a moment, but the last of each resource: it may be down ever since."""
    last = select(func.max(RESOURCE_EVENT.c.at)).group_by(RESOURCE_EVENT.c.resource)
    connection.execute(delete(RESOURCE_EVENT).where(RESOURCE_EVENT.c.at < before, RESOURCE_EVENT.c.at.not_in(last)))


def spans(
    events: Iterable[tuple[int, str, str]], codes: Sequence[tuple[str, str]], window: Span
) -> dict[str, list[Span]]:
    """The stretches between pairs of codes, by resource, cut to a window.

    Args:
        events: moment, code and resource of each, in order of time.
        codes: pairs of the code that begins and the code that ends.
        window: beginning and end; what has not ended lasts to its end, and what ends without beginning began before it.
    """
    starts = {start: number for number, (start, _) in enumerate(codes)}
    ends = {end: number for number, (_, end) in enumerate(codes)}
    since: dict[tuple[str, int], int] = {}
    seen: set[tuple[str, int]] = set()
    found: dict[str, list[Span]] = defaultdict(list)
    for at, code, resource in events:
        number = starts.get(code, ends.get(code))
        if number is None:
            continue
        place = (resource, number)
        if code in starts:
            since.setdefault(place, at)
        elif place in since:
            found[resource].append((since.pop(place), at))
        elif place not in seen:
            found[resource].append((window[0], at))
        seen.add(place)
    for (resource, _), at in since.items():
        found[resource].append((at, window[1]))
    return {resource: _cut(some, window) for resource, some in found.items()}


def total(stretches: Mapping[str, Sequence[Span]]) -> int:
    """How long stretches last together."""
    return sum(end - start for some in stretches.values() for start, end in some)


def _cut(some: Iterable[Span], window: Span) -> list[Span]:
    cut = ((max(start, window[0]), min(end, window[1])) for start, end in some)
    return [(start, end) for start, end in cut if end > start]
