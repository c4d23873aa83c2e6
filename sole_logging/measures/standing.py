"""Measures over time: what waits, what flows, what is used and what is down (K06, K07, K18, K21, A25 to A28, A30)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import CompoundSelect, Connection, func, select, union_all

from profiles.errors import BadInput
from sole_logging.measures import resources, rollups
from sole_logging.measures.bins import SUM_BIN, Counts
from sole_logging.measures.definitions import STUDY, WORKITEM, Measure, slot_of
from sole_logging.measures.figures import Figures, exact_figures
from sole_logging.measures.resources import pairs, spans, total
from sole_logging.measures.rollups import BEGUN, DAY_LENGTH, ENDED, LEFT, MONTH
from sole_logging.measures.tables import FACT, RESOURCE_EVENT, ROLLUP
from sole_logging.measures.windows import (
    HOUR,
    MOST_EXACT,
    SPANS,
    Strata,
    Window,
    cases,
    counts,
    grouped,
    grouped_counts,
    is_small,
    label_of,
)

#: Exams that were prepared up to so long before a window and not yet opened are ahead of those in it (A30).
_QUEUE_BEFORE = 7 * DAY_LENGTH
_MOST_SPANS = 10_000
_ENDS = (func.min, func.max)
#: Added to the beginning of a span, these lead into the next.
_STEPS = {"hour": HOUR, "day": DAY_LENGTH, "week": 7 * DAY_LENGTH, "month": 31 * DAY_LENGTH}


def backlog(connection: Connection, level: str, window: Window) -> tuple[list[Figures], bool]:
    """How many cases waited: mean over time, maximum, and in ``total`` how many were left at the end (K18, A25).

    Returns:
        The groups, and whether they are exact; else the maximum is the greatest at the end of a day, and the mean that
        between ends of days.
    """
    strata = Strata(connection, window)
    waiting = _waiting(connection, level, window)
    some = waiting.limit(MOST_EXACT + 1).subquery()
    if connection.execute(select(func.count()).select_from(some)).scalar_one() > MOST_EXACT:
        return _daily_backlog(connection, level, window, strata), False
    rows = connection.execute(waiting).all()
    begin = np.array([row.begin_at for row in rows], np.int64)
    end = np.array([window.until if row.end_at is None else row.end_at for row in rows], np.int64)
    open_still = np.array([row.end_at is None or row.end_at >= window.until for row in rows], bool)
    stratum = np.array([row.stratum for row in rows], np.int64)
    found = []
    for since, until, label in spans_of(window):
        whole = Window(since, until, window.filters, "" if window.by in SPANS else window.by)
        for group, members in grouped(strata, whole, begin, stratum):
            kept = members & (begin < until) & (np.maximum(end, begin) >= since)
            remaining = open_still[kept] | (end[kept] >= until)
            found.append(_level(label or group, begin[kept], end[kept], (since, until), int(remaining.sum())))
    return found, True


def _waiting(connection: Connection, level: str, window: Window) -> CompoundSelect[Any]:
    """What waited in a window, found by the index of the nearer end of the log: that looks at fewer cases."""
    first, last = (
        connection.execute(select(one(FACT.c.at)).where(FACT.c.level == level)).scalar() or 0 for one in _ENDS
    )
    is_late = 2 * window.since > first + last
    begin = FACT.c.begin_at + 0 if is_late else FACT.c.begin_at  # what is reckoned with has no index
    end = FACT.c.end_at if is_late else FACT.c.end_at + 0
    asked = select(FACT.c.begin_at, FACT.c.end_at, FACT.c.stratum).where(FACT.c.level == level, begin < window.until)
    return union_all(asked.where(end >= window.since), asked.where(end.is_(None)))


def flow(connection: Connection, level: str, window: Window) -> list[Figures]:
    """How many cases ended per hour (A26)."""
    strata = Strata(connection, window)
    if window.by == "hour":
        asked = select(FACT.c.end_at, FACT.c.stratum).where(
            FACT.c.level == level, FACT.c.end_at >= window.since, FACT.c.end_at < window.until
        )
        rows = connection.execute(asked.limit(MOST_EXACT + 1)).all()
        if len(rows) > MOST_EXACT:
            raise BadInput(f"By hour, a window may hold {MOST_EXACT} cases; take a shorter one, or ask by day.")
        at = np.array([row.end_at for row in rows], np.int64)
        stratum = np.array([row.stratum for row in rows], np.int64)
        sums = [(label, int(members.sum())) for label, members in grouped(strata, window, at, stratum)]
    else:
        parts = counts(connection, level, [ENDED], window)[ENDED]
        sums = [(label, _cases_in(some)) for label, some in grouped_counts(strata, window, parts)]
    lengths = {label: until - since for since, until, label in spans_of(window)}
    whole = window.until - window.since
    return [Figures(group, count, mean=count * HOUR / lengths.get(group, whole)) for group, count in sums]


def queue_adjusted(connection: Connection, window: Window) -> list[Figures]:
    """Waiting for the reader, divided by the number of exams that were to be read when one joined them (A30).

    Raises:
        BadInput: when the window holds too many cases.
    """
    if not is_small(connection, STUDY, window):
        raise BadInput(f"A30 is answered for at most {MOST_EXACT} exams; take a shorter window.")
    strata = Strata(connection, window)
    before = cases(connection, STUDY, window.since - _QUEUE_BEFORE, window.until)
    waits = before.values[:, slot_of("K09")]
    opened = np.sort(before.at[waits >= 0] + waits[waits >= 0])
    prepared = np.sort(before.at)
    ahead = np.searchsorted(prepared, before.at, side="left") - np.searchsorted(opened, before.at, side="right")
    adjusted = np.where(waits > 0, waits // (1 + np.maximum(ahead, 0)), waits)
    found = []
    for group, members in grouped(strata, window, before.at, before.stratum):
        found.append(exact_figures(group, adjusted[members & (before.at >= window.since)], is_ratio=False))
    return found


def utilisation(
    connection: Connection, measure: Measure, window: Window, used: float | None, servers: int | None
) -> list[Figures]:
    """How long resources were used or down, as a share of the time they were there; one group each, and all together.

    Args:
        connection: to the facts.
        measure: K06, K07, K21, A27 or A28.
        window: of its filters, only the site is looked at.
        used: microseconds that were used, where they come from cases (K07, A27).
        servers: how many performers there are (A27).
    """
    length = window.until - window.since
    events = _resource_events(connection, window)
    if measure.kind == "downtime":
        return list(_downtime(spans(events, pairs(measure.start), (window.since, window.until))))
    if measure.kind == "availability":
        return list(_availability(events, measure, window))
    if measure.id == "A27":
        number = servers or _performers(connection, window)
        return [_share(used or 0, number * length)]
    if used is None:
        used = total(spans(events, pairs(measure.start), (window.since, window.until)))
    return [_share(used, total(spans(events, pairs(measure.end), (window.since, window.until))))]


def _resource_events(connection: Connection, window: Window) -> list[tuple[int, str, str]]:
    """All events of resources up to the end of a window: what went down before it may still be down."""
    asked = select(RESOURCE_EVENT.c.at, RESOURCE_EVENT.c.code, RESOURCE_EVENT.c.resource)
    asked = asked.where(RESOURCE_EVENT.c.at < window.until).order_by(RESOURCE_EVENT.c.at, RESOURCE_EVENT.c.event_id)
    sites = window.filters.get("site")
    if sites:
        asked = asked.where(RESOURCE_EVENT.c.site.in_(sites))
    return [(row.at, row.code, row.resource) for row in connection.execute(asked)]


def _downtime(down: dict[str, list[resources.Span]]) -> Iterator[Figures]:
    every = [end - start for some in down.values() for start, end in some]
    yield Figures("", len(every), maximum=float(max(every, default=0)), total=float(sum(every)))
    for resource, some in sorted(down.items()):
        lengths = [end - start for start, end in some]
        yield Figures(resource, len(lengths), maximum=float(max(lengths, default=0)), total=float(sum(lengths)))


def _availability(events: Sequence[tuple[int, str, str]], measure: Measure, window: Window) -> Iterator[Figures]:
    codes = {code for pair in pairs(measure.start) for code in pair}
    known = sorted({resource for _, code, resource in events if code in codes})
    down = spans(events, pairs(measure.start), (window.since, window.until))
    length = window.until - window.since
    lost = {resource: total({resource: down.get(resource, [])}) for resource in known}
    every = sum(lost.values())
    if known:
        yield Figures("", len(known), mean=1 - every / (length * len(known)), total=float(every))
    for resource in known:
        yield Figures(resource, 1, mean=1 - lost[resource] / length, total=float(lost[resource]))


def _share(part: float, of: float) -> Figures:
    return Figures(mean=part / of if of else None, total=float(part))


def _performers(connection: Connection, window: Window) -> int:
    asked = select(func.count(func.distinct(FACT.c.performer))).where(
        FACT.c.level == WORKITEM, FACT.c.at >= window.since, FACT.c.at < window.until, FACT.c.performer != ""
    )
    return int(connection.execute(asked).scalar_one())


def spans_of(window: Window) -> list[tuple[int, int, str]]:
    """The spans of time that a window is grouped by, cut to it, with their names; the whole when by something else."""
    if window.by not in SPANS:
        return [(window.since, window.until, "")]
    found: list[tuple[int, int, str]] = []
    start_of = SPANS[window.by]
    start = start_of(window.since)
    while start < window.until:
        following = start_of(start + _STEPS[window.by])
        found.append((max(start, window.since), min(following, window.until), label_of(start, window.by)))
        start = following
        if len(found) > _MOST_SPANS:
            raise BadInput(f"The window has more than {_MOST_SPANS} spans; group it by something longer.")
    return found


def _level(
    group: str, begin: NDArray[np.int64], end: NDArray[np.int64], span: tuple[int, int], remaining: int
) -> Figures:
    since, until = span
    low, high = np.clip(begin, since, until), np.clip(np.maximum(end, begin), since, until)
    times = np.concatenate([low, high])
    steps = np.concatenate([np.ones(len(low), np.int64), -np.ones(len(high), np.int64)])
    order = np.lexsort((steps, times))
    largest = int(np.max(np.cumsum(steps[order]), initial=0))
    mean = float(np.sum(high - low)) / (until - since)
    return Figures(group, len(begin), mean=mean, maximum=float(largest), total=float(remaining))


def _daily_backlog(connection: Connection, level: str, window: Window, strata: Strata) -> list[Figures]:
    start = min(window.since, _earliest(connection, level))
    plain = Window(start, window.since, window.filters, "" if window.by in SPANS else window.by)
    before = counts(connection, level, (BEGUN, LEFT), plain)
    during = counts(connection, level, (BEGUN, LEFT), Window(window.since, window.until, window.filters, "day"))
    initial: Counter[str] = Counter()
    steps: dict[str, Counter[int]] = defaultdict(Counter)
    for name, sign in ((BEGUN, 1), (LEFT, -1)):
        for label, some in grouped_counts(strata, plain, before[name]):
            initial[label] += sign * _cases_in(some)
        for at, part in during[name]:
            for label, some in grouped_counts(strata, plain, [(at, part)]):
                steps[label][rollups.day_of(at)] += sign * _cases_in(some)
    return [
        figures
        for label in sorted({*initial, *steps})
        for figures in _by_days(label, window, initial[label], steps[label])
    ]


def _earliest(connection: Connection, level: str) -> int:
    """When the first month begins of which there are cases or, where these were deleted, counts."""
    of_cases = connection.execute(select(func.min(FACT.c.at)).where(FACT.c.level == level)).scalar()
    asked = select(func.min(ROLLUP.c.bucket)).where(ROLLUP.c.level == level, ROLLUP.c.grain == MONTH)
    of_counts = connection.execute(asked).scalar()
    months = [] if of_cases is None else [rollups.month_of(of_cases)]
    months += [] if of_counts is None else [of_counts]
    return rollups.start_of_month(min(months)) if months else 2**63 - 1


def _by_days(label: str, window: Window, initial: int, steps: Counter[int]) -> Iterator[Figures]:
    days = range(rollups.day_of(window.since), rollups.day_of(window.until - 1) + 1)
    levels = initial + np.cumsum([steps[day] for day in days])
    spans_of_days: dict[str, list[int]] = defaultdict(list)
    for day, left in zip(days, levels.tolist(), strict=True):
        start = rollups.start_of_day(day)
        spans_of_days[label_of(SPANS[window.by](start), window.by) if window.by in SPANS else label].append(left)
    for name, some in spans_of_days.items():
        yield Figures(name, max(some), mean=sum(some) / len(some), maximum=float(max(some)), total=float(some[-1]))


def _cases_in(some: Counts) -> int:
    """How many cases are in counts of a pseudo measure, each of which has the value 1."""
    return int(some["count"][some["bin"] != SUM_BIN].sum())
