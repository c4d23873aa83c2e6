"""A panel on a sheet: the frame in its window, what is drawn on it, its map with a colour bar, and its sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from actors.evidence_creator.pictures.frames import Frame
from actors.evidence_creator.pictures.lettering import FONT, wrapped
from actors.evidence_creator.pictures.looks import HALO, MAP_COLOURS, MARK, stroke
from actors.evidence_creator.pictures.panels import Heat, Panel
from actors.evidence_creator.pictures.shapes import Area, Drawing, Line, Marks
from actors.evidence_creator.pictures.sheet import INNER, LEADING, MARGIN, SMALL, Block, Sheet
from actors.evidence_creator.pictures.words import in_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 0.15
_ABOVE = 0.08
_BAR = 0.75
_TITLE_LINES = 3
_FILL = 0.3
_UNSEEN = 0.3
_MAP_ALPHA = 0.55
_OPPOSITE = str.maketrans("RLAPFH", "LRPAHF")


class _Grid(NamedTuple):
    """How many panels stand in a row, and how wide and high their images may be, in inches."""

    across: int
    width: float
    height: float


_LARGE = _Grid(2, (INNER - _GAP) / 2, 2.75)
_SMALL = _Grid(3, (INNER - 2 * _GAP) / 3, 2.2)
_MOST_LARGE = 4


def panel_rows(panels: Sequence[Panel]) -> Iterator[Block]:
    """The panels in rows; many are smaller than few."""
    grid = _LARGE if len(panels) <= _MOST_LARGE else _SMALL
    for first in range(0, len(panels), grid.across):
        yield _row(panels[first : first + grid.across], grid)


def _row(panels: Sequence[Panel], grid: _Grid) -> Block:
    titles = [_title(panel, grid) for panel in panels]
    words = _ABOVE + max(len(lines) for lines in titles) * SMALL * LEADING + 0.05

    def draw(sheet: Sheet, y: float) -> None:
        for place, (panel, lines) in enumerate(zip(panels, titles, strict=True)):
            x = MARGIN + place * (grid.width + _GAP)
            for number, line in enumerate(lines):
                sheet.text(x, y + _ABOVE + number * SMALL * LEADING, line, SMALL, bold=number == 0)
            _draw(sheet, panel, (x, y + words), grid)

    return Block(words + grid.height + 0.05, draw)


def _title(panel: Panel, grid: _Grid) -> list[str]:
    """Which image it is, and why it is shown; cut short when that is long."""
    lines = [wrapped(panel.frame.title, SMALL, grid.width, bold=True)[0]]
    reasons = wrapped("; ".join(panel.reasons), SMALL, grid.width)
    if len(reasons) > _TITLE_LINES:
        reasons = [*reasons[: _TITLE_LINES - 1], reasons[_TITLE_LINES - 1][:-1] + "…"]
    return lines + reasons


def _draw(sheet: Sheet, panel: Panel, corner: tuple[float, float], grid: _Grid) -> None:
    axes = sheet.axes(*corner, grid.width - (_BAR if panel.heat else 0), grid.height)
    rows, columns = panel.frame.size
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[], aspect=panel.frame.aspect, anchor="NW")
    greys = panel.frame.greys()
    _lay(axes, panel.frame, _filled(np.full((rows, columns), _UNSEEN) if greys is None else greys, panel))
    if greys is None:
        centred = {"transform": axes.transAxes, "ha": "center"}
        _sign(axes, 0.5, 0.5, "The pixels of this image are not at hand", "#ffffff", **centred)
    if panel.heat:
        _draw_map(axes, panel.frame, panel.heat)
        _draw_bar(sheet, panel.heat, (corner[0] + grid.width - _BAR + 0.06, corner[1] + 0.05), grid.height - 0.1)
    for number, drawing in panel.drawings:
        _draw_thing(axes, panel.frame, number, drawing)
    _draw_sides(axes, panel.frame)


def _filled(greys: NDArray[np.float64], panel: Panel) -> NDArray[np.uint8]:
    """The image as red, green and blue, its areas tinted with the colours of their things."""
    from matplotlib.colors import to_rgb

    shown = np.array(greys if greys.ndim == 3 else greys[..., None].repeat(3, axis=-1), dtype=np.float32)  # noqa: PLR2004
    for number, drawing in panel.drawings:
        if isinstance(drawing, Area):
            share = _FILL * drawing.values[..., None].astype(np.float32) / float(drawing.values.max())
            shown += share * (np.array(to_rgb(stroke(number).colour), dtype=np.float32) - shown)
    return np.rint(shown * 255).astype(np.uint8)


def _lay(axes: Axes, frame: Frame, values: NDArray[Any], **how: Any) -> Any:
    """An array over the whole frame, the outer corner of its first pixel at 0, 0."""
    rows, columns = frame.size
    return axes.imshow(values, extent=(0, columns, rows, 0), aspect=frame.aspect, **how)


def _draw_map(axes: Axes, frame: Frame, heat: Heat) -> None:
    _lay(axes, frame, heat.values, alpha=_MAP_ALPHA, cmap=MAP_COLOURS, norm=_scale(heat))
    row, column = np.unravel_index(int(heat.values.argmax()), heat.values.shape)
    axes.plot(column + 0.5, row + 0.5, marker="+", color="#ffffff", markersize=9, path_effects=_halo(3))


def _draw_bar(sheet: Sheet, heat: Heat, corner: tuple[float, float], height: float) -> None:
    """The colours of a map with their values."""
    from matplotlib.cm import ScalarMappable

    bar = sheet.axes(*corner, 0.12, height)
    sheet.figure.colorbar(ScalarMappable(_scale(heat), MAP_COLOURS), cax=bar)
    bar.tick_params(labelsize=SMALL - 1, colors=sheet.surface.ink, pad=1)
    words = wrapped(
        f"{heat.found.label}: {heat.found.quantity.meaning}{in_unit(heat.found.unit)}", SMALL - 0.5, height
    )[0]
    bar.set_ylabel(words, size=SMALL - 0.5, color=sheet.surface.ink, parse_math=False)


def _scale(heat: Heat) -> Any:
    from matplotlib.colors import Normalize

    low, high = heat.limits
    return Normalize(low, high if high > low else low + 1)


def _draw_thing(axes: Axes, frame: Frame, number: int, drawing: Drawing) -> None:
    look = stroke(number)
    match drawing:
        case Area():
            _draw_outline(axes, number, drawing)
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


def _draw_outline(axes: Axes, number: int, drawing: Area) -> None:
    look = stroke(number)
    rows, columns = (np.flatnonzero(drawing.values.any(axis=axis)) for axis in (1, 0))
    top, left = rows[0], columns[0]
    part = np.pad(drawing.values[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.float32), 1)
    outline = axes.contour(
        np.arange(part.shape[1]) + left - 0.5,
        np.arange(part.shape[0]) + top - 0.5,
        part,
        levels=[drawing.level],
        colors=look.colour,
        linewidths=1.6,
        linestyles=[look.pattern],
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
