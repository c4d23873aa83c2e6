"""Colours and lines that people with colour vision deficiency, and black-and-white printers, tell apart, too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: Orange, sky blue, bluish green, yellow, blue, vermillion and reddish purple of Okabe and Ito.
PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
DASHES: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("solid", ()),
    ("dashed", (4, 2)),
    ("dotted", (1, 1.5)),
    ("dash-dotted", (5, 1.5, 1, 1.5)),
)
MARKERS = (
    ("circle", "o"),
    ("square", "s"),
    ("triangle", "^"),
    ("diamond", "D"),
    ("hanging triangle", "v"),
    ("plus", "P"),
    ("cross", "X"),
)
#: Drawn under each line and sign on an image, so that it is seen on bright and on dark tissue.
HALO = "#000000"
#: How the sign of a marked point is drawn.
MARK: dict[str, Any] = {"markersize": 5, "markeredgecolor": HALO, "markeredgewidth": 0.8}
#: Even in lightness, and the same to people with colour vision deficiency.
MAP_COLOURS = "cividis"


class Look(StrEnum):
    """For which surface a picture is made."""

    PRINT = "print"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Surface:
    """The colours of a page.

    Attributes:
        paper: the ground.
        ink: words.
        pale: lines between rows, and words of less weight.
        notice: the ground of the note that the results are not for diagnosis.
    """

    paper: str
    ink: str
    pale: str
    notice: str


SURFACES = {
    Look.PRINT: Surface(paper="#ffffff", ink="#111111", pale="#555555", notice="#f0e442"),
    Look.DARK: Surface(paper="#16191d", ink="#f2f2f2", pale="#b0b4ba", notice="#5c4a00"),
}


@dataclass(frozen=True, slots=True)
class Stroke:
    """How one thing is drawn: its colour, and for those who do not see the colour its line and its marker."""

    colour: str
    line: str
    dashes: tuple[float, ...]
    marker: str
    sign: str

    @property
    def pattern(self) -> tuple[float, tuple[float, ...] | None]:
        """The line as matplotlib takes it: where it begins, and its dashes."""
        return 0.0, self.dashes or None


def stroke(number: int) -> Stroke:
    """The stroke of the thing with a number, from 1; the first 28 differ, and neighbours do so in both ways."""
    line, dashes = DASHES[(number - 1) % len(DASHES)]
    turn = (number - 1) % len(PALETTE)
    return Stroke(PALETTE[turn], line, dashes, *MARKERS[turn])
