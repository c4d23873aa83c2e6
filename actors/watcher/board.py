"""The worklist board: which workitems are asked for, how they are counted and ordered. Pure but for the question."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from actors.watcher.sources import Worklist
from actors.watcher.workitem import PERFORMED, PROGRESS, WorkitemView
from profiles.dicom import dicom_datetime

STATES = ("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED")
PRIORITIES = ("HIGH", "MEDIUM", "LOW")
AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
#: Workitems asked for per state; a board is for looking at, not for archives.
LIMIT = 200
_FIELDS = (PROGRESS, PERFORMED, "ReferencedRequestSequence")
_FIRST = {"IN PROGRESS": 0, "SCHEDULED": 1}


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wanted, as it stands in the address of the page. Empty is everything."""

    state: str = ""
    label: str = ""
    engine: str = ""
    priority: str = ""
    age: str = ""

    def query(self, **changes: str) -> str:
        """The query part of an address with these filters, some of them changed."""
        values = {
            "state": self.state,
            "label": self.label,
            "engine": self.engine,
            "priority": self.priority,
            "age": self.age,
        }
        return urlencode({name: value for name, value in (values | changes).items() if value})

    @property
    def any(self) -> bool:
        """Whether something is left out."""
        return bool(self.query())

    def matches(self, state: str, now: datetime) -> dict[str, str]:
        """The matching keys of one search (PS3.18 section 11.9, PS3.4 Table CC.2.5-3)."""
        found = {"ProcedureStepState": state}
        if self.label:
            found["WorklistLabel"] = self.label
        if self.engine:
            found["ScheduledWorkitemCodeSequence.CodeValue"] = self.engine
        if self.priority:
            found["ScheduledProcedureStepPriority"] = self.priority
        if self.age in AGES:
            found["ScheduledProcedureStepStartDateTime"] = f"{dicom_datetime(now - AGES[self.age])}-"
        return found


@dataclass(frozen=True, slots=True)
class Board:
    """What the board shows.

    Attributes:
        rows: workitems, those in work first, then the waiting, then the finished; the newest first among each.
        counts: by state, under all filters but the state's.
        full: states of which there are more than were asked for.
        labels: worklist labels that can be chosen.
        engines: procedures that can be chosen: code value and meaning.
        late: workitems that have waited too long.
    """

    rows: tuple[WorkitemView, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    full: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    engines: tuple[tuple[str, str], ...] = ()
    late: int = 0


def board(worklist: Worklist, filters: Filters, now: datetime, late_seconds: float) -> Board:
    """Ask for the workitems of each state and lay them out.

    Raises:
        Unavailable: when the Task Manager is away.
    """
    by_state = {
        state: [WorkitemView.read(one) for one in worklist.search(filters.matches(state, now), LIMIT, _FIELDS)]
        for state in STATES
    }
    everything = [one for found in by_state.values() for one in found]
    shown = by_state.get(filters.state, []) if filters.state else everything
    engines = {one.code_value: one.code for one in everything if one.code_value}
    if filters.engine:
        engines.setdefault(filters.engine, filters.engine)
    labels = {one.worklist_label for one in everything if one.worklist_label} | (
        {filters.label} if filters.label else set()
    )
    return Board(
        rows=tuple(sorted(shown, key=_place)),
        counts={state: len(found) for state, found in by_state.items()},
        full=tuple(state for state, found in by_state.items() if len(found) >= LIMIT),
        labels=tuple(sorted(labels)),
        engines=tuple(sorted(engines.items(), key=lambda pair: pair[1])),
        late=sum((one.waits(now) or 0) > late_seconds for one in by_state["SCHEDULED"]),
    )


def _place(view: WorkitemView) -> tuple[int, float, str]:
    newest = -view.scheduled.timestamp() if view.scheduled else 0.0
    return _FIRST.get(view.state, len(_FIRST)), newest, view.uid
