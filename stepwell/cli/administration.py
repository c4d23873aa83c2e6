"""``stepwell config``, ``stepwell db`` and ``stepwell pki``: administration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from profiles.errors import BadInput, Unavailable
from stepwell.cli.options import ConfigOption
from stepwell.settings import load
from stepwell.writing import as_toml

config_app = typer.Typer(help="Show or check the configuration.", no_args_is_help=True, rich_markup_mode=None)
db_app = typer.Typer(help="The database of the Task Manager.", no_args_is_help=True, rich_markup_mode=None)
pki_app = typer.Typer(help="Certificates for TLS between actors.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(config_app, name="config")
    app.add_typer(db_app, name="db")
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


@db_app.command()
def upgrade(config: ConfigOption = None) -> None:
    """Bring the tables of the configured Task Manager's database up to date, all of them or none."""
    from sqlalchemy import make_url

    from actors.task_manager.database import database_url
    from actors.task_manager.settings import Settings
    from workitems.schema import upgrade_database

    configuration = load(config)
    settings = configuration.actors.get("task_manager")
    if not isinstance(settings, Settings):
        raise BadInput(f"There is no [task_manager] in {config}; its database is the one to upgrade.")
    url = make_url(database_url(settings, configuration.common.data_dir))
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    done = upgrade_database(url.render_as_string(hide_password=False))
    where = url.render_as_string(hide_password=True)
    if done.before == done.after:
        typer.echo(f"{where} is up to date: revision {done.after}")
    elif done.before:
        typer.echo(f"brought {where} from revision {done.before} to {done.after}")
    else:
        typer.echo(f"made the tables of {where}: revision {done.after}")


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
