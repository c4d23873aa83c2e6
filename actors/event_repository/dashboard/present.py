"""What is so now: what waits, what is done, what stands still, who is heard of, and how the last day went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from actors.event_repository.dashboard.charts import Cell, Chart, Column, cell_of, left_out
from actors.event_repository.dashboard.pages import case_address, over_time
from actors.event_repository.dashboard.views import View
from actors.shared.pages.words import age
from sole_logging.measures import ask
from sole_logging.measures.figures import SMALLEST_GROUP, Figures
from sole_logging.measures.gaps import KINDS, Gap, Patience, gaps
from sole_logging.measures.present import Present

#: Kinds of gaps that say that work stands still.
_STALLED = ("never-claimed", "never-started", "never-ended")
_MOST_STALLED = 20
#: What nothing was heard of for longer is not waited for any more.
HORIZON = timedelta(days=30)
_SHARES = {
    "A14": "ready before the study was opened",
    "A20": "results accepted",
    "A20b": "results rejected",
    "A21": "workitems failed",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One number that is looked at from afar.

    Attributes:
        value, words: the number and what it is of.
        detail: one more sentence.
        tone: ``good``, ``warned``, ``failed`` or empty; there is always a word for it, too.
        href: where there is more.
    """

    value: str
    words: str
    detail: str = ""
    tone: str = ""
    href: str = ""


def tiles(found: Present, stalled: Counter[str], view: View, now: datetime) -> list[Tile]:
    """The numbers of this moment."""
    states = found.states
    late = sum(stalled[kind] for kind in _STALLED)
    alive = sum(one.received_at > now - Patience().silence for one in found.sources)
    every = len(found.sources)
    tone = "warned" if every > alive else ""
    silent = f"{every - alive} silent for a day" if every > alive else "all heard of within a day"
    return [
        Tile(str(states.get("created", 0)), "wait for a performer", "workitems made and not claimed"),
        Tile(str(states.get("claimed", 0) + states.get("started", 0)), "in progress", "claimed and not ended"),
        Tile(
            str(late),
            "stand still",
            "without a sign for an hour" if late else "nothing is late",
            "warned" if late else "",
            f"gaps?{view.query()}",
        ),
        Tile(str(found.unread), "studies to be read", "images prepared, report not signed"),
        Tile(f"{alive} of {every}", "sources alive", silent if every else "none has sent anything", tone),
    ]


def shares(connection: Connection, view: View) -> list[Tile]:
    """How the window went, in shares."""
    answer = ask(connection, view.ask(*_SHARES))
    return [_share(_SHARES[name], result.groups[0], view) for name, result in answer.results.items()]


def _share(words: str, figures: Figures, view: View) -> Tile:
    where = f"left-out?{view.query()}"
    if figures.hidden or (figures.count or 0) < SMALLEST_GROUP:
        return Tile("too few", words, f"fewer than {SMALLEST_GROUP} cases", "", where)
    out = left_out(figures)
    detail = f"of {figures.count:,}" + (f", {out:,} left out" if out else "")
    return Tile(cell_of(figures.mean, "share").text, words, detail, "", where)


def charts(connection: Connection, view: View, found: Present, now: datetime) -> tuple[list[Chart], Counter[str]]:
    """The backlog, what stands still, and who is heard of; and how many things stand still, by kind."""
    answer = ask(connection, view.ask("A25", by=view.grain))
    backlog = over_time(view, answer, "A25", name="backlog", title="AI backlog",
                        lead="Workitems that were made and had not ended: the mean and the most.")  # fmt: skip
    standing = [one for one in gaps(connection, now, since=now - HORIZON) if one.kind in _STALLED]
    return [backlog, _stalled(standing, now), _sources(found, now)], Counter(one.kind for one in standing)


def _stalled(some: list[Gap], now: datetime) -> Chart:
    columns = (Column("Workitem of"), Column("What"), Column("Last heard"), Column("Performer"))
    rows = []
    for one in sorted(some, key=lambda gap: gap.since)[:_MOST_STALLED]:
        name = one.accession or one.study or one.workitem
        heard = f"{age((now - one.since).total_seconds())} ago"
        rows.append(
            (Cell(name, None, case_address(one.workitem or name)), Cell(KINDS[one.kind]), Cell(heard), Cell(one.source))
        )
    more = f"The {_MOST_STALLED} oldest of {len(some)}." if len(some) > _MOST_STALLED else ""
    return Chart("stalled", "Stands still", columns, tuple(rows), more, (), "Nothing stands still.")


def _sources(found: Present, now: datetime) -> Chart:
    columns = (Column("Source"), Column("State"), Column("Last event came"))
    rows = []
    for one in found.sources:
        since = now - one.received_at
        state = "silent" if since > Patience().silence else "alive"
        rows.append(
            (
                Cell(one.source or "not named"),
                Cell(state),
                Cell(f"{age(since.total_seconds())} ago".replace("just now ago", "just now")),
            )
        )
    empty = "Nobody has sent an event yet. Name this repository in [stepwell.repositories] of an actor."
    return Chart("sources", "Sources", columns, tuple(rows), "", (), empty)
