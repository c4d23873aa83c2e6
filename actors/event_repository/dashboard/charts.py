"""Tables that can be drawn: the page shows each, its script draws the same cells, CSV holds them too. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from actors.shared.pages.words import duration
from sole_logging.measures.definitions import Measure
from sole_logging.measures.figures import SMALLEST_GROUP, Figures

_MICROSECONDS: Final = 1_000_000
_TOO_FEW = f"fewer than {SMALLEST_GROUP}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: as it is read, as it is drawn (None is a gap), and where it leads."""

    text: str
    value: float | None = None
    href: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; those that are drawn have a kind: ``line``, ``bar``."""

    name: str
    drawn: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A table, and how it is drawn.

    Attributes:
        name: in addresses.
        columns: the first names the rows.
        lead: one sentence on what it shows.
        notes: what a reader has to know of the numbers.
        empty: what to do when there is nothing to show.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    lead: str = ""
    notes: tuple[str, ...] = ()
    empty: str = "No case of this window has a value. Choose a longer window or fewer filters."

    @property
    def is_empty(self) -> bool:
        """Whether no row has anything to draw."""
        drawn = [number for number, column in enumerate(self.columns) if column.drawn]
        if not drawn:
            return not self.rows
        return all(row[number].value is None for row in self.rows for number in drawn)

    @property
    def is_drawn(self) -> bool:
        """Whether there is a picture to it."""
        return any(column.drawn for column in self.columns) and not self.is_empty

    def as_csv(self) -> str:
        """The table for other programs: durations in seconds, shares from 0 to 1."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow([f"{one.name} ({one.unit})" if one.unit else one.name for one in self.columns])
        for row in self.rows:
            writer.writerow(
                [
                    _plain(cell.text) if not column.unit else _number(cell)
                    for column, cell in zip(self.columns, row, strict=True)
                ]
            )
        return file.getvalue()


def cell_of(value: float | None, unit: str, *, hidden: bool = False, href: str = "") -> Cell:
    """A value in the unit of its measure, as a person reads it and as it is drawn (seconds, shares)."""
    if hidden:
        return Cell(_TOO_FEW, None, href)
    if value is None:
        return Cell("none", None, href)
    read, scale = _UNITS.get(unit, (_count, 1))
    return Cell(read(value / scale), value / scale, href)


def drawn_unit(unit: str) -> str:
    """The unit in which values are drawn and exported."""
    return {"us": "s", "share": "share", "B/s": "B/s", "1/h": "per hour"}.get(unit, "count")


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _rate(value: float) -> str:
    return f"{value / 1e6:.1f} MB/s"


_UNITS: dict[str, tuple[Callable[[float], str], float]] = {
    "us": (duration, _MICROSECONDS),
    "share": (_share, 1),
    "B/s": (_rate, 1),
}
#: What is told of each group, by what the measure is: heading, field of `Figures`, how it is drawn.
_TIMES = (("Median", "median", "line"), ("90 %", "p90", "line"), ("95 %", "p95", "line"), ("Longest", "maximum", ""))
_RATIOS = (("Share", "mean", "line"),)
_LEVELS = (("Mean", "mean", "line"), ("Most", "maximum", "line"))
_TOLD = {"ratio": _RATIOS, "compliance": _RATIOS, "backlog": _LEVELS, "flow": (("Per hour", "mean", "bar"),)}


def measured_chart(
    measure: Measure,
    groups: Sequence[Figures],
    heading: str,
    labels: Iterable[tuple[str, str, str]] = (),
    drawn_as: str = "",
    **told: Any,
) -> Chart:
    """The chart of one measure over groups.

    Args:
        measure: what was measured.
        groups: its figures.
        heading: what the groups are.
        labels: group, words and address of each row, in order; groups that are not there become gaps. Without labels
            the rows are the groups.
        drawn_as: ``bar`` when lines would connect what does not follow on each other.
        told: further attributes of the chart.
    """
    by_group = {one.group: one for one in groups}
    rows = tuple(labels) or tuple((one.group, one.group or "not told", "") for one in groups)
    shown = _TOLD.get(measure.kind, _TIMES)
    unit = drawn_unit(measure.unit)
    columns = [Column(heading)]
    columns += [Column(name, drawn and (drawn_as or drawn), unit) for name, _, drawn in shown]
    columns += [Column("Cases", "", "count"), Column("Left out", "", "count")]
    made = [_row(by_group.get(group), words, href, shown, measure.unit) for group, words, href in rows]
    named = {"name": measure.id, "title": measure.name[0].upper() + measure.name[1:], **told}
    return Chart(columns=tuple(columns), rows=tuple(made), **named)


def _row(
    figures: Figures | None, words: str, href: str, shown: Sequence[tuple[str, str, str]], unit: str
) -> tuple[Cell, ...]:
    one = figures or Figures(count=0)
    values = [cell_of(getattr(one, name), unit, hidden=one.hidden) for _, name, _ in shown]
    cases = cell_of(one.count, "cases", hidden=one.hidden)
    return Cell(words, None, href if one.count else ""), *values, cases, cell_of(left_out(one), "cases")


def left_out(figures: Figures) -> int | None:
    """How many cases have no value (sole.md 8.5 rules 4 and 5)."""
    if figures.hidden and figures.incomplete is None:
        return None
    return sum(one or 0 for one in (figures.incomplete, figures.pending, figures.order_error))


def notes_of(*, exact: bool, as_of: datetime | None, percentiles: bool = True) -> tuple[str, ...]:
    """What a reader has to know of numbers."""
    notes = []
    if percentiles:
        notes.append("Percentiles by linear interpolation between closest ranks.")
    if not exact:
        notes.append("Many cases: percentiles and the longest are known to 1 %, counts and means exactly.")
    notes.append(f"Groups of fewer than {SMALLEST_GROUP} cases are not shown.")
    notes.append(f"Data as of {as_of:%Y-%m-%d %H:%M:%S} UTC." if as_of else "The log is empty.")
    return tuple(notes)


def _number(cell: Cell) -> str:
    return "" if cell.value is None else f"{cell.value:.15g}"


def _plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
