"""A panel on a sheet: the frame in its window, what is drawn on it, its map with a colour bar, and its sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actors.evidence_creator.pictures.frames import Frame
from actors.evidence_creator.pictures.lettering import FONT, drawable, wrapped
from actors.evidence_creator.pictures.looks import HALO, MAP_COLOURS, MARK, stroke
from actors.evidence_creator.pictures.panels import Heat, Panel
from actors.evidence_creator.pictures.shapes import Area, Drawing, Line, Marks
from actors.evidence_creator.pictures.sheet import INNER, LEADING, MARGIN, SMALL, Block, Sheet
from actors.evidence_creator.pictures.words import number as stated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 2
_GAP = 0.15
_WIDTH = (INNER - _GAP) / _ACROSS
_HEIGHT = 2.75
_BAR = 0.75
_TITLE_LINES = 3
_FILL = 0.3
_MAP_ALPHA = 0.55
_OPPOSITE = str.maketrans("RLAPFH", "LRPAHF")


def panel_rows(panels: Sequence[Panel]) -> Iterator[Block]:
    """The panels, two in a row."""
    for first in range(0, len(panels), _ACROSS):
        row = panels[first : first + _ACROSS]
        titles = [_title(panel) for panel in row]
        words = max(len(lines) for lines in titles) * SMALL * LEADING + 0.05

        def draw(
            sheet: Sheet,
            y: float,
            row: Sequence[Panel] = row,
            titles: Sequence[Sequence[str]] = titles,
            words: float = words,
        ) -> None:
            for place, (panel, lines) in enumerate(zip(row, titles, strict=True)):
                x = MARGIN + place * (_WIDTH + _GAP)
                for number, line in enumerate(lines):
                    sheet.text(x, y + 0.08 + number * SMALL * LEADING, line, SMALL, bold=number == 0)
                _draw(sheet, panel, x, y + 0.08 + words)

        yield Block(0.08 + words + _HEIGHT + 0.05, draw)


def _title(panel: Panel) -> list[str]:
    """Which image it is, and why it is shown; cut short when that is long."""
    lines = [wrapped(panel.frame.title, SMALL, _WIDTH, bold=True)[0]]
    reasons = wrapped("; ".join(panel.reasons), SMALL, _WIDTH)
    if len(reasons) > _TITLE_LINES:
        reasons = [*reasons[: _TITLE_LINES - 1], reasons[_TITLE_LINES - 1][:-1] + "…"]
    return lines + reasons


def _draw(sheet: Sheet, panel: Panel, x: float, y: float) -> None:
    axes = sheet.axes(x, y, _WIDTH - (_BAR if panel.heat else 0), _HEIGHT)
    axes.set_gid("image")
    rows, columns = panel.frame.size
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[], aspect=panel.frame.aspect, anchor="NW")
    greys = panel.frame.greys()
    if greys is None:
        axes.set_facecolor("#4d4d4d")
        _sign(
            axes, 0.5, 0.5, "The pixels of this image are not at hand", "#ffffff", transform=axes.transAxes, ha="center"
        )
    else:
        _lay(axes, panel.frame, greys, cmap="gray", vmin=0, vmax=1)
    if panel.heat:
        _draw_map(sheet, axes, panel.frame, panel.heat, x + _WIDTH - _BAR + 0.06, y)
    for number, drawing in panel.drawings:
        _draw_thing(axes, panel.frame, number, drawing)
    _draw_sides(axes, panel.frame)


def _lay(axes: Axes, frame: Frame, values: NDArray[Any], **how: Any) -> Any:
    """An array over the whole frame, the outer corner of its first pixel at 0, 0."""
    rows, columns = frame.size
    return axes.imshow(values, extent=(0, columns, rows, 0), aspect=frame.aspect, **how)


def _draw_map(sheet: Sheet, axes: Axes, frame: Frame, heat: Heat, x: float, y: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    low, high = heat.limits
    scale = Normalize(low, high if high > low else low + 1)
    _lay(axes, frame, heat.values, alpha=_MAP_ALPHA, cmap=MAP_COLOURS, norm=scale)
    bar = sheet.axes(x, y + 0.05, 0.12, _HEIGHT - 0.1)
    sheet.figure.colorbar(ScalarMappable(scale, MAP_COLOURS), cax=bar)
    bar.tick_params(labelsize=SMALL - 1, colors=sheet.surface.ink, pad=1)
    unit = "" if heat.found.unit.value == "1" else f", {heat.found.unit.value}"
    bar.set_ylabel(
        drawable(f"{heat.found.label}: {heat.found.quantity.meaning}{unit}")[:48],
        size=SMALL - 0.5,
        color=sheet.surface.ink,
        parse_math=False,
    )
    row, column = np.unravel_index(int(heat.values.argmax()), heat.values.shape)
    axes.plot(column + 0.5, row + 0.5, marker="+", color="#ffffff", markersize=9, path_effects=_halo(3))
    _sign(axes, column + 0.5, row + 0.5, f"  {stated(heat.values.max())}", "#ffffff", va="top")


def _draw_thing(axes: Axes, frame: Frame, number: int, drawing: Drawing) -> None:
    look = stroke(number)
    match drawing:
        case Area():
            _draw_area(axes, frame, number, drawing)
            at = _within(drawing)
        case Line(points):
            line: dict[str, Any] = {"color": look.colour, "linewidth": 1.6, "linestyle": look.pattern}
            axes.plot(*points.T, **line, path_effects=_halo(3.2))
            at = (float(points[0, 0]), float(points[0, 1]))
        case Marks(points):
            axes.plot(*points.T, linestyle="none", marker=look.sign, color=look.colour, **MARK)
            at = (float(points[0, 0]), float(points[0, 1]))
    rows, columns = frame.size
    at_right, at_top = at[0] > columns * 0.9, at[1] < rows * 0.1
    aside: dict[str, Any] = {"ha": "right" if at_right else "left", "va": "top" if at_top else "bottom"}
    _sign(axes, *at, f" {number} ", look.colour, **aside)


def _draw_area(axes: Axes, frame: Frame, number: int, drawing: Area) -> None:
    from matplotlib.colors import to_rgb

    look, (rows, columns) = stroke(number), frame.size
    fill = np.empty((rows, columns, 4))
    fill[..., :3] = to_rgb(look.colour)
    fill[..., 3] = _FILL * drawing.values / drawing.values.max()
    _lay(axes, frame, fill)
    padded = np.pad(drawing.values, 1)
    across, down = np.arange(columns + 2) - 0.5, np.arange(rows + 2) - 0.5
    outline = axes.contour(
        across, down, padded, levels=[drawing.level], colors=look.colour, linewidths=1.6, linestyles=[look.pattern]
    )
    outline.set_path_effects(_halo(3.2))


def _draw_sides(axes: Axes, frame: Frame) -> None:
    right, bottom = frame.sides()
    for x, y, letters, how in (
        (0.99, 0.5, right, {"ha": "right"}),
        (0.01, 0.5, right.translate(_OPPOSITE), {"ha": "left"}),
        (0.5, 0.01, bottom, {"ha": "center", "va": "bottom"}),
        (0.5, 0.99, bottom.translate(_OPPOSITE), {"ha": "center", "va": "top"}),
    ):
        _sign(axes, x, y, letters, "#ffffff", transform=axes.transAxes, **how)


def _sign(axes: Axes, x: float, y: float, words: str, colour: str, **how: Any) -> None:
    """Words on an image, with a halo."""
    lettering = {"size": SMALL, "family": FONT, "weight": "bold", "color": colour, "va": "center", "clip_on": True}
    axes.text(x, y, words, parse_math=False, path_effects=_halo(2), **{**lettering, **how})


def _within(drawing: Area) -> tuple[float, float]:
    """The middle of the pixel that lies nearest to the middle of an area."""
    inside = np.argwhere(drawing.values >= drawing.level)
    row, column = inside[((inside - inside.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return float(column) + 0.5, float(row) + 0.5


def _halo(width: float) -> list[Any]:
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=width, foreground=HALO), Normal()]
