"""The answer to each measure, from all cases of a group (sole.md 8.3 and 8.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from connectathon.plain_measures.cases import STRATA
from connectathon.plain_measures.definitions import A_TIMES, K_TIMES, RESOURCES
from connectathon.plain_measures.table import Column, Figures, Log, Table, shown, span_lengths

HOUR = 3_600_000_000
DAY = 24 * HOUR
#: K15: the longest turnaround by priority (8.1 L7); the middle one when none is told.
LIMITS = {"HIGH": HOUR, "MEDIUM": 12 * HOUR, "LOW": 96 * HOUR}
_QUEUE_DAYS = 7
_FEWEST = 5
SHARES_OF_STUDIES = ("K19", "K20")
SHARES_OF_WORK = ("A14", "A15", "A16", "A19", "A20", "A20b", "A20c", "A20d", "A21", "A22", "A23", "A24", "A32")
#: Measures of which each case has a value, by level.
SIMPLE = {
    **dict.fromkeys((*K_TIMES, *SHARES_OF_STUDIES, "A33"), "study"),
    **dict.fromkeys((*A_TIMES, *SHARES_OF_WORK), "workitem"),
}
Groups = dict[str, Figures]


@dataclass(frozen=True)
class Question:
    """A window in microseconds, its end excluded, and what it is grouped by.

    Attributes:
        many: whether the log answers it from counts by day: backlogs are then those at the end of each day.
    """

    since: int
    until: int
    by: str = ""
    many: bool = False


def answer(log: Log, measure: str, asked: Question) -> Groups:
    """The figures of each group."""
    if measure in SIMPLE:
        return _simple(log.tables[SIMPLE[measure]], measure, asked)
    return _OTHERS[measure](log, asked)


def _simple(table: Table, measure: str, asked: Question) -> Groups:
    groups = table.groups(asked.since, asked.until, asked.by)
    return {label: table.figures(measure, members) for label, members in groups}


def _compliance(log: Log, asked: Question) -> Groups:
    """K15, and for times that are known to 1 % only, how few and how many it may be."""
    table = log.tables["study"]
    place = STRATA.index("priority")
    of_combination = [LIMITS.get(one[place], LIMITS["MEDIUM"]) for one in table.combinations]
    limits = np.array(of_combination, np.int64)[table.numbers("strata")]
    column = table.columns["K12"]
    value, kind, case = (np.frombuffer(one, np.int64) for one in (column.value, column.kind, column.case))
    is_value = (kind == 1) | (kind == 4)  # noqa: PLR2004 - clock noise counts as 0
    found = {}
    for label, members in table.groups(asked.since, asked.until, asked.by):
        here = members[case] & is_value
        count, within = int(here.sum()), [int((value[here] <= limits[case][here] * part).sum()) for part in _AROUND]
        figures = table.figures("K12", members)
        left_out = {
            word: number
            for word, number in figures.items()
            if word in ("pending", "incomplete", "order_error", "clock_noise")
        }
        found[label] = shown(
            {"count": count, "mean": within[1] / count if count else None, "total": float(within[1]), **left_out}
        )
        if not found[label].get("hidden"):
            found[label]["between"] = (within[0] / max(count, 1), within[2] / max(count, 1))
    return found


_AROUND = (0.985, 1, 1.015)


def _backlog(level: str) -> Callable[[Log, Question], Groups]:
    def levels(log: Log, asked: Question) -> Groups:
        table = log.tables[level]
        begin, end = table.numbers("begin"), table.numbers("end")
        end = np.where(end < 0, np.iinfo(np.int64).max, end)
        found = {}
        for label, members in table.groups(0, np.iinfo(np.int64).max, asked.by):
            mine = members & (begin >= 0)
            how = _by_day if asked.many else _moment_by_moment
            found[label] = how(begin[mine], end[mine], asked)
        some = bool(asked.by)
        return {
            label: {"hidden": True} if some and 0 < one["count"] < _FEWEST else one
            for label, one in found.items()
            if one["count"] or one["total"]
        } or ({} if some else {"": {"count": 0, "mean": 0.0, "maximum": 0.0, "total": 0.0}})

    return levels


def _moment_by_moment(begin: np.ndarray, end: np.ndarray, asked: Question) -> Figures:
    here = (begin < asked.until) & (np.maximum(begin, end) >= asked.since)
    begin, end = begin[here], end[here]
    low = np.clip(begin, asked.since, asked.until)
    high = np.clip(np.maximum(begin, end), asked.since, asked.until)
    level = largest = 0
    for _, step in sorted([*((int(at), 1) for at in low), *((int(at), -1) for at in high)]):
        level += step
        largest = max(largest, level)
    mean = float((high - low).sum()) / (asked.until - asked.since)
    return {"count": len(begin), "mean": mean, "maximum": float(largest), "total": float((end >= asked.until).sum())}


def _by_day(begin: np.ndarray, end: np.ndarray, asked: Question) -> Figures:
    ends = range(asked.since // DAY, (asked.until - 1) // DAY + 1)
    moments = [min((day + 1) * DAY, asked.until) for day in ends]
    begun, left = np.sort(begin), np.sort(end)
    levels = [int(np.searchsorted(begun, at) - np.searchsorted(left, at)) for at in moments]
    return {
        "count": max(levels),
        "mean": sum(levels) / len(levels),
        "maximum": float(max(levels)),
        "total": float(levels[-1]),
    }


def _flow(log: Log, asked: Question) -> Groups:
    table = log.tables["workitem"]
    end = table.numbers("end")
    ended = (end >= asked.since) & (end < asked.until)
    found: Groups = {}
    for label, members in table.groups(0, np.iinfo(np.int64).max, asked.by):
        if count := int((members & ended).sum()):
            mean = count * HOUR / (asked.until - asked.since)
            found[label] = {"hidden": True} if asked.by and count < _FEWEST else {"count": count, "mean": mean}
    return found


def _queue(log: Log, asked: Question) -> Groups:
    """A30: the wait for the reader, by one more than how many were prepared before and not yet opened."""
    table = log.tables["study"]
    at, column = table.numbers("at"), table.columns["K09"]
    near = (at >= asked.since - _QUEUE_DAYS * DAY) & (at < asked.until)
    case, kind, wait = (np.frombuffer(one, np.int64) for one in (column.case, column.kind, column.value))
    opened = np.sort((at[case] + wait)[near[case] & (kind == 1)])
    prepared = np.sort(at[near])
    adjusted = Table()
    adjusted.at, adjusted.strata, adjusted.combinations = table.at, table.strata, table.combinations
    divided = Column(is_ratio=False)
    for number, one, value in zip(case.tolist(), kind.tolist(), wait.tolist(), strict=True):
        if near[number]:
            ahead = np.searchsorted(prepared, at[number], "left") - np.searchsorted(opened, at[number], "right")
            divided.case.append(number)
            divided.kind.append(one)
            divided.value.append(value // (1 + max(int(ahead), 0)))
    adjusted.columns["A30"] = divided
    return _simple(adjusted, "A30", asked)


def _contrast(log: Log, asked: Question) -> Groups:
    return _simple(log.tables["study"], "K13", Question(asked.since, asked.until, "finding"))


def _unflagged(log: Log, asked: Question) -> Groups:
    table = log.tables["study"]
    place = STRATA.index("finding")
    plain = np.array([one[place] in ("", "negative") for one in table.combinations], bool)[table.numbers("strata")]
    found = {}
    for label, members in table.groups(asked.since, asked.until, asked.by):
        if (members & plain).any() or not asked.by:
            found[label] = table.figures("K09", members & plain)
    return found


def _share(part: float, of: float) -> Groups:
    return {"": {"mean": part / of if of else None, "total": float(part)}}


def _used_rooms(log: Log, asked: Question) -> Groups:
    return _share(_sum(log, "K06 used", asked), _sum(log, "K06", asked))


def _used_scanners(log: Log, asked: Question) -> Groups:
    table = log.tables["study"]
    (total,) = _simple(table, "K07b", Question(asked.since, asked.until)).values()
    return _share(total.get("total") or 0.0, _sum(log, "K07", asked))


def _used_performers(log: Log, asked: Question) -> Groups:
    table = log.tables["workitem"]
    (total,) = _simple(table, "A10", Question(asked.since, asked.until)).values()
    at, names = table.numbers("at"), list(table.performers)
    worked = {names[one] for one in table.numbers("performer")[(at >= asked.since) & (at < asked.until)]} - {""}
    return _share(total.get("total") or 0.0, len(worked) * (asked.until - asked.since))


def _sum(log: Log, name: str, asked: Question) -> int:
    spans = span_lengths(log.resources, RESOURCES[name], asked.since, asked.until)
    return sum(sum(some) for some in spans.values())


def _down(log: Log, asked: Question) -> Groups:
    spans = span_lengths(log.resources, RESOURCES["K21"], asked.since, asked.until)
    every = {"": [one for some in spans.values() for one in some], **spans}
    return {
        name: {"count": len(some), "maximum": float(max(some, default=0)), "total": float(sum(some))}
        for name, some in every.items()
    }


def _available(log: Log, asked: Question) -> Groups:
    spans = span_lengths(log.resources, RESOURCES["A28"], asked.since, asked.until)
    codes = {code for pair in RESOURCES["A28"] for code in pair}
    known = sorted({name for at, code, name in log.resources if code in codes and at < asked.until})
    length, lost = asked.until - asked.since, {name: sum(spans.get(name, ())) for name in known}
    every = sum(lost.values())
    found = (
        {"": {"count": len(known), "mean": 1 - every / (length * len(known)), "total": float(every)}} if known else {}
    )
    return found | {name: {"count": 1, "mean": 1 - lost[name] / length, "total": float(lost[name])} for name in known}


_OTHERS: dict[str, Callable[[Log, Question], Groups]] = {
    "K06": _used_rooms,
    "K07": _used_scanners,
    "K15": _compliance,
    "K18": _backlog("study"),
    "K21": _down,
    "A25": _backlog("workitem"),
    "A26": _flow,
    "A27": _used_performers,
    "A28": _available,
    "A29": _contrast,
    "A30": _queue,
    "A31": _unflagged,
}
MEASURES = (*SIMPLE, *_OTHERS)
