"""A sheet of paper on which words, lines and images are placed in inches from its upper left corner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actors.evidence_creator.pictures.lettering import FONT
from actors.evidence_creator.pictures.looks import SURFACES, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 8.27, 11.69  # of A4
MARGIN = 0.5
INNER = WIDTH - 2 * MARGIN
BOTTOM = HEIGHT - 0.75
DOTS_PER_INCH = 120
BODY, SMALL, TITLE = 8.5, 7.0, 15.0
LEADING = 1.35 / 72
"""Inches from line to line, for each point of the letters' size."""
_ASCENT = 0.95


class Sheet:
    """One page.

    Args:
        look: its colours.
    """

    def __init__(self, look: Look) -> None:
        from matplotlib.figure import Figure

        self.surface = SURFACES[look]
        #: Where its last block ends.
        self.end = MARGIN
        self.figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DOTS_PER_INCH, facecolor=self.surface.paper)

    def text(self, x: float, y: float, words: str, size: float, *, bold: bool = False, pale: bool = False) -> None:
        """One line of words whose top lies at y."""
        self.figure.text(
            x / WIDTH,
            1 - (y + size * _ASCENT / 72) / HEIGHT,
            words,
            size=size,
            family=FONT,
            weight="bold" if bold else "normal",
            color=self.surface.pale if pale else self.surface.ink,
            parse_math=False,
        )

    def rule(self, y: float) -> None:
        """A thin line across the page."""
        self.stroke((MARGIN, y), (WIDTH - MARGIN, y), color=self.surface.pale, linewidth=0.4)

    def stroke(self, start: tuple[float, float], end: tuple[float, float], **style: Any) -> None:
        """A line, drawn as matplotlib's styles say."""
        from matplotlib.lines import Line2D

        across, down = [start[0] / WIDTH, end[0] / WIDTH], [1 - start[1] / HEIGHT, 1 - end[1] / HEIGHT]
        self.figure.add_artist(Line2D(across, down, **style))

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        from matplotlib.patches import Rectangle

        self.figure.add_artist(
            Rectangle((x / WIDTH, 1 - (y + height) / HEIGHT), width / WIDTH, height / HEIGHT, color=colour, linewidth=0)
        )

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """A place for an image."""
        return self.figure.add_axes((x / WIDTH, 1 - (y + height) / HEIGHT, width / WIDTH, height / HEIGHT))


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """What stays together on one sheet.

    Attributes:
        height: in inches.
        draw: places it on a sheet, with its top at y.
        needs: inches that must be left at the least for it to begin on a sheet, when more than its height: a heading
            does not stand alone at the foot.
        again: what stands above it when it is the first of a sheet: the names of the columns.
    """

    height: float
    draw: Callable[[Sheet, float], None]
    needs: float = 0.0
    again: Block | None = None


def flow(blocks: list[Block], look: Look) -> list[Sheet]:
    """The blocks one below the other on as many sheets as they need."""
    sheets, y = [Sheet(look)], MARGIN
    for block in blocks:
        if y > MARGIN and y + max(block.height, block.needs) > BOTTOM:
            sheets.append(Sheet(look))
            y = MARGIN
            if block.again:
                block.again.draw(sheets[-1], y)
                y += block.again.height
        block.draw(sheets[-1], y)
        y += block.height
        sheets[-1].end = y
    return sheets
