"""What the demo shows while it works: a live list in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table


class ProgressView:
    """The stages of the walk, each with its time.

    Args:
        console: where to draw; not a terminal means one plain line per stage.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=False) if console.is_terminal else None
        self._start = time.monotonic()
        self._rows: list[tuple[str, str, float]] = []

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.update(self._table(done=error is None))
            self._live.stop()

    def __call__(self, stage: str, words: str) -> None:
        """Show a stage; the same stage again replaces its words."""
        now = time.monotonic() - self._start
        known = self._rows and self._rows[-1][0] == stage
        if known:
            stage_start = self._rows[-1][2]
            changed = self._rows[-1][1] != words
            self._rows[-1] = (stage, words, stage_start)
        else:
            changed = True
            self._rows.append((stage, words, now))
        if self._live:
            self._live.update(self._table(done=False))
        elif changed:
            self._console.print(f"{now:7.1f} s  {stage:12} {words}", soft_wrap=True, highlight=False)

    def _table(self, done: bool) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False)
        for number, (stage, words, start) in enumerate(self._rows):
            last = number == len(self._rows) - 1 and not done
            mark = Spinner("dots") if last else "[green]✓[/]"
            table.add_row(mark, f"{start:6.1f} s", f"[bold]{stage}[/]", words)
        return table
