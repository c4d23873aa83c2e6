"""``stepwell orders``: the messages that were refused, and the dialects of those who send them."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.errors import BadInput, NotFound, Unavailable
from stepwell.cli.options import ConfigOption, JsonOption
from stepwell.settings import Configuration, load

if TYPE_CHECKING:  # the store and the HL7 library are loaded by the commands that need them, not by every actor
    from actors.task_requester.database import MessageRow
    from actors.task_requester.quarantine import Quarantine, Sent
    from actors.task_requester.settings import Settings
    from profiles.hl7.provenance import Origin

orders_app = typer.Typer(
    help="Look at HL7 messages that were refused, mend them and send them again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NumberArgument = Annotated[int, typer.Argument(help="Number of the message, as `stepwell orders list` shows it.")]
PatientOption = Annotated[bool, typer.Option("--with-patient", help="Show also what may tell of the patient.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="PLACE=VALUE, e.g. ORC-1=NW or PID-3.4=SITE; can be repeated.", metavar="PLACE=VALUE"),
]
FileOption = Annotated[
    Path | None, typer.Option("--file", "-f", help="The whole message, mended elsewhere.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(orders_app, name="orders")


@contextmanager
def _seen(config: Path | None) -> Iterator[tuple[Quarantine, Settings]]:
    """The quarantine to look at: nothing is decided, so the audit trail hears nothing and nobody waits for it."""
    from actors.task_requester.quarantine import Quarantine, open_store

    configuration = load(config, only=["task_requester"])
    settings = _settings(configuration)
    database = open_store(settings.database_url or configuration.common.data_dir)
    try:
        yield Quarantine(database, lambda _: "", getpass.getuser(), lambda: datetime.now(UTC)), settings
    finally:
        database.close()


@contextmanager
def _quarantine(config: Path | None) -> Iterator[tuple[Quarantine, Settings]]:
    from actors.shared.reporting import reporter_for
    from actors.task_requester.quarantine import Quarantine, open_store

    configuration = load(config, only=["task_requester"])
    settings = _settings(configuration)
    database = open_store(settings.database_url or configuration.common.data_dir)
    reporter = reporter_for("orders_desk", configuration.common)
    reporter.start()
    try:
        yield Quarantine(database, reporter.audit, getpass.getuser(), lambda: datetime.now(UTC)), settings
    finally:
        reporter.close()
        database.close()


def _settings(configuration: Configuration) -> Settings:
    from actors.task_requester.settings import Settings

    settings = configuration.actors["task_requester"]
    if not isinstance(settings, Settings):
        raise BadInput("The settings of the Task Requester cannot be read.")
    return settings


@orders_app.command("list")
def list_refused(
    every: Annotated[bool, typer.Option("--all", help="Also those that were settled.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List messages that were refused and wait for somebody, newest first, each with its reason."""
    with _seen(config) as (quarantine, _):
        found = quarantine.waiting(decided=every, limit=limit)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        typer.echo(
            f"{one['number']:>6}  {one['received_at'][:19]}  {one['answer_code']}  {one['kind'] or '?':8}  "
            f"{one['sender'] or '?'}  {one['control_id'] or '?'}\n        {one['reason']}"
        )
        if one["settled"]:
            typer.echo(f"        {one['settled']}")
    typer.echo(f"{len(found)} messages", err=True)


@orders_app.command()
def show(
    number: NumberArgument,
    with_patient: PatientOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print one refused message field by field, with the reason; what the reason names is marked."""
    from actors.task_requester.showing import shown_lines

    with _seen(config) as (quarantine, settings):
        row = quarantine.message(number)
        decisions = quarantine.decisions(number)
    lines = shown_lines(row, settings.of(row.sender).default_charset, with_patient=with_patient)
    if as_json:
        about = {"number": number, "answer_code": row.answer_code, "reason": row.reason, "received_at": row.received_at}
        fields = [{"place": one.place, "value": one.value, "named": one.is_named} for one in lines]
        told = [one.model_dump(exclude={"number", "message_number"}) for one in decisions]
        typer.echo(json.dumps({**about, "fields": fields, "decisions": told}, indent=2))
        return
    typer.echo(
        f"message {number} of {row.sender or 'nobody known'}, {row.received_at[:19]}, answered {row.answer_code}"
    )
    typer.echo(f"because {row.reason}")
    for one in lines:
        typer.echo(f"{'>>' if one.is_named else '  '} {one.place:12} {one.value}")
    for decision in decisions:
        typer.echo(
            f"{decision.decided_at[:19]} {decision.what} by {decision.person} {decision.places}{decision.reason}"
        )


@orders_app.command("waiting")
def list_waiting(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List orders that nothing is done for before a person has looked, each with its reason."""
    from actors.task_requester.orders_store import orders_in_doubt
    from actors.task_requester.quarantine import require_store

    configuration = load(config, only=["task_requester"])
    where = _settings(configuration).database_url or configuration.common.data_dir
    require_store(where)
    found = orders_in_doubt(where)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        typer.echo(f"{one['accession_number'] or one['study_instance_uid']}  {one['state']}")
        for words in filter(None, [one["attention"], *one["explanation"].splitlines()]):
            typer.echo(f"        {words}")
    typer.echo(f"{len(found)} orders", err=True)


@orders_app.command()
def mend(
    number: NumberArgument,
    values: SetOption = None,
    file: FileOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the mended message there; send nothing.")] = None,
    with_patient: PatientOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Change fields of a refused message, or take a file in its place, and send it as if it came from its sender.

    The refused message stays as it came, and says which one came in its place.
    """
    with _quarantine(config) as (quarantine, settings):
        row = quarantine.message(number)
        content, places = _mended(row, values or [], file, settings, with_patient=with_patient)
        if out:
            _write(out, content)
            typer.echo(f"the mended message is in {out}; nothing was sent")
            return
        if not yes:
            typer.confirm(f"Send it in place of message {number}?", abort=True)
        _tell(number, _send(quarantine, row, content, places, settings))


@orders_app.command()
def resend(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers of messages.", metavar="[NUMBER]...")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that wait for somebody, oldest first.")] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Send refused messages again as they came, once the cause is gone."""
    if bool(numbers) == every:
        raise BadInput("Name the messages, or say --all.")
    with _quarantine(config) as (quarantine, settings):
        wanted = numbers or sorted(int(one["number"]) for one in quarantine.waiting(limit=10_000))
        rows = [quarantine.message(number) for number in wanted]
        if not yes:
            typer.confirm(f"Send {len(rows)} messages again?", abort=True)
        for number, row in zip(wanted, rows, strict=True):
            _tell(number, _send(quarantine, row, row.content, "", settings))


@orders_app.command()
def dismiss(
    number: NumberArgument,
    reason: Annotated[str, typer.Option(help="Why nothing is done about it.")],
    config: ConfigOption = None,
) -> None:
    """Take a refused message out of the list without sending it; it stays in the store."""
    with _quarantine(config) as (quarantine, _):
        quarantine.set_aside(quarantine.message(number), reason)
    typer.echo(f"message {number} is set aside")


@orders_app.command()
def desk(port: Annotated[int, typer.Option(help="Port on this machine.")] = 8095, config: ConfigOption = None) -> None:
    """Show refused messages as pages, to mend and send them there; for you, on this machine, until Ctrl-C."""
    from actors.shared.serving import serve
    from actors.task_requester.desk import create_app

    configuration = load(config)
    watcher = configuration.actors.get("watcher")
    watcher_url = f"http://{watcher.host}:{getattr(watcher, 'port', 0)}" if watcher else ""
    with _quarantine(config) as (quarantine, settings):
        app = create_app(
            quarantine,
            lambda message: _answer(settings, message),
            default_charset=settings.default_charset,
            watcher_url=watcher_url,
        )
        url = f"http://127.0.0.1:{port}"
        typer.echo(f"the refused messages are at {url}", err=True)
        serve(
            app,
            actor="orders_desk",
            host="127.0.0.1",
            port=port,
            data_dir=configuration.common.data_dir,
            endpoints={"web": url},
        )


@orders_app.command("map")
def map_message(
    file: Annotated[Path, typer.Argument(help="A file with one HL7 order message.", metavar="FILE.hl7")],
    dialect: Annotated[
        Path | None, typer.Option("--dialect", "-d", help="Dialect file; the configured one when not given.")
    ] = None,
    with_patient: PatientOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show field by field what would be taken from where, by a dialect file or without one; sends nothing."""
    from actors.task_requester.senders import sender_of
    from profiles.hl7 import orders_from, read, require_complete
    from profiles.hl7.dialect import translate
    from profiles.hl7.dialect_file import dialect_of, load_dialects
    from profiles.hl7.provenance import origins

    settings = _settings(load(config, only=["task_requester"]))
    content = _read(file)
    message = read(content, settings.of(sender_of(content)).default_charset)
    chosen = dialect or settings.dialects
    spoken = dialect_of(message, load_dialects(chosen)) if chosen else None
    message, taken = translate(message, spoken) if spoken else (message, [])
    orders = orders_from(message)
    found = [[_told_origin(one, with_patient) for one in origins(message, order)] for order in orders]
    if as_json:
        moved = [{"to": one.to, "from": one.source} for one in taken]
        typer.echo(
            json.dumps({"dialect": spoken.sender if spoken else None, "moved": moved, "orders": found}, indent=2)
        )
    else:
        typer.echo(f"dialect: {spoken.sender if spoken else 'none for this sender'}")
        for one in taken:
            typer.echo(f"  {one.source} -> {one.to}")
        for number, rows in enumerate(found, 1):
            typer.echo(f"order {number}")
            for row in rows:
                typer.echo(f"  {row['field']:32} {row['value'] or '-':40} {row['place']}")
    require_complete(message, orders)


def _told_origin(origin: Origin, with_patient: bool) -> dict[str, str]:
    from actors.task_requester.showing import HIDDEN

    is_hidden = origin.is_of_patient and not with_patient and origin.value
    return {"field": origin.field, "value": HIDDEN if is_hidden else origin.value, "place": origin.place}


def _mended(
    row: MessageRow, values: list[str], file: Path | None, settings: Settings, *, with_patient: bool
) -> tuple[bytes, str]:
    """The message to send, and which places differ; says on the way what changes."""
    from actors.task_requester.showing import HIDDEN, is_shown
    from profiles.hl7.mending import mend as mend_message
    from profiles.hl7.mending import read_values

    if bool(values) == bool(file):
        raise BadInput("Say what shall change: --set PLACE=VALUE, or --file with the whole message.")
    if file:
        return _read(file), f"replaced by the file {file.name}"
    wanted = read_values(values)
    content, changes = mend_message(row.content, wanted, settings.of(row.sender).default_charset)
    for change in changes:
        shown = with_patient or is_shown(change.path.segment, change.path.field)
        before, after = (change.before, change.after) if shown else (HIDDEN, HIDDEN)
        typer.echo(f"{change.path}: {before or '(empty)'} -> {after or '(empty)'}")
    return content, "mended in " + ", ".join(str(change.path) for change in changes)


def _send(quarantine: Quarantine, row: MessageRow, content: bytes, places: str, settings: Settings) -> Sent:
    return quarantine.send(row, content, places, lambda message: _answer(settings, message))


def _answer(settings: Settings, message: bytes) -> bytes:
    """What the listener of this installation answers."""
    from actors.shared.mllp_client import MllpClient

    with MllpClient(settings.host, settings.mllp_port, tls=settings.tls) as client:
        return client.send(message)


def _tell(number: int, sent: Sent) -> None:
    typer.echo(f"message {number}: answered {sent.answer_code}, is message {sent.number}. {sent.reason}".rstrip())
    if sent.answer_code != "AA":
        raise typer.Exit(1)


def _read(file: Path) -> bytes:
    """A message from a file: line ends of the editor become those of HL7."""
    try:
        return file.read_bytes().replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    except OSError as error:
        raise NotFound(f"The file {file} cannot be read: {error.strerror or error}.") from error


def _write(file: Path, content: bytes) -> None:
    try:
        file.touch(mode=0o600)
        file.write_bytes(content)
    except OSError as error:
        raise Unavailable(f"The file {file} cannot be written: {error.strerror or error}.") from error
