"""The ``stepwell`` command (exit status 0 good, 1 finding or failure, 2 usage)."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

import typer

from actors.shared.logs import configure_logging
from profiles.errors import BadInput, StepwellError
from stepwell.cli import (
    administration,
    asking,
    benchmarks,
    conform,
    demonstration,
    orders,
    outgoing,
    requesting,
    results,
    rules,
    running,
    sole,
    statement,
    whatif,
    worklist,
)

FAILURE, USAGE = 1, 2

app = typer.Typer(
    name="stepwell",
    help="Open IHE actor suite for imaging AI: HL7 order in, UPS workitem, AI result (SEG, SR), SOLE log.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (
    demonstration,
    running,
    worklist,
    asking,
    orders,
    outgoing,
    requesting,
    results,
    rules,
    conform,
    sole,
    whatif,
    statement,
    administration,
    benchmarks,
):
    commands.register(app)


def main() -> None:
    """Run the command line; a refusal is printed in words, never as a traceback."""
    configure_logging("cli", "WARNING")
    try:
        app()
    except BadInput as error:
        _say(error.message)
        sys.exit(USAGE)
    except StepwellError as error:
        _say(error.message)
        sys.exit(FAILURE)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(FAILURE)
    except Exception as error:  # the last resort: the user gets words, the file gets the traceback
        with tempfile.NamedTemporaryFile("w", prefix="stepwell-", suffix=".txt", delete=False) as report:
            traceback.print_exc(file=report)
        _say(
            f"Something went wrong that should not: {type(error).__name__}: {error}\n"
            f"Details are in {Path(report.name)}."
        )
        sys.exit(FAILURE)


def _say(message: str) -> None:
    typer.echo(f"stepwell: {message}", err=True)
