"""Two periods, or two versions of an engine: what is different, in words, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from actors.event_repository.dashboard.charts import Cell, Chart, Column, cell_of, drawn_unit, notes_of
from actors.event_repository.dashboard.views import View
from actors.shared.pages.words import duration
from profiles.errors import BadInput
from sole_logging.measures import MeasureQuery
from sole_logging.measures.comparing import Comparison, can_compare, compare
from sole_logging.measures.definitions import measure
from sole_logging.measures.figures import SMALLEST_GROUP
from sole_logging.measures.spread import has_values, values_of

_PERIODS = ("A11", "K12", "A02", "A07", "A14", "A20", "A21")
_VERSIONS = ("A07", "A10", "A11", "A20", "A20b", "A21")
_SHARES = np.linspace(0.05, 0.95, 19)


def queries(view: View, *names: str) -> tuple[MeasureQuery, MeasureQuery]:
    """The questions for before and after.

    Raises:
        BadInput: when two versions shall be compared and are not named.
    """
    if view.mode == "versions":
        if not (view.old and view.new):
            raise BadInput("Name the two versions that shall be compared.")
        return view.ask(*names, version=(view.old,)), view.ask(*names, version=(view.new,))
    since, until = view.before
    return replace(view.ask(*names), since=since, until=until), view.ask(*names)


def differences(connection: Connection, view: View) -> tuple[list[Chart], list[str]]:
    """The charts of a comparison, and what it says in sentences."""
    names = list(_VERSIONS if view.mode == "versions" else _PERIODS)
    chosen = view.measure if view.measure and can_compare(measure(view.measure)) else names[0]
    if chosen not in names:
        names.insert(0, chosen)
    found = compare(connection, *queries(view, *names))
    sentences = [sentence(one, view) for one in found]
    charts = [_table(found, view)]
    if has_values(measure(chosen)):
        charts.append(_curves(connection, view, chosen))
    return charts, sentences


def sides(view: View) -> tuple[str, str]:
    """What the two are called."""
    if view.mode == "versions":
        return f"version {view.old}", f"version {view.new}"
    since, until = view.before
    return f"{since:%Y-%m-%d} to {until:%Y-%m-%d}", f"{view.since:%Y-%m-%d} to {view.until:%Y-%m-%d}"


def sentence(found: Comparison, view: View) -> str:
    """A difference in words."""
    name = found.measure.name[0].upper() + found.measure.name[1:]
    new = "the new version" if view.mode == "versions" else "the later period"
    if found.difference is None or found.low is None or found.high is None:
        return f"{name}: one side has fewer than {SMALLEST_GROUP} cases, so nothing is said."
    what = "The median" if has_values(found.measure) else "The share"
    if not found.is_sure:
        return f"{name}: no difference that chance could not have made ({_between(found)})."
    if has_values(found.measure) and found.measure.unit == "us":
        more = "longer" if found.difference > 0 else "shorter"
    else:
        more = "higher" if found.difference > 0 else "lower"
    return f"{name}: {what.lower()} is {_size(found, found.difference)} {more} in {new} ({_between(found)})."


def _between(found: Comparison) -> str:
    low, high = (_signed(found, one or 0.0) for one in (found.low, found.high))
    return f"95 % confidence: between {low} and {high}"


def _signed(found: Comparison, value: float) -> str:
    return f"{'-' if value < 0 else '+'}{_size(found, value)}"


def _size(found: Comparison, value: float) -> str:
    if found.measure.unit == "us":
        return duration(abs(value) / 1e6)
    if found.measure.unit == "share":
        return f"{100 * abs(value):.1f} points"
    return cell_of(abs(value), found.measure.unit).text


def _table(found: Sequence[Comparison], view: View) -> Chart:
    old, new = sides(view)
    names = ("Measure", old, "Cases", new, "Cases", "Difference", "95 % confidence", "Beyond chance")
    rows = []
    for one in found:
        field = "median" if has_values(one.measure) else "mean"
        values = [
            cell_of(getattr(side, field), one.measure.unit, hidden=side.hidden) for side in (one.before, one.after)
        ]
        cases = [cell_of(side.count, "cases", hidden=side.hidden) for side in (one.before, one.after)]
        told = one.difference is not None
        difference = _signed(one, one.difference or 0.0) if told else "none"
        bounds = f"{_signed(one, one.low or 0.0)} to {_signed(one, one.high or 0.0)}" if told else "none"
        name = Cell(
            f"{one.measure.name} ({'median' if field == 'median' else 'share'})",
            None,
            f"distribution?{view.query(measure=one.measure.id)}",
        )
        rows.append(
            (
                name,
                values[0],
                cases[0],
                values[1],
                cases[1],
                Cell(difference),
                Cell(bounds),
                Cell("yes" if one.is_sure else "no"),
            )
        )
    notes = (
        "Confidence of medians by the bootstrap, of shares from Jeffreys' distribution.",
        *notes_of(exact=all(one.exact for one in found), as_of=None, percentiles=False)[:-1],
    )
    return Chart("differences", "Before and after", tuple(Column(one) for one in names), tuple(rows), "", notes)


def _curves(connection: Connection, view: View, name: str) -> Chart:
    """The value below which each share of the cases is, of both."""
    old, new = sides(view)
    asked = measure(name)
    sets = [values_of(connection, query)[name] for query in queries(view, name)]
    unit = drawn_unit(asked.unit)
    columns = (Column("Share of cases"), Column(old, "line", unit), Column(new, "line", unit))
    rows = []
    if all(one.count >= SMALLEST_GROUP for one in sets):
        columns_of = [one.at(_SHARES) for one in sets]
        for number, share in enumerate(_SHARES):
            cells = [cell_of(float(one[number]), asked.unit) for one in columns_of]
            rows.append((Cell(f"{100 * share:.0f} %"), *cells))
    lead = (
        "So many of the cases took at most so long."
        if asked.unit == "us"
        else "So many of the cases had at most so much."
    )
    return Chart("curves", f"{asked.name[0].upper()}{asked.name[1:]}: both sides", columns, tuple(rows), lead)
