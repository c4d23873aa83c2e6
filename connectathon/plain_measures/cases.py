"""From the events of a case to its values: a study, and each of its workitems (sole.md 8.2 to 8.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from connectathon.plain_measures.definitions import (
    A_TIMES,
    CHAIN,
    FINDINGS,
    K_TIMES,
    REVIEWS,
    STUDY,
    WORK,
    Moment,
)
from connectathon.plain_measures.reading import Row

#: A value that is none: the word says why.
PENDING, INCOMPLETE, NOISE, ORDER = "pending", "incomplete", "clock_noise", "order_error"
STRATA: Final[tuple[str, ...]] = (
    *("priority", "place", "modality", "site", "hours", "readers"),
    *("engine", "version", "finding", "reason"),
)
_TOLD = {"priority": "priority", "place": "place", "modality": "modality", "site": "site"}
_TOLD |= {"engine": "engine", "version": "engine_version"}
_TWO_SECONDS = 2_000_000
_FAILED = 8


class Case(NamedTuple):
    """A study or a workitem with its values by measure; of ratios a pair of numerator and denominator."""

    level: str
    at: int
    begin: int | None
    end: int | None
    strata: dict[str, str]
    values: dict[str, Any]
    performer: str = ""


class Known(NamedTuple):
    """The moments of a case: when, which event gave it, and which events all contradict the order of things."""

    at: dict[str, int]
    event: dict[str, str]
    strange: set[str]


def cases(rows: Sequence[Row]) -> Iterator[Case]:
    """The cases that the events of one study make."""
    study = _known(STUDY, rows, None)
    shared = {name: _first(rows, column) for name, column in _TOLD.items()}
    people = {row["person"] for row in rows if {"RID45893", "RID45874", "RID45924"} & set(row["codes"])} - {""}
    shared["readers"] = "" if not people else "one" if len(people) == 1 else "several"
    shared["finding"] = _finding(rows)
    engines = " + ".join(sorted({row["engine"] for row in rows if row["engine"]}))
    yield _study(rows, study, {**shared, "engine": engines, "version": "", "reason": ""})
    for uid in sorted({row["workitem"] for row in rows if row["workitem"]}):
        own = [row for row in rows if row["workitem"] == uid]
        strata = {**shared, "engine": "", "version": ""}
        strata |= {name: value for name, column in _TOLD.items() if (value := _first(own, column))}
        strata |= {"finding": _finding(own), "reason": _reason(own)}
        yield _workitem(own, _known(WORK, own, study), strata)


def _study(rows: Sequence[Row], known: Known, strata: dict[str, str]) -> Case:
    at: int = known.at["T_prep"] if "T_prep" in known.at else rows[0]["at"]
    ends = [known.at[one] for one in ("T_sign", "T_off") if one in known.at]
    values: dict[str, Any] = {}
    for name, (begin, end, asked) in K_TIMES.items():
        if not asked or asked in known.at or _is_stat(asked, known, strata):
            values[name] = _between(known, begin, end.split(), is_open=not ends)
    if "T_sign" in known.at:
        values["K19"] = (_count(rows, "RID45850"), 1)
    if "T_end" in known.at:
        values["K20"] = (_count(rows, "SOLE105"), 1)
    values["A33"] = [row["received_at"] - row["at"] for row in rows]
    strata["hours"] = _hours(at)
    return Case("study", at, known.at.get("T_prep"), min(ends, default=None), strata, values)


def _is_stat(asked: str, known: Known, strata: dict[str, str]) -> bool:
    return asked == "STAT" and ("T_stat" in known.at or strata["priority"] == "HIGH")


def _workitem(rows: Sequence[Row], known: Known, strata: dict[str, str]) -> Case:
    at: int = known.at["A_new"] if "A_new" in known.at else rows[0]["at"]
    ends = [known.at[one] for one in ("A_done", "A_can") if one in known.at]
    unread = not {"T_sign", "T_off"} & set(known.at)
    values: dict[str, Any] = {}
    for name, (begin, end, asked) in A_TIMES.items():
        if not asked or asked in known.at:
            is_open = unread if end in ("T_open", "A_disp") else not ends
            values[name] = _between(known, begin, [end], is_open=is_open, sign=name)
    size = max((row["bytes"] for row in rows if "AIX112" in row["codes"]), default=0)
    if isinstance(values["A05"], int):
        values["A05"] = size * 1_000_000 // values["A05"] if size and values["A05"] else INCOMPLETE
    values |= _shares(rows, known, ended=bool(ends))
    strata["hours"] = _hours(at)
    performer = max((row["performer"] for row in rows), default="")
    return Case("workitem", at, known.at.get("A_new"), min(ends, default=None), strata, values, performer)


def _shares(rows: Sequence[Row], known: Known, *, ended: bool) -> dict[str, tuple[int, int]]:
    at = known.at
    found = {"A15": (int("A_av" in at), 1)}
    for name, symbol in (("A14", "T_open"), ("A16", "T_sign")):
        if "A_av" in at and symbol in at:
            found[name] = (int(at["A_av"] <= at[symbol]), 1)
    if "A_av" in at:
        found["A19"] = (int("A_disp" in at), 1)
    if "A_disp" in at:
        said = sorted(
            (at[symbol], -place, name) for place, (name, symbol) in enumerate(REVIEWS.items()) if symbol in at
        )
        found |= {name: (int(bool(said) and said[-1][2] == name), 1) for name in REVIEWS}
    if ended:
        failures, requests = (_count(rows, "AIX106", failed=failed) for failed in (True, False))
        found["A21"] = (int(failures > 0), 1)
        found["A22"] = (int(requests > 0 and failures == 0), 1)
        found["A32"] = (int(all(known.event.get(one) == one for one in CHAIN)), 1)
    inferences = [row["outcome"] for row in rows if {"SOLE115", "AIX122"} <= set(row["codes"])]
    if inferences:
        found["A23"] = (sum(1 for outcome in inferences if outcome), len(inferences))
    if "A_clm" in at:
        found["A24"] = (_count(rows, "AIX103", failed=False) - 1, 1)
    return found


def _known(wanted: dict[str, Moment], rows: Sequence[Row], study: Known | None) -> Known:
    found = Known(dict(study.at), dict(study.event), set()) if study else Known({}, {}, set())
    for symbol, how in wanted.items():
        times = _times(symbol, how, rows)
        kept = _allowed(how, times, found.at, 0) or _allowed(how, times, found.at, _TWO_SECONDS)
        other = next((one for one in how.instead if one in found.at), "")
        if kept:
            found.at[symbol] = max(kept) if how.which == "last" else min(kept)
            found.event[symbol] = symbol
        elif other:
            found.at[symbol], found.event[symbol] = found.at[other], found.event[other]
        elif times:
            found.strange.add(symbol)
    return found


def _times(symbol: str, how: Moment, rows: Sequence[Row]) -> list[int]:
    codes = set(how.codes.split())
    return [
        row["at"]
        for row in rows
        if codes
        and codes <= set(row["codes"])
        and (row["outcome"] < _FAILED or symbol == "A_can")  # 8.5 rule 8
        and not (symbol == "T_arch" and "AIX131" in row["codes"])  # results are no acquired images
    ]


def _allowed(how: Moment, times: list[int], at: dict[str, int], tolerance: int) -> list[int]:
    kept = [one for one in times if how.after not in at or one >= at[how.after] - tolerance]
    return [one for one in kept if how.before not in at or one <= at[how.before] + tolerance]


def _between(known: Known, begin: str, ends: Sequence[str], *, is_open: bool, sign: str = "") -> int | str:
    """A difference, or why there is none (8.5 rules 4 and 5)."""
    end = min((one for one in ends if one in known.at), key=lambda one: known.at[one], default="")
    if begin not in known.at or not end:
        if known.strange & {begin, *ends}:
            return ORDER
        return PENDING if is_open and not end else INCOMPLETE
    if known.event[begin] == known.event[end]:
        return INCOMPLETE
    difference = known.at[end] - known.at[begin]
    if difference >= 0 or sign == "A13":
        return difference
    if sign == "A17":
        return 0
    return NOISE if difference >= -_TWO_SECONDS else ORDER


def _count(rows: Sequence[Row], code: str, *, failed: bool | None = None) -> int:
    return sum(1 for row in rows if code in row["codes"] and failed in (None, row["outcome"] >= _FAILED))


def _first(rows: Sequence[Row], column: str) -> str:
    return next((str(row[column]) for row in rows if row[column]), "")


def _finding(rows: Sequence[Row]) -> str:
    said = {FINDINGS[code] for row in rows for code in row["codes"] if code in FINDINGS}
    return "positive" if "positive" in said else "negative" if said else ""


def _reason(rows: Sequence[Row]) -> str:
    canceled = [row["reason"] for row in rows if "AIX106" in row["codes"]]
    return next(filter(None, canceled), "not told") if canceled else ""


def _hours(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1_000_000, UTC)
    return "work" if moment.isoweekday() <= 5 and 7 <= moment.hour < 19 else "off"  # noqa: PLR2004 - of a week, of a day
