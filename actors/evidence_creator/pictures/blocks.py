"""The words of a picture in blocks: head, legend, findings and the table of measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from actors.evidence_creator.pictures import words as say
from actors.evidence_creator.pictures.caption import NOTE, Caption
from actors.evidence_creator.pictures.lettering import wrapped
from actors.evidence_creator.pictures.looks import HALO, MARK, stroke
from actors.evidence_creator.pictures.panels import Shown
from actors.evidence_creator.pictures.sheet import (
    BODY,
    BOTTOM,
    INNER,
    LEADING,
    MARGIN,
    SMALL,
    TITLE,
    Block,
    Sheet,
)
from profiles.air import Mark, Results, Thing

_LABELS = 1.5
_COLUMNS = (("Thing", 1.75), ("Quantity", 2.05), ("Value", 1.45), ("Normal range", 0.95), ("Normal?", 1.07))
_GAP = 0.08
_SWATCH = 0.45
_HEADING = 11.0


def head(caption: Caption, with_patient: bool) -> Iterator[Block]:
    """Title, the note that the results are not for diagnosis, and what they are tied to."""
    for line in wrapped(f"AI result: {caption.algorithm.name} {caption.algorithm.version}", TITLE, INNER, bold=True):
        yield _line(line, TITLE, bold=True)
    yield _space(0.06)
    yield Block(0.3, _note)
    for label, said in caption.lines(with_patient):
        for number, line in enumerate(wrapped(said, BODY, INNER - _LABELS)):
            yield _cells(((MARGIN, label if number == 0 else ""), (MARGIN + _LABELS, line)))


def legend(shown: Shown) -> Iterator[Block]:
    """How each drawn thing looks, two in a row."""
    if not shown.drawn:
        return
    yield heading("Legend")
    numbered = list(enumerate(shown.drawn, 1))
    half = INNER / 2
    for left in numbered[::2]:
        pair = numbered[left[0] - 1 : left[0] + 1]
        lines = [wrapped(_entry(*one), SMALL, half - _SWATCH - _GAP) for one in pair]
        yield Block(_height(lines, SMALL) + 0.03, _legend_row(pair, lines, half))


def findings(results: Results) -> Iterator[Block]:
    """What was found and what was not, in words."""
    sentences = list(say.findings(results))
    if sentences:
        yield heading("Findings")
    for sentence in sentences:
        bold = sentence == say.NOTHING_FOUND
        for line in wrapped(sentence, BODY, INNER, bold):
            yield _line(line, BODY, bold=bold)
        yield _space(0.03)


def table(results: Results, shown: Shown) -> Iterator[Block]:
    """All measurements as they were stated."""
    numbers = {thing.tracking.identifier: f"{number} " for number, thing in enumerate(shown.drawn, 1)}
    rows = [
        (numbers.get(thing.tracking.identifier, "") + thing.tracking.identifier, *say.row(measurement))
        for thing in results.things()
        for measurement in thing.measurements
    ]
    if not rows:
        return
    yield heading("Measurements")
    names = _row([name for name, _ in _COLUMNS])
    yield names
    yield from (_row(row, names) for row in rows)


def remarks(shown: Shown) -> Iterator[Block]:
    """What the picture leaves out."""
    for count, why in (
        (shown.missing, "not drawn, because the images are not at hand"),
        (shown.further, "left out, because they are too many; the coded result holds them"),
    ):
        if count:
            for line in wrapped(f"{count} place{'s are' if count > 1 else ' is'} {why}.", BODY, INNER):
                yield _line(line, BODY)


def heading(words: str) -> Block:
    """A heading, never alone at the foot of a sheet."""

    def draw(sheet: Sheet, y: float) -> None:
        sheet.text(MARGIN, y + 0.12, words, _HEADING, bold=True)

    return Block(0.12 + _HEADING * LEADING + 0.04, draw, needs=0.9)


def foot(sheet: Sheet, caption: Caption, page: int, pages: int) -> None:
    """The last lines of every sheet, so that none is read without them."""
    order = f"Accession Number {caption.accession_number or 'not known'}"
    sheet.rule(BOTTOM + 0.1)
    for number, said in enumerate((f"{NOTE}  Page {page} of {pages}", f"{order}, study {caption.study_instance_uid}")):
        line = wrapped(said, SMALL, INNER)[0]
        sheet.text(MARGIN, BOTTOM + 0.14 + number * SMALL * LEADING, line, SMALL, pale=number > 0)


def _note(sheet: Sheet, y: float) -> None:
    sheet.box(MARGIN, y, INNER, 0.24, sheet.surface.notice)
    sheet.text(MARGIN + 0.08, y + 0.05, NOTE, BODY + 0.5, bold=True)


def _line(words: str, size: float, *, bold: bool = False) -> Block:
    def draw(sheet: Sheet, y: float) -> None:
        sheet.text(MARGIN, y, words, size, bold=bold)

    return Block(size * LEADING, draw)


def _space(inches: float) -> Block:
    return Block(inches, lambda _sheet, _y: None)


def _cells(cells: Sequence[tuple[float, str]]) -> Block:
    def draw(sheet: Sheet, y: float) -> None:
        for number, (x, words) in enumerate(cells):
            sheet.text(x, y, words, BODY, pale=number == 0)

    return Block(BODY * LEADING, draw)


def _row(cells: Sequence[str], names: Block | None = None) -> Block:
    """A row of the table; the names of its columns are the row that stands below no other."""
    bold = names is None
    lines = [wrapped(cell, SMALL + 0.5, width - _GAP, bold) for cell, (_, width) in zip(cells, _COLUMNS, strict=True)]
    height = _height(lines, SMALL + 0.5) + 0.06

    def draw(sheet: Sheet, y: float) -> None:
        x = MARGIN
        for cell, (_, width) in zip(lines, _COLUMNS, strict=True):
            for number, line in enumerate(cell):
                sheet.text(x, y + 0.03 + number * (SMALL + 0.5) * LEADING, line, SMALL + 0.5, bold=bold)
            x += width
        sheet.rule(y + height)

    return Block(height, draw, needs=0.5 if bold else 0.0, again=names)


def _height(cells: Sequence[Sequence[str]], size: float) -> float:
    return max(len(lines) for lines in cells) * size * LEADING


def _legend_row(
    pair: Sequence[tuple[int, Thing]], lines: Sequence[Sequence[str]], half: float
) -> Callable[[Sheet, float], None]:
    def draw(sheet: Sheet, y: float) -> None:
        for place, ((number, thing), words) in enumerate(zip(pair, lines, strict=True)):
            x, look = MARGIN + place * half, stroke(number)
            sheet.box(x, y, _SWATCH - 0.1, 0.12, "#4d4d4d")
            ends = (x + 0.03, y + 0.06), (x + _SWATCH - 0.13, y + 0.06)
            if _is_marked(thing):
                middle = (x + (_SWATCH - 0.1) / 2, y + 0.06)
                sheet.stroke(middle, middle, color=look.colour, marker=look.sign, **MARK)
            else:
                sheet.stroke(*ends, color=HALO, linewidth=3.2)
                sheet.stroke(*ends, color=look.colour, linewidth=1.6, linestyle=look.pattern)
            for row, line in enumerate(words):
                sheet.text(x + _SWATCH, y + row * SMALL * LEADING, line, SMALL)

    return draw


def _entry(number: int, thing: Thing) -> str:
    how = stroke(number).marker if _is_marked(thing) else stroke(number).line
    return f"{number} {thing.tracking.identifier}: {_kind(thing)}, {how}"


def _kind(thing: Thing) -> str:
    if thing.segment:
        segment = thing.segment[2]
        what = f"segment {segment.label}" if segment.label != thing.tracking.identifier else "segment"
        return f"{what}, {segment.fraction.lower()} outlined at one half" if segment.fraction else what
    return "marked" if _is_marked(thing) else "line" if thing.locations else "outline"


def _is_marked(thing: Thing) -> bool:
    return any(location.mark is not Mark.LINE for location in thing.locations)
