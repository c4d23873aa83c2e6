"""The pure fold: the entries of one case, in any order and any number of times, make its rows (sole.md 8.2 to 8.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sole_logging.measures.anchors import NOISE, by_code, resolve
from sole_logging.measures.definitions import STRATA, STUDY, WORKITEM, Measure, anchors, slots
from sole_logging.measures.entry import LogEntry, micros, moment_of
from sole_logging.measures.ratios import RATIOS, Told

#: Values of a measure that are none: not asked of this case, still to come, never to come, or of clocks that contradict
#: each other; and a negative interval within the noise of clocks, which counts as 0 (sole.md 8.5 rules 4 and 5).
ABSENT, PENDING, INCOMPLETE, ORDER_ERROR, CLOCK_NOISE = (-(2**63) + one for one in range(5))
LARGEST_VALUE = 2**53
_TIME = {STUDY: ("T_prep", "T_arch", "T_end"), WORKITEM: ("A_new",)}
_ENDS = {STUDY: ("T_sign", "T_off"), WORKITEM: ("A_done", "A_can")}
FINAL = frozenset(symbol for symbols in _ENDS.values() for symbol in symbols)
#: The states of a row by the moment that reaches them, the last first.
_STATES = {
    STUDY: (("T_sign", "signed"), ("T_off", "canceled"), ("", "open")),
    WORKITEM: (
        ("A_done", "completed"),
        ("A_can", "canceled"),
        ("A_is", "started"),
        ("A_clm", "claimed"),
        ("", "created"),
    ),
}
_OF_READERS = frozenset({"A_disp", "A_acc", "A_rej", "A_mod", "A_ign"})
#: What is strange about a row, as bits.
NO_RESULT, NEVER_SEEN, TWO_ENDS, NEVER_CLAIMED = 1, 2, 4, 8
_FINDINGS = {"111242": "positive", "111244": "positive", "111241": "negative", "111243": "negative"}
_WORK_HOURS = range(7, 19)
_WORK_DAYS = range(5)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """What measures know of one study or one workitem.

    Attributes:
        level: ``study`` or ``workitem``.
        key: UID of the workitem; empty for a study.
        at: its time: A_new of a workitem, T_prep, else T_arch, else T_end of a study; else its first event.
        begin, end: when it entered and left the backlog (K18, A25), None when it did not.
        state: how far it got, one of `_STATES`.
        strange: bits, see `NO_RESULT`.
        last: time of its last event.
        strata: values of `definitions.STRATA`.
        values: a value for each of `definitions.slots`; a ratio is denominator * 2**32 + numerator.
        instead: which anchor took the event of which.
    """

    level: str
    key: str
    at: int
    begin: int | None
    end: int | None
    state: str
    strange: int
    last: int
    strata: tuple[str, ...]
    values: tuple[int, ...]
    instead: tuple[tuple[str, str], ...]


def work_hours(at: datetime) -> str:
    """The usual hour class: ``work`` Monday to Friday from 7 to 19 o'clock UTC, else ``off``."""
    return "work" if at.weekday() in _WORK_DAYS and at.hour in _WORK_HOURS else "off"


def fold(entries: Iterable[LogEntry], hour_class: Callable[[datetime], str] = work_hours) -> list[CaseRow]:
    """The rows of one case: its study, then its workitems in order of their UIDs (SOLE-087).

    Args:
        entries: all entries of the case, in any order, duplicates allowed.
        hour_class: names the class of a moment.
    """
    earliest_last = sorted(entries, key=lambda one: one.received_at, reverse=True)
    unique = {entry.event_id: entry for entry in earliest_last}
    ordered = sorted(unique.values(), key=lambda one: (one.at, one.event_id))
    if not ordered:
        return []
    told = by_code(ordered)
    study = resolve(STUDY, told)
    shared = _strata(ordered)
    works = _workitems(ordered)
    shared |= {"readers": _readers(told), "finding": _finding([told])}
    engines = sorted({one.engine for one in ordered if one.engine})
    shared |= {"engine": " + ".join(engines), "version": ""}
    rows = [_row(STUDY, "", Told(study, told), ordered, dict(shared), hour_class)]
    shared |= {"engine": "", "version": ""}
    for uid, entries_of_it in works.items():
        own = by_code(entries_of_it)
        strata = shared | {name: value for name, value in _strata(entries_of_it).items() if value}
        strata |= {"finding": _finding([own]), "reason": _reason(own)}
        rows.append(_row(WORKITEM, uid, Told(resolve(WORKITEM, own, study), own), entries_of_it, strata, hour_class))
    return rows


def _strata(entries: Sequence[LogEntry]) -> dict[str, str]:
    """The first value told of each stratum."""
    names = {"priority": "priority", "place": "place", "modality": "modality", "site": "site"}
    names |= {"engine": "engine", "version": "engine_version"}
    return {
        stratum: next((value for one in entries if (value := getattr(one, name))), "")
        for stratum, name in names.items()
    }


def _readers(told: dict[str, list[LogEntry]]) -> str:
    people = {one.person for code in ("RID45893", "RID45874", "RID45924") for one in told.get(code, ())} - {""}
    return ("", "one", "several")[min(len(people), 2)]


def _finding(works: Iterable[dict[str, list[LogEntry]]]) -> str:
    """What the AI said: positive when any algorithm found something (PS3.16 CID 6047)."""
    said = {_FINDINGS[code] for own in works for code in _FINDINGS if code in own}
    return "positive" if "positive" in said else "negative" if said else ""


def _reason(own: dict[str, list[LogEntry]]) -> str:
    """Why a workitem was canceled: the code that was told, ``not told`` when none was, empty when it was not."""
    canceled = own.get("AIX106", ())
    return next((one.reason for one in canceled if one.reason), "not told" if canceled else "")


def _workitems(ordered: Sequence[LogEntry]) -> dict[str, list[LogEntry]]:
    """The entries of each workitem. An AI event that names none is of the only one there is, or of its engine's."""
    own: dict[str, list[LogEntry]] = defaultdict(list)
    for entry in ordered:
        if entry.workitem:
            own[entry.workitem].append(entry)
    engines: dict[str, set[str]] = defaultdict(set)
    for uid, entries in own.items():
        for entry in entries:
            engines[entry.engine].add(uid)
    codes = {anchor.codes[-1] for anchor in anchors(WORKITEM) if anchor.codes}
    for entry in ordered:
        if not entry.workitem and own and codes.intersection(entry.codes):
            possible = engines.get(entry.engine, set()) if entry.engine else set(own)
            if len(possible) == 1:
                own[next(iter(possible))].append(entry)
    return {uid: sorted(own[uid], key=lambda one: (one.at, one.event_id)) for uid in sorted(own)}


def _row(
    level: str,
    key: str,
    told: Told,
    entries: Sequence[LogEntry],
    strata: dict[str, str],
    hour_class: Callable[[datetime], str],
) -> CaseRow:
    moments = told.moments.at
    at = next((moments[one] for one in _TIME[level] if one in moments), micros(entries[0].at))
    end = told.moments.earliest(_ENDS[level])
    strata["hours"] = hour_class(moment_of(at))
    return CaseRow(
        level=level,
        key=key,
        at=at,
        begin=moments.get(_TIME[level][0]),
        end=moments.get(end),
        state=next(state for symbol, state in _STATES[level] if not symbol or symbol == end or _reached(symbol, told)),
        strange=_strange(told) if level == WORKITEM else 0,
        last=micros(entries[-1].at),
        strata=tuple(strata.get(one, "") for one in STRATA),
        values=tuple(_value(one, told, strata) for one in slots(level)),
        instead=tuple(sorted(told.moments.instead.items())),
    )


def _reached(symbol: str, told: Told) -> bool:
    return symbol not in FINAL and told.has(symbol)


def _strange(told: Told) -> int:
    found = {
        NO_RESULT: told.has("A_done") and not told.has("A_av"),
        NEVER_SEEN: told.has("A_av") and told.has("T_sign") and not told.has("A_disp"),
        TWO_ENDS: told.has("A_done") and told.has("A_can"),
        NEVER_CLAIMED: any(told.has(one) for one in ("A_is", "A_ie", "A_done")) and not told.has("A_clm"),
    }
    return sum(bit for bit, holds in found.items() if holds)


def _value(measure: Measure, told: Told, strata: dict[str, str]) -> int:
    if measure.kind == "ratio":
        parts = RATIOS[measure.id](told)
        return ABSENT if parts is None else (parts[1] << 32) + parts[0]
    urgent = measure.asked == "STAT" and (told.has("T_stat") or strata.get("priority") == "HIGH")
    if measure.asked and not (urgent or told.has(measure.asked)):
        return ABSENT
    value = _interval(measure, told)
    if measure.kind == "interval" or value < 0:
        return value
    size = max((one.bytes for one in told.entries.get("AIX112", ())), default=0)
    return min(size * 1_000_000 // value, LARGEST_VALUE) if size and value else INCOMPLETE


def _interval(measure: Measure, told: Told) -> int:
    moments = told.moments
    start, end = moments.earliest(measure.start), moments.earliest(measure.end)
    if not (start and end):
        if moments.contradictory.intersection(measure.start + measure.end):
            return ORDER_ERROR
        return PENDING if not end and _is_open(measure, told) else INCOMPLETE
    if moments.origin(start) == moments.origin(end):  # one event in the place of two says nothing of the time between
        return INCOMPLETE
    return _judged(moments.at[end] - moments.at[start], measure.sign)


def _judged(value: int, sign: str) -> int:
    if value >= 0 or sign == "signed":
        return max(-LARGEST_VALUE, min(value, LARGEST_VALUE))
    if sign == "floor":
        return 0
    return CLOCK_NOISE if value >= -NOISE else ORDER_ERROR


def _is_open(measure: Measure, told: Told) -> bool:
    """Whether the end may still come: what readers do comes until the report is signed, the rest until the end."""
    by_readers = measure.level == STUDY or any(one in _OF_READERS or one[0] == "T" for one in measure.end)
    return not any(told.has(one) for one in _ENDS[STUDY if by_readers else WORKITEM])
