"""``stepwell up``: run actors."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from actors.shared.logs import configure_logging, get_logger
from actors.shared.serving import stop_signals
from profiles.errors import BadInput, StepwellError, Unavailable
from stepwell.actors import ACTORS, run_actor
from stepwell.cli.options import ConfigOption
from stepwell.settings import Configuration, load
from stepwell.supervision import Supervisor
from stepwell.writing import as_toml


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(up)


def up(
    actors: Annotated[
        list[str] | None, typer.Argument(help=f"Actors to run: {', '.join(ACTORS)}.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    alone: Annotated[bool, typer.Option("--alone", hidden=True, help="Do not look at the tables of others.")] = False,
) -> None:
    """Run actors until Ctrl-C: those named, or all that the configuration names."""
    names = [name.replace("-", "_") for name in actors or []]
    if unknown := [name for name in names if name not in ACTORS]:
        raise BadInput(f"There is no actor {unknown[0]!r}. Actors are {', '.join(ACTORS)}.")
    configuration = load(config, only=names, alone=alone)
    wanted = configuration.processes(names or list(configuration.actors))
    if len(wanted) == 1:
        _run_here(wanted[0], configuration)
    else:
        _run_supervised(wanted, configuration)


def _run_here(actor: str, configuration: Configuration) -> None:
    configure_logging(actor, configuration.common.log_level)
    try:
        if actor in ("watcher", "image_display") and configuration.pages_share_a_port:
            from stepwell.web import run_pages

            run_pages(configuration)
        else:
            run_actor(actor, configuration.actors[actor], configuration.common)
    except StepwellError as error:
        get_logger(__name__).error("cannot run", reason=error.message)
        raise
    except OSError as error:
        reason = f"{actor} cannot use its data directory {configuration.common.data_dir}: {error.strerror or error}"
        get_logger(__name__).error("cannot run", reason=reason)
        raise Unavailable(f"{reason}. Make it writable, free some space, or name another one as data_dir.") from error


def _run_supervised(actors: list[str], configuration: Configuration) -> None:
    data_dir = configuration.common.data_dir
    with tempfile.TemporaryDirectory(prefix="stepwell-") as directory, stop_signals() as stopped:
        config = Path(directory) / "stepwell.toml"
        config.write_text(as_toml(configuration), encoding="utf-8")
        supervisor = Supervisor(actors, config, data_dir)
        supervisor.start()
        try:
            supervisor.wait_ready()
            typer.echo(f"running: {', '.join(actors)}; logs in {data_dir / 'logs'}; Ctrl-C ends them", err=True)
            while not stopped.wait(0.5):
                if supervisor.failure:
                    raise Unavailable(supervisor.failure)
        finally:
            supervisor.stop()
