"""``stepwell outgoing``: results and alerts on their way to others, and those that wait for a person."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.errors import BadInput
from stepwell.cli.options import ConfigOption, JsonOption
from stepwell.settings import Configuration, load

if TYPE_CHECKING:  # the store is loaded by the commands that need it
    from actors.task_requester.database import Database
    from actors.task_requester.results_back.desk import Desk
    from actors.task_requester.settings import Settings

outgoing_app = typer.Typer(
    help="Look at results on their way out; send parked ones again, withdraw sent ones, acknowledge alerts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NumberArgument = Annotated[int, typer.Argument(help="Number, as `list` or `alerts` shows it.")]
AllOption = Annotated[bool, typer.Option("--all", help="Also those that are settled.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(outgoing_app, name="outgoing")


def _now() -> datetime:
    return datetime.now(UTC)


def _configuration(config: Path | None) -> Configuration:
    return load(config, only=["task_requester"])


def _settings(configuration: Configuration) -> Settings:
    from actors.task_requester.settings import Settings

    settings = configuration.actors["task_requester"]
    if not isinstance(settings, Settings):
        raise BadInput("The settings of the Task Requester cannot be read.")
    return settings


def _page_url(configuration: Configuration, actor: str) -> str:
    """Where an actor's pages are; empty when it is not configured."""
    settings = configuration.actors.get(actor)
    return f"http://{settings.host}:{getattr(settings, 'port', 0)}" if settings else ""


@contextmanager
def _database(configuration: Configuration) -> Iterator[Database]:
    from actors.task_requester.quarantine import open_store
    from actors.task_requester.results_back import store as _tables  # noqa: F401 - made when the store is opened

    database = open_store(_settings(configuration).database_url or configuration.common.data_dir)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _desk(config: Path | None) -> Iterator[Desk]:
    from actors.task_requester.results_back.desk import Desk

    with _database(_configuration(config)) as database:
        yield Desk(database, _now)


@outgoing_app.command("list")
def list_messages(every: AllOption = False, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List messages that wait or were refused, and results that could not be made a message, each with its reason."""
    with _desk(config) as desk:
        messages, untold = desk.messages(every=every), desk.untold()
    if as_json:
        typer.echo(json.dumps({"messages": messages, "untold": untold}, indent=2))
        return
    for one in messages:
        typer.echo(
            f"{one['number']:>6}  {one['created_at'][:19]}  {one['state']:7}  {one['channel']:10}  {one['control_id']}"
            f"  {one['attempts']} attempts"
        )
        if one["reason"]:
            typer.echo(f"        {one['reason']}")
    for one in untold:
        typer.echo(f"workitem {one['workitem_uid']}\n        {one['reason']}")
    typer.echo(f"{len(messages)} messages, {len(untold)} results not told", err=True)


@outgoing_app.command()
def resend(number: NumberArgument, config: ConfigOption = None) -> None:
    """Let a refused message be sent again as it is, once the cause is gone."""
    with _desk(config) as desk:
        desk.resend(number)
    typer.echo(f"message {number} is sent again")


@outgoing_app.command("reread")
def reread(
    workitem_uid: Annotated[str, typer.Argument(help="UID of the workitem.")], config: ConfigOption = None
) -> None:
    """Read a result again that could not be made a message, once the cause is gone."""
    with _desk(config) as desk:
        desk.look_again(workitem_uid)
    typer.echo(f"the result of workitem {workitem_uid} is read again")


@outgoing_app.command()
def withdraw(number: NumberArgument, config: ConfigOption = None) -> None:
    """Tell the receiver that a result that was sent is wrong."""
    with _desk(config) as desk:
        control_id = desk.withdraw(number)
    typer.echo(f"message {number} is withdrawn by {control_id}")


@outgoing_app.command()
def alerts(every: AllOption = False, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List urgent results that nobody acknowledged."""
    with _desk(config) as desk:
        found = desk.alerts(every=every)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        by = f"acknowledged by {one['acknowledged_by']} {one['acknowledged_at'][:19]}" if one["acknowledged_at"] else ""
        late = "escalated" if one["escalated_at"] else ""
        said = "  ".join(filter(None, [one["why"], late, by]))
        typer.echo(f"{one['number']:>6}  {one['raised_at'][:19]}  {one['workitem_uid']}\n        {said}")
    typer.echo(f"{len(found)} alerts", err=True)


@outgoing_app.command()
def desk(port: Annotated[int, typer.Option(help="Port on this machine.")] = 8096, config: ConfigOption = None) -> None:
    """Show alerts as pages, to acknowledge them there; for you, on this machine, until Ctrl-C."""
    from actors.shared.reporting import reporter_for
    from actors.shared.serving import serve
    from actors.task_requester.results_back.pages import AlertDesk, create_app
    from actors.task_requester.results_back.settings import ResultsSettings

    configuration = load(config)
    reporter = reporter_for("alerts_desk", configuration.common)
    reporter.start()
    url = f"http://127.0.0.1:{port}"
    try:
        with _database(configuration) as database:
            waits = _settings(configuration).results or ResultsSettings()
            made = AlertDesk(database, reporter.audit, getpass.getuser(), waits.escalation_seconds, _now)
            watcher, display = (_page_url(configuration, actor) for actor in ("watcher", "image_display"))
            typer.echo(f"the alerts are at {url}", err=True)
            serve(
                create_app(made, watcher_url=watcher, results_url=display),
                actor="alerts_desk",
                host="127.0.0.1",
                port=port,
                data_dir=configuration.common.data_dir,
                endpoints={"web": url},
            )
    finally:
        reporter.close()


@outgoing_app.command()
def acknowledge(number: NumberArgument, config: ConfigOption = None) -> None:
    """Take an alert upon you: it is not escalated any more, and the audit trail is told."""
    from actors.shared.reporting import reporter_for
    from actors.task_requester.results_back.alerts import acknowledge as take

    configuration = _configuration(config)
    reporter = reporter_for("orders_desk", configuration.common)
    reporter.start()
    try:
        with _database(configuration) as database:
            row = take(database, number, getpass.getuser(), clock=_now, audit=reporter.audit)
    finally:
        reporter.close()
    typer.echo(f"alert {number} is acknowledged by {row.acknowledged_by}")
