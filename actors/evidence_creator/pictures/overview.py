"""A result at one sight: its images with what was found on them, legend, findings, numbers, and who says so."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from actors.evidence_creator.pictures import blocks
from actors.evidence_creator.pictures.caption import Caption
from actors.evidence_creator.pictures.frames import Frames
from actors.evidence_creator.pictures.images import panel_rows
from actors.evidence_creator.pictures.lettering import FONT, drawable
from actors.evidence_creator.pictures.looks import Look
from actors.evidence_creator.pictures.panels import choose
from actors.evidence_creator.pictures.sheet import BOTTOM, DOTS_PER_INCH, HEIGHT, Sheet, flow
from profiles.air import ImageReference, Results

_ONE_AT_A_TIME = threading.RLock()
"""matplotlib is not made for several threads."""


class Form(StrEnum):
    """What kind of file a picture becomes."""

    PNG = "png"
    PDF = "pdf"


class Overview:
    """The sheets of one result; equal results on equal images give equal bytes.

    Args:
        results: what was found.
        images: those that the results refer to, with their pixels; what is not at hand is not drawn, and said.
        caption: what stands at the head.
        look: for which surface.
        with_patient: whether name and identifier of the patient are drawn.
    """

    def __init__(
        self,
        results: Results,
        images: Sequence[Dataset],
        caption: Caption,
        *,
        look: Look = Look.PRINT,
        with_patient: bool = False,
    ) -> None:
        shown = choose(results, Frames(images))
        self._caption = caption
        #: The frames that are shown, as results refer to them.
        self.shown: tuple[ImageReference, ...] = tuple(
            {panel.frame.key: panel.frame.reference for panel in shown.panels}.values()
        )
        with _style():
            self._sheets: list[Sheet] = flow(
                [
                    *blocks.head(caption, with_patient),
                    *panel_rows(shown.panels),
                    *blocks.remarks(shown),
                    *blocks.legend(shown),
                    *blocks.findings(results),
                    *blocks.table(results, shown),
                ],
                look,
            )
            for page, sheet in enumerate(self._sheets, 1):
                blocks.foot(sheet, caption, page, len(self._sheets))

    def pages(self) -> tuple[NDArray[np.uint8], ...]:
        """The pixels of each page, shape (rows, columns, 3)."""
        return tuple(_pixels(sheet) for sheet in self._sheets)

    def png(self) -> bytes:
        """All pages one below the other, the last one without what is empty of it."""
        from PIL import Image

        pages = np.concatenate(self.pages())
        empty = slice(*(round((inches - HEIGHT) * DOTS_PER_INCH) for inches in (self._sheets[-1].end, BOTTOM)))
        shown = np.delete(pages, np.arange(len(pages))[empty], axis=0)
        content = io.BytesIO()
        Image.fromarray(shown).save(content, "PNG", compress_level=9, dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
        return content.getvalue()

    def pdf(self) -> bytes:
        """A page each, with words that can be searched."""
        from matplotlib.backends.backend_pdf import PdfPages

        title = drawable(f"AI result: {self._caption.algorithm.name} {self._caption.algorithm.version}")
        content = io.BytesIO()
        with _style(), PdfPages(content, metadata={"Title": title, "CreationDate": None}) as document:
            for sheet in self._sheets:
                document.savefig(sheet.figure)
        return content.getvalue()


def draw_overview(
    results: Results,
    images: Sequence[Dataset],
    caption: Caption,
    *,
    form: Form = Form.PNG,
    look: Look = Look.PRINT,
    with_patient: bool = False,
) -> bytes:
    """A picture of a result, as a file.

    Args:
        results: what was found.
        images: those that the results refer to, with their pixels.
        caption: what stands at the head; ``caption_of(context, algorithm)`` makes it.
        form: PNG or PDF.
        look: for which surface.
        with_patient: whether name and identifier of the patient are drawn.
    """
    overview = Overview(results, images, caption, look=look, with_patient=with_patient)
    return overview.png() if form is Form.PNG else overview.pdf()


def _pixels(sheet: Sheet) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with _style():
        canvas: Any = FigureCanvasAgg(sheet.figure)
        canvas.draw()
        drawn: NDArray[np.uint8] = np.array(canvas.buffer_rgba(), dtype=np.uint8)[..., :3]
        return drawn


@contextmanager
def _style() -> Iterator[Any]:
    """Matplotlib as it comes, whatever the user has set, with letters that a PDF reader can search."""
    from matplotlib import style

    with _ONE_AT_A_TIME, style.context(["default", {"font.family": FONT, "pdf.fonttype": 42}]):
        yield
