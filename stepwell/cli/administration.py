"""``stepwell config`` and ``stepwell pki``: administration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from profiles.errors import Unavailable
from stepwell.cli.options import ConfigOption
from stepwell.settings import load
from stepwell.writing import as_toml

config_app = typer.Typer(help="Show or check the configuration.", no_args_is_help=True, rich_markup_mode=None)
pki_app = typer.Typer(help="Certificates for TLS between actors.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(config_app, name="config")
    app.add_typer(pki_app, name="pki")


@config_app.command()
def show(config: ConfigOption = None) -> None:
    """Print the configuration in force, defaults and environment included, as TOML to start from."""
    typer.echo(as_toml(load(config)), nl=False)


@config_app.command()
def check(config: ConfigOption = None) -> None:
    """Say every problem of the configuration at once; exit status 2 when there is one."""
    configuration = load(config)
    typer.echo(f"good: {', '.join(configuration.actors)}")


@pki_app.command()
def init(
    directory: Annotated[
        Path, typer.Argument(help="Where the certificates and keys shall be; made if it is not there.")
    ],
    site: Annotated[str, typer.Option(help="Name of the organisation in the certificates.")] = "Stepwell",
) -> None:
    """Make an authority of this installation's own, and certificates for servers and clients on this machine."""
    from actors.shared import pki

    try:
        pki.init(directory, site)
    except OSError as error:
        raise Unavailable(
            f"The certificates cannot be written to {directory}: {error.strerror or error}. Make it writable, free "
            "some space, or name another directory."
        ) from error
    typer.echo(f"certificates and keys are in {directory}; keep authority.key off the machines that do not sign")
