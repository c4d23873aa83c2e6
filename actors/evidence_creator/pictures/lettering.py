"""Words as they can be drawn: in lines of a width, and with a sign in place of each that the font has not.

The font is DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic are
drawn, Chinese, Japanese, Korean, Thai and the scripts of India are not.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

FONT = "DejaVu Sans"
#: In place of each sign that cannot be drawn.
UNKNOWN = "▯"
_INCH = 72


def drawable(words: str) -> str:
    """The words with a visible sign in place of each that the font cannot draw."""
    return "".join(sign if sign == "\n" or ord(sign) in _charmap() else UNKNOWN for sign in _composed(words))


def wrapped(words: str, size: float, inches: float, bold: bool = False) -> list[str]:
    """Words in lines that are no wider than so many inches; what is longer than a line is broken.

    Args:
        words: with line ends where a line must end.
        size: of the letters, in points.
        inches: the width.
        bold: whether the letters are.
    """
    return [line for paragraph in drawable(words).splitlines() for line in _lines(paragraph, size, inches, bold)] or [
        ""
    ]


def width(words: str, size: float, bold: bool = False) -> float:
    """The width of some words in inches."""
    return _points(words, bold) * size / 10 / _INCH


def _lines(paragraph: str, size: float, inches: float, bold: bool) -> Iterator[str]:
    line = ""
    for word in paragraph.split():
        longer = f"{line} {word}".strip()
        if width(longer, size, bold) <= inches:
            line = longer
            continue
        if line:
            yield line
        line = word
        while width(line, size, bold) > inches:
            counts = range(len(line) - 1, 0, -1)
            fits = next((count for count in counts if width(line[:count], size, bold) <= inches), 1)
            yield line[:fits]
            line = line[fits:]
    yield line


def _composed(words: str) -> str:
    return unicodedata.normalize("NFC", words.replace("\r\n", "\n").replace("\t", " "))


@cache
def _charmap() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(FONT, fallback_to_default=False)).get_charmap())


@lru_cache(maxsize=4096)
def _points(words: str, bold: bool) -> float:
    """The width of words in letters of 10 points."""
    return float(_measure()(words, _letters(bold), ismath=False)[0])


@cache
def _measure() -> Any:
    from matplotlib.textpath import TextToPath

    return TextToPath().get_text_width_height_descent


@cache
def _letters(bold: bool) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=FONT, size=10, weight="bold" if bold else "normal")
