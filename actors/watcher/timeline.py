"""The timeline of one study from its events, with times since the start, gaps and spans. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from profiles.tables import read_table

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One event.

    Attributes:
        at: when it happened.
        since_start: seconds since the first event.
        since_last: seconds since the event before it.
        words: what happened.
        code: the event type code, for the tooltip.
        who: the source that reported it.
        detail: algorithm, counts, reasons.
        failed: whether the outcome was not success.
        workitem: UID of the workitem concerned.
        results: how many result objects are named.
    """

    at: datetime
    since_start: float
    since_last: float
    words: str
    code: str
    who: str
    detail: tuple[tuple[str, str], ...]
    failed: bool
    workitem: str
    description: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch between two steps; ``start`` and ``length`` are shares of the whole timeline, 0 to 1."""

    words: str
    seconds: float
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """All events of a thread, and the spans that they bound."""

    entries: tuple[Entry, ...] = ()
    spans: tuple[Span, ...] = ()

    @property
    def seconds(self) -> float:
        """From the first event to the last."""
        return self.entries[-1].since_start if self.entries else 0.0


@cache
def _step_words() -> dict[str, str]:
    return {row["step"]: row["words"] for row in read_table("actors.watcher", "steps")}


def timeline(events: Sequence[Event]) -> Timeline:
    """The timeline of events that are in order of time; events without a readable time are left out."""
    timed = [(moment, event) for event in events if (moment := _moment(event))]
    timed.sort(key=lambda pair: pair[0])
    if not timed:
        return Timeline()
    start, entries, before = timed[0][0], list[Entry](), timed[0][0]
    for moment, event in timed:
        entries.append(_entry(event, moment, (moment - start).total_seconds(), (moment - before).total_seconds()))
        before = moment
    return Timeline(tuple(entries), tuple(_spans(timed, start, max((before - start).total_seconds(), 1e-9))))


def _moment(event: Event) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(event.get("at", "")))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _entry(event: Event, moment: datetime, since_start: float, since_last: float) -> Entry:
    step = str(event.get("step") or "")
    words = _step_words().get(step) or str(event.get("meaning") or step or "Event")
    details = event.get("details")
    rows = [(str(name), str(value)) for name, value in details.items()] if isinstance(details, Mapping) else []
    algorithm = event.get("algorithm")
    if isinstance(algorithm, Mapping) and algorithm:
        rows.insert(0, ("Engine", f"{algorithm.get('name', '')} {algorithm.get('version', '')}".strip()))
    return Entry(
        at=moment,
        since_start=since_start,
        since_last=since_last,
        words=words,
        code=str(event.get("code") or ""),
        who=str(event.get("source") or ""),
        detail=tuple(rows),
        failed=str(event.get("outcome", 0)) not in {"0", "SUCCESS", "success", ""},
        workitem=str(event.get("workitem") or ""),
        description=str(event.get("description") or ""),
    )


def _spans(timed: Sequence[tuple[datetime, Event]], start: datetime, whole: float) -> list[Span]:
    """From the first occurrence of a span's first step to the last of its last."""
    moments: dict[str, list[datetime]] = {}
    for moment, event in timed:
        moments.setdefault(str(event.get("step") or ""), []).append(moment)
    found = []
    for row in read_table("actors.watcher", "spans"):
        first, last = moments.get(row["first"]), moments.get(row["last"])
        if first and last and last[-1] >= first[0]:
            seconds = (last[-1] - first[0]).total_seconds()
            offset = (first[0] - start).total_seconds()
            found.append(Span(row["words"], seconds, offset / whole, max(seconds / whole, 0.004)))
    return found
