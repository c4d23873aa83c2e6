"""``stepwell demo``."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from profiles.errors import StepwellError, Unavailable
from stepwell.cli.options import JsonOption

DEFAULT_PARENT = Path("stepwell-data")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the first study.")] = False,
    as_json: JsonOption = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where everything is written; a new folder in ./stepwell-data by default.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Break something on the way, to see the study end right: performer-killed, task-manager-killed, "
            "archive-away, repository-away, order-twice, images-late. Can be given several times."
        ),
    ] = None,
    image_manager: Annotated[
        str | None, typer.Option(help="DICOMweb base URL of a PACS to use instead of the built-in Image Manager.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Head to send: pydeface (an average of real heads) or colin27 (Debian: mricron-data).")
    ] = "pydeface",
) -> None:
    """Show the whole department on this machine: order, images, workitem, AI, results, log, pages."""
    from stepwell.demo.department import Department
    from stepwell.demo.run import Options, run_demo
    from stepwell.demo.summary import Summary, print_scorecard
    from stepwell.demo.view import ProgressView

    where = data_dir or DEFAULT_PARENT / datetime.now(UTC).strftime("demo-%Y%m%d-%H%M%S")
    console = Console(stderr=as_json)

    def stay(summary: Summary, _department: Department) -> None:
        if not once and not as_json:
            print_scorecard(summary, console, running=True)
            console.print("\nEverything runs until Ctrl-C.")
            _until_interrupted()

    _end_as_by_ctrl_c()
    options = Options(where, image_manager, tuple(fault or ()), source)
    with _faults_in_words(where), ProgressView(console) as view:
        summary = run_demo(options, view, stay)
    if as_json:
        typer.echo(json.dumps(summary.as_json(), indent=2))
    elif once:
        print_scorecard(summary, console, running=False)


@contextmanager
def _faults_in_words(where: Path) -> Iterator[None]:
    """Say why a demo ended: a full disk is the reason for whatever else was seen, and time-outs need the logs."""
    from stepwell.demo.department import is_full, unwritable

    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(1) from None
    except (StepwellError, OSError) as error:
        if is_full(where):
            raise unwritable(where, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from error
        if isinstance(error, TimeoutError):
            raise Unavailable(f"{error}. The actors' logs are in {where / 'logs'}.") from error
        raise


def _end_as_by_ctrl_c() -> None:
    """Let a demo that is told to end, or whose terminal is closed, take its actors along."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup sets it to be ignored
            signal.signal(number, signal.default_int_handler)


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
