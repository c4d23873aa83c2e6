"""What the log knows of work and of those who do it: workitems with their waiting, performers with their downtimes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, or_, select

from profiles.errors import BadInput
from sole_logging.measures import rollups
from sole_logging.measures.case import CLOCK_NOISE, ORDER_ERROR
from sole_logging.measures.definitions import STRATA, WORKITEM, slot_of
from sole_logging.measures.resources import Span, spans
from sole_logging.measures.tables import FACT, RESOURCE_EVENT, STRATUM
from sole_logging.measures.windows import MOST_EXACT, Strata, Window

#: The events of a performer that goes down and comes up again (A28).
_DOWN = (("AIX152", "AIX151"),)


@dataclass(frozen=True, slots=True)
class Work:
    """One workitem that was claimed and ended. Times are microseconds since the epoch.

    Attributes:
        arrival, claim, end: A_new, A_clm, and A_done or A_can (sole.md 8.2).
        performer: who did it.
        engine, modality: what it was done with and of; empty when not told.
        priority: ``HIGH``, ``MEDIUM``, ``LOW``, or empty (PS3.4 Table CC.2.5-3).
        inference: A07, the part of the execution that an engine's speed changes; all of it when it was not told.
        counted: whether its waiting is told; what came before the window only fills the queue.
    """

    arrival: int
    claim: int
    end: int
    performer: str
    engine: str = ""
    modality: str = ""
    priority: str = ""
    inference: int = 0
    counted: bool = True

    @property
    def wait(self) -> int:
        """How long it waited for its claim (A02)."""
        return self.claim - self.arrival

    @property
    def service(self) -> int:
        """How long its performer was busy with it."""
        return self.end - self.claim


@dataclass(frozen=True, slots=True)
class WorkLog:
    """The work of a window, and what is not known of it.

    Attributes:
        since, until: the window, in microseconds.
        works: all work that was in the queue or in hand within it, in order of arrival.
        down: when performers were down.
        unclaimed: workitems that nobody claimed; they wait still, or were canceled while they waited.
        unended: workitems that were claimed and have no end.
        unclear: workitems whose moments contradict each other.
    """

    since: int
    until: int
    works: tuple[Work, ...]
    down: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    unclaimed: int = 0
    unended: int = 0
    unclear: int = 0

    @property
    def worked(self) -> Span:
        """The part of the window in which work came; the window when there are no two pieces of it."""
        moments = [one.arrival for one in self.works if one.arrival >= self.since]
        first, last = min(moments, default=self.since), max(moments, default=self.until)
        return (first, last) if last > first else (self.since, self.until)

    @property
    def left_out(self) -> int:
        """How many workitems of the window cannot be simulated."""
        return self.unclaimed + self.unended + self.unclear


def read_work(connection: Connection, window: Window) -> WorkLog:
    """The work of a window. All of it fills the queue; the filters of the window choose whose waiting is told.

    Raises:
        BadInput: when there is too much of it.
    """
    chosen = Strata(connection, Window(window.since, window.until, window.filters)).wanted
    strata = {row[0]: dict(zip(STRATA, row[1:], strict=True)) for row in connection.execute(select(STRATUM))}
    asked = select(FACT.c.begin_at, FACT.c.end_at, FACT.c.performer, FACT.c.stratum, FACT.c.measured).where(
        FACT.c.level == WORKITEM,
        FACT.c.begin_at < window.until,
        or_(FACT.c.end_at >= window.since, (FACT.c.end_at.is_(None)) & (FACT.c.begin_at >= window.since)),
    )
    rows = connection.execute(asked.order_by(FACT.c.begin_at, FACT.c.key).limit(MOST_EXACT + 1)).all()
    if len(rows) > MOST_EXACT:
        raise BadInput(f"At most {MOST_EXACT} workitems can be simulated; take a shorter window.")
    values = rollups.matrix(WORKITEM, [row.measured for row in rows])
    waits = values[:, slot_of("A02")].tolist()
    inferences = values[:, slot_of("A07")].tolist()
    works: list[Work] = []
    lost: dict[str, int] = defaultdict(int)
    for row, wait, inference in zip(rows, waits, inferences, strict=True):
        claim = row.begin_at + max(wait, 0)
        if kind := _missing(wait, row.end_at, claim):
            lost[kind] += row.begin_at >= window.since
            continue
        told = strata[row.stratum]
        works.append(
            Work(
                arrival=row.begin_at,
                claim=claim,
                end=row.end_at,
                performer=row.performer,
                engine=told["engine"],
                modality=told["modality"],
                priority=told["priority"],
                inference=inference if 0 <= inference <= row.end_at - claim else row.end_at - claim,
                counted=row.begin_at >= window.since and bool(chosen[row.stratum]),
            )
        )
    return WorkLog(window.since, window.until, tuple(works), _downtimes(connection, window), **lost)


def _missing(wait: int, end: int | None, claim: int) -> str:
    """Which field of a log counts a workitem that cannot be simulated; empty when it can."""
    if wait == ORDER_ERROR or (end is not None and wait >= 0 and end < claim):
        return "unclear"
    if wait < 0 and wait != CLOCK_NOISE:
        return "unclaimed"
    return "unended" if end is None else ""


def _downtimes(connection: Connection, window: Window) -> dict[str, list[Span]]:
    codes = [code for pair in _DOWN for code in pair]
    asked = select(RESOURCE_EVENT.c.at, RESOURCE_EVENT.c.code, RESOURCE_EVENT.c.resource).where(
        RESOURCE_EVENT.c.code.in_(codes), RESOURCE_EVENT.c.at < window.until
    )
    rows = connection.execute(asked.order_by(RESOURCE_EVENT.c.at, RESOURCE_EVENT.c.event_id))
    return spans(((row.at, row.code, row.resource) for row in rows), _DOWN, (window.since, window.until))
