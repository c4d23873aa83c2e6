"""The pages that look back: efficiency, distribution, failures, gaps, and what was left out. From facts to charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from actors.event_repository.dashboard.charts import Cell, Chart, Column, cell_of, drawn_unit, measured_chart, notes_of
from actors.event_repository.dashboard.views import View
from profiles.errors import BadInput
from sole_logging.measures import Figures, MeasureAnswer, ask
from sole_logging.measures.definitions import STRATA, Measure, measure, measures
from sole_logging.measures.entry import moment_of
from sole_logging.measures.figures import SMALLEST_GROUP
from sole_logging.measures.gaps import KINDS, Gap, gaps
from sole_logging.measures.spread import Example, has_values, longest, values_of
from sole_logging.measures.standing import spans_of

_MOST_ENGINES = 8
_MOST_GAPS = 100
#: Measures over time: title, and what is better.
_OVER_TIME = {
    "A11": "From images available to result available. Less is better.",
    "K12": "From the end of the exam to the signed report. Less is better.",
    "A14": "Results that were there before anybody opened the study. More is better.",
    "A02": "How long workitems waited until a performer claimed them. Less is better.",
}
_S, _MIN, _H, _D = 1, 60, 3600, 86400
#: Edges of durations that people count by, in seconds.
_EDGES = (
    0,
    *(one * _S for one in (1, 2, 3, 5, 7, 10, 15, 20, 30, 45)),
    *(one * _MIN for one in (1, 2, 3, 5, 7, 10, 15, 20, 30, 45)),
    *(one * _H for one in (1, 2, 3, 4, 6, 8, 12, 18)),
    *(one * _D for one in (1, 2, 3, 4, 7, 14, 30)),
)
_NEVER = 1e18
_RARE = f"Other reasons, each fewer than {SMALLEST_GROUP}"
_OF_CASES = frozenset({"interval", "ratio", "throughput", "compliance", "latency"})
#: What the measure page offers first.
USUAL = "A11"


def efficiency(connection: Connection, view: View) -> list[Chart]:
    """Times and shares over time, then inference by engine and version."""
    answer = ask(connection, view.ask(*_OVER_TIME, by=view.grain))
    charts = [over_time(view, answer, name, lead=lead) for name, lead in _OVER_TIME.items()]
    return [*charts, _by_engine(connection, view)]


def over_time(view: View, answer: MeasureAnswer, asked: str, **told: Any) -> Chart:
    """The chart of a measure by spans of time; spans without cases are gaps."""
    result = answer.results[asked]
    by = answer.query.by
    labels = []
    for since, until, label in spans_of(answer.query.window):
        part = view.narrowed(moment_of(since), moment_of(until), measure=asked)
        labels.append((label, label.replace("T", " ").replace("Z", ""), f"distribution?{part}"))
    is_time = result.measure.unit == "us" and has_values(result.measure)
    notes = notes_of(exact=result.exact, as_of=answer.data_as_of, percentiles=is_time)
    heading = f"{by.capitalize()} (UTC)" if by != "week" else "Week from (UTC)"
    return measured_chart(result.measure, result.groups, heading, labels, notes=notes, **told)


def _by_engine(connection: Connection, view: View) -> Chart:
    """Inference time by engine, and by version of each."""
    engines = ask(connection, view.ask("A07", by="engine"))
    labels: list[tuple[str, str, str]] = []
    groups: list[Figures] = []
    exact = engines.exact
    for one in engines.results["A07"].groups[:_MOST_ENGINES]:
        versions = ask(connection, view.ask("A07", by="version", engine=(one.group,))).results["A07"]
        exact = exact and versions.exact
        for version in versions.groups:
            words = f"{one.group or 'engine not told'} {version.group or 'version not told'}"
            chosen = {"engine": (one.group,), "version": (version.group,), "measure": "A07"}
            labels.append((words, words, f"distribution?{view.query(**chosen)}"))
            groups.append(replace(version, group=words))
    return measured_chart(
        measure("A07"),
        groups,
        "Engine and version",
        labels,
        drawn_as="bar",
        title="Inference time by engine and version",
        lead="Pure compute, from the start of the inference to its end. Less is better.",
        notes=notes_of(exact=exact, as_of=engines.data_as_of),
    )


def distribution(connection: Connection, view: View) -> list[Chart]:
    """How the values of one measure are spread, by what, and its longest cases."""
    asked = measure(view.measure or USUAL)
    by = view.by if view.by in STRATA else "modality"
    answer = ask(connection, view.ask(asked.id, by=by))
    result = answer.results[asked.id]
    labels = [
        (one.group, one.group or "not told", f"distribution?{view.query(**{by: (one.group,)})}")
        for one in result.groups
    ]
    groups = measured_chart(
        asked, result.groups, f"By {by}", labels, drawn_as="bar", name="groups", title=f"{_begun(asked.name)} by {by}",
        notes=notes_of(exact=result.exact, as_of=answer.data_as_of),
    )  # fmt: skip
    if not has_values(asked):
        return [groups]
    return [_histogram(connection, view, asked, answer.data_as_of), groups, _outliers(connection, view, asked)]


def _histogram(connection: Connection, view: View, asked: Measure, as_of: datetime | None) -> Chart:
    values = values_of(connection, view.ask(asked.id))[asked.id]
    columns = (Column(asked.name), Column("Cases", "bar", "count"), Column("Up to here", "line", "share"))
    rows: list[tuple[Cell, ...]] = []
    if values.count >= SMALLEST_GROUP:
        edges, words = _edges(values.numbers, asked)
        numbers = values.between(edges)
        upto = np.cumsum(numbers) / values.count
        rows = [
            (Cell(name), Cell(f"{number:,}", float(number)), Cell(f"{100 * share:.1f} %", float(share)))
            for name, number, share in zip(words, numbers.tolist(), upto.tolist(), strict=True)
        ]
    lead = f"How many cases took how long, {asked.formula}." if asked.unit == "us" else asked.formula
    notes = notes_of(exact=values.exact, as_of=as_of, percentiles=False)
    return Chart("spread", f"{_begun(asked.name)}: distribution", columns, tuple(rows), lead, notes)


def _edges(numbers: NDArray[np.float64], asked: Measure) -> tuple[NDArray[np.float64], list[str]]:
    """Edges that people count by, from the one below the least value to the one above the greatest."""
    if asked.unit != "us":
        edges = np.unique(np.concatenate([np.geomspace(max(numbers[0], 1.0), numbers[-1] + 1, 13), [numbers[-1] + 1]]))
        edges[0] = min(edges[0], numbers[0])
        unit = asked.unit
        return edges, [f"from {cell_of(low, unit).text}" for low in edges[:-1].tolist()]
    every = np.array([*(-1e6 * one for one in reversed(_EDGES[1:])), *(1e6 * one for one in _EDGES)])
    if numbers[0] >= 0:
        every = every[every >= 0]
    first = max(0, int(np.searchsorted(every, numbers[0], side="right")) - 1)
    last = min(len(every) - 1, int(np.searchsorted(every, numbers[-1], side="right")))
    edges = every[first : last + 1].copy()
    words = [f"{_brief(low)} to {_brief(high)}" for low, high in pairwise(edges.tolist())]
    if numbers[-1] >= every[-1]:
        edges = np.concatenate([edges, [_NEVER]])
        words.append(f"from {_brief(every[-1])}")
    if numbers[0] < every[0]:
        edges[0], words[0] = -_NEVER, f"up to {_brief(edges[1])}"
    return edges, words


def _brief(microseconds: float) -> str:
    sign, seconds = ("-" if microseconds < 0 else ""), abs(microseconds) / 1e6
    for size, unit in ((_D, "d"), (_H, "h"), (_MIN, "min"), (_S, "s")):
        if seconds >= size:
            return f"{sign}{seconds / size:.0f} {unit}"
    return "0"


def _outliers(connection: Connection, view: View, asked: Measure) -> Chart:
    found, since = longest(connection, view.ask(asked.id))
    notes = () if since <= view.since else (f"Looked for among the newest cases, from {since:%Y-%m-%d %H:%M} UTC on.",)
    value = Column("Took" if asked.unit == "us" else "Value", "", drawn_unit(asked.unit))
    columns = (Column("Case"), value, Column("When (UTC)"), Column("State"), Column("Performer"))
    return Chart(
        "outliers",
        "Longest cases" if asked.unit == "us" else "Greatest values",
        columns,
        tuple(_example(one, asked) for one in found),
        "Each leads to the timeline of its study.",
        notes,
        f"There are fewer than {SMALLEST_GROUP} cases in this window; single ones are not shown then.",
    )


def _example(one: Example, asked: Measure) -> tuple[Cell, ...]:
    name = one.accession or one.study or one.key
    when = Cell(f"{one.at:%Y-%m-%d %H:%M:%S}")
    value = cell_of(one.value, asked.unit)
    return Cell(name, None, case_address(one.key or name)), value, when, Cell(one.state), Cell(one.performer)


def _begun(words: str) -> str:
    """Words as the beginning of a sentence."""
    return words[0].upper() + words[1:]


def case_address(name: str) -> str:
    """The page of one study."""
    return f"case/{quote(name, safe='')}"


def failures(connection: Connection, view: View) -> list[Chart]:
    """Why workitems failed or were canceled, when, and whose."""
    reasons = ask(connection, view.ask("A21", "A22", by="reason"))
    whole = ask(connection, view.ask("A21", "A22"))
    titles = {"A21": "Failed, by reason", "A22": "Canceled on request, by reason"}
    charts = [_pareto(reasons, whole.results[name].groups, name, title) for name, title in titles.items()]
    times = ask(connection, view.ask("A21", "A23", by=view.grain))
    leads = {"A21": "Of the workitems that ended.", "A23": "Of the inferences that ended."}
    charts += [over_time(view, times, name, lead=lead) for name, lead in leads.items()]
    engines = ask(connection, view.ask("A21", by="engine"))
    labels = [
        (one.group, one.group or "not told", f"failures?{view.query(engine=(one.group,))}")
        for one in engines.results["A21"].groups
    ]
    notes = notes_of(exact=engines.exact, as_of=engines.data_as_of, percentiles=False)
    title = "Workitems failed by engine"
    groups = engines.results["A21"].groups
    told = {"name": "engines", "title": title, "notes": notes}
    return [*charts, measured_chart(measure("A21"), groups, "Engine", labels, drawn_as="bar", **told)]


def _pareto(answer: MeasureAnswer, whole: Sequence[Figures], name: str, title: str) -> Chart:
    """The reasons, the most frequent first, and what share of all they are together."""
    groups = answer.results[name].groups
    told = [(one.group, one.total) for one in groups if one.group and one.total and one.total >= SMALLEST_GROUP]
    told.sort(key=lambda pair: (-pair[1], pair[0]))
    every = sum(one.total or 0 for one in whole)
    rest = every - sum(number for _, number in told)
    if rest >= SMALLEST_GROUP:
        told.append((_RARE, rest))
    upto = 0.0
    rows = []
    for reason, number in told:
        upto += number
        share = Cell(f"{100 * upto / every:.1f} %", upto / every)
        rows.append((Cell(reason_words(reason)), cell_of(number, "cases"), share))
    columns = (Column("Reason"), Column("Workitems", "bar", "count"), Column("Up to here", "line", "share"))
    notes = notes_of(exact=True, as_of=answer.data_as_of, percentiles=False)
    empty = f"There were fewer than {SMALLEST_GROUP} of these in the window."
    return Chart(f"pareto-{name}", title, columns, tuple(rows), "The most frequent reason first.", notes, empty)


def reason_words(reason: str) -> str:
    """A reason as people read it: its meaning and its code, where the code is known (PS3.16 CID 9300)."""
    from profiles.dicom import code

    try:
        return f"{code('DCM', reason).meaning} ({reason})"
    except KeyError:
        return reason


def gap_charts(connection: Connection, view: View) -> list[Chart]:
    """What should have happened and did not."""
    found = gaps(connection, view.until, since=view.since, limit=_MOST_GAPS)
    charts = []
    for kind, words in KINDS.items():
        some = [one for one in found if one.kind == kind]
        if some:
            charts.append(_gap_chart(kind, words, some))
    return charts


def _gap_chart(kind: str, words: str, some: Sequence[Gap]) -> Chart:
    columns = (Column("What"), Column("Last heard (UTC)"), Column("Performer or source"))
    rows = []
    for one in some:
        name = one.accession or one.study or one.workitem
        href = case_address(one.workitem or name) if name else ""
        rows.append((Cell(name or one.source, None, href), Cell(f"{one.since:%Y-%m-%d %H:%M:%S}"), Cell(one.source)))
    more = "There are more; these are the oldest." if len(some) == _MOST_GAPS else ""
    lead = f"{len(some)} of them. {more}".strip()
    return Chart(kind, _begun(words), columns, tuple(rows), lead)


def left_out_chart(connection: Connection, view: View) -> Chart:
    """For each measure how many cases have a value, and how many have none and why."""
    columns = [Column("Measure"), Column("Formula")]
    columns += [Column(name, "", "count") for name in ("Cases", "Pending", "Incomplete", "Order error", "Clock noise")]
    columns.append(Column("Left out", "", "share"))
    answers = list(_each(connection, view))
    rows = tuple(row for answer in answers for name in answer.results for row in _left_out_rows(answer, name))
    as_of = next((one.data_as_of for one in answers), None)
    notes = notes_of(exact=True, as_of=as_of, percentiles=False)
    return Chart("left-out", "Cases left out, and why", tuple(columns), rows, "", notes)


def _each(connection: Connection, view: View) -> Iterator[MeasureAnswer]:
    """All measures of which cases have values; those that a window is too large for are passed over."""
    names = [name for name, one in measures().items() if one.kind in _OF_CASES]
    yield ask(connection, view.ask(*names))
    try:
        yield ask(connection, view.ask("A30"))
    except BadInput:
        return


def _left_out_rows(answer: MeasureAnswer, name: str) -> Iterator[tuple[Cell, ...]]:
    asked = measure(name)
    for one in answer.results[name].groups[:1]:
        out = sum(part or 0 for part in (one.pending, one.incomplete, one.order_error))
        every = out + (one.count or 0)
        told = (one.count, one.pending, one.incomplete, one.order_error, one.clock_noise)
        counts = [cell_of(value, "cases", hidden=one.hidden and value is None) for value in told]
        share = cell_of(out / every if every and not one.hidden else None, "share")
        yield Cell(f"{name} {asked.name}"), Cell(asked.formula), *counts, share
