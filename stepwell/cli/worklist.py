"""``stepwell ups``: a UPS-RS client for people (RAD-80 to RAD-88)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.errors import NotFound, StepwellError, Unavailable
from stepwell.cli.options import ConfigOption, JsonOption
from stepwell.settings import load

if TYPE_CHECKING:  # clients and the DICOM dictionary are loaded by the commands that need them, not by every actor
    from actors.shared.ups_client import UpsClient
    from actors.shared.ups_watch import EventReport
    from profiles.dicom import Code
    from stepwell.worklist import Claims

ups_app = typer.Typer(
    help="Look at a worklist and work on it, as a requester, a performer or a watcher.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="UPS-RS service; the configured Task Manager when not given.", show_default=False),
]
AeOption = Annotated[str, typer.Option("--ae", help="AE title to call with.")]
UidArgument = Annotated[str, typer.Argument(help="UID of the workitem.")]
PairsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Attributes as KEYWORD=VALUE; nested ones are joined by dots.", metavar="[KEY=VALUE]..."),
]
CALLER = "STEPWELL_CLI"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(ups_app, name="ups")


@contextmanager
def _client(url: str | None, ae: str, config: Path | None) -> Iterator[tuple[UpsClient, Claims]]:
    from actors.shared.ups_client import UpsClient
    from stepwell.worklist import Claims

    configuration = load(config, only=["task_manager"])
    settings = configuration.actors["task_manager"]
    base = url or f"http://{settings.host}:{getattr(settings, 'port', 0)}/ups-rs"
    with UpsClient(base, ae_title=ae) as client:
        yield client, Claims(configuration.common.data_dir / "claims")


@ups_app.command()
def search(
    pairs: PairsArgument = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    offset: Annotated[int, typer.Option(help="Leave out so many first.")] = 0,
    url: UrlOption = None,
    ae: AeOption = CALLER,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List workitems that match, e.g. ProcedureStepState=SCHEDULED 'WorklistLabel=BRAIN*'."""
    from profiles.dicom import item, text
    from stepwell.worklist import read_pairs

    with _client(url, ae, config) as (client, _):
        found = client.search(read_pairs(pairs or []), limit=limit, offset=offset)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        cells = (
            text(one, "SOPInstanceUID").ljust(46),
            text(one, "ProcedureStepState").ljust(11),
            text(one, "ScheduledProcedureStepPriority").ljust(6),
            text(one, "InputReadinessState").ljust(11),
            text(one, "WorklistLabel").ljust(12),
            text(item(one, "ScheduledStationNameCodeSequence"), "CodeValue").ljust(16),
            text(item(one, "ReferencedRequestSequence"), "AccessionNumber").ljust(16),
            text(one, "ProcedureStepLabel"),
        )
        typer.echo("  ".join(cells).rstrip())
    typer.echo(f"{len(found)} workitems", err=True)


@ups_app.command()
def get(
    uid: UidArgument,
    url: UrlOption = None,
    ae: AeOption = CALLER,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print one workitem."""
    from stepwell.worklist import told

    with _client(url, ae, config) as (client, _):
        found = client.retrieve(uid)
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(told(found)))


@ups_app.command()
def create(
    pairs: PairsArgument = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="DICOM JSON dataset to start from; - for standard input.")
    ] = None,
    uid: Annotated[str | None, typer.Option(help="UID that it shall have; a new one when not given.")] = None,
    url: UrlOption = None,
    ae: AeOption = CALLER,
    config: ConfigOption = None,
) -> None:
    """Create a workitem and print its UID. Without a file it starts from an example of a fictional patient."""
    from profiles.dicom import new_uid
    from stepwell.worklist import example_workitem, read_pairs, read_workitem, with_pairs

    start = read_workitem(file) if file else example_workitem(datetime.now(UTC))
    with _client(url, ae, config) as (client, _):
        typer.echo(client.create(with_pairs(start, read_pairs(pairs or [])), uid or new_uid()))


@ups_app.command()
def claim(uid: UidArgument, url: UrlOption = None, ae: AeOption = CALLER, config: ConfigOption = None) -> None:
    """Claim a workitem; its Transaction UID is kept in the data directory, readable by you only."""
    from actors.shared.ups_client import AlreadyInProgress

    with _client(url, ae, config) as (client, claims):
        known = claims.find(uid)
        try:
            client.claim(uid, claims.intend(uid))
        except AlreadyInProgress:
            typer.echo(f"{uid} is yours already")
            return
        except Unavailable:
            raise  # it may have been claimed all the same; asked again with the same Transaction UID we shall know
        except StepwellError:
            if known is None:
                claims.forget(uid)
            raise
    typer.echo(f"{uid} is yours")


@ups_app.command()
def update(
    uid: UidArgument,
    pairs: PairsArgument = None,
    progress: Annotated[float | None, typer.Option(min=0, max=100, help="Progress in percent.")] = None,
    description: Annotated[str, typer.Option(help="Progress in words.")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="DICOM JSON dataset of changes; - for stdin.")
    ] = None,
    url: UrlOption = None,
    ae: AeOption = CALLER,
    config: ConfigOption = None,
) -> None:
    """Change attributes of a workitem, or tell its progress."""
    from stepwell.worklist import read_pairs, read_workitem, with_pairs

    wanted = read_pairs(pairs or [])
    prefix = "ProcedureStepProgressInformationSequence"
    if progress is not None:
        wanted[f"{prefix}.ProcedureStepProgress"] = f"{progress:g}"
    if description:
        wanted[f"{prefix}.ProcedureStepProgressDescription"] = description
    changes = with_pairs(read_workitem(file) if file else {}, wanted)
    with _client(url, ae, config) as (client, claims):
        client.update(uid, changes, claims.find(uid))
    typer.echo(f"{uid} is updated")


@ups_app.command()
def complete(uid: UidArgument, url: UrlOption = None, ae: AeOption = CALLER, config: ConfigOption = None) -> None:
    """Complete your workitem; what was performed is filled in when you have not told it yet."""
    from profiles.dicom import item
    from stepwell.worklist import performed_by

    with _client(url, ae, config) as (client, claims):
        transaction = claims.require(uid)
        workitem = client.retrieve(uid)
        if not item(workitem, "UnifiedProcedureStepPerformedProcedureSequence"):
            client.update(uid, performed_by(ae, workitem, datetime.now(UTC)), transaction)
        client.complete(uid, transaction)
        claims.forget(uid)
    typer.echo(f"{uid} is COMPLETED")


@ups_app.command()
def cancel(
    uid: UidArgument,
    reason: Annotated[str, typer.Option(help="Why, in words.")] = "",
    reason_code: Annotated[str, typer.Option(help="Why, as a DCM code of CID 9300.")] = "110513",
    url: UrlOption = None,
    ae: AeOption = CALLER,
    config: ConfigOption = None,
) -> None:
    """Cancel your workitem; ask for the cancellation of somebody else's or of one that nobody has claimed."""
    from profiles.dicom import text
    from stepwell.worklist import with_pairs

    coded = _reason(reason_code)
    with _client(url, ae, config) as (client, claims):
        transaction = claims.find(uid)
        if transaction is None:
            client.request_cancel(uid, coded, reason)
            typer.echo(f"asked for; {uid} is {text(client.retrieve(uid), 'ProcedureStepState')}")
            return
        prefix = "ProcedureStepProgressInformationSequence"
        wanted = {f"{prefix}.ReasonForCancellation": reason} if reason else {}
        sequence = f"{prefix}.ProcedureStepDiscontinuationReasonCodeSequence"
        wanted |= {
            f"{sequence}.CodeValue": coded.value,
            f"{sequence}.CodingSchemeDesignator": coded.scheme,
            f"{sequence}.CodeMeaning": coded.meaning,
        }
        client.update(uid, with_pairs({}, wanted), transaction)
        client.cancel(uid, transaction)
        claims.forget(uid)
    typer.echo(f"{uid} is CANCELED")


def _reason(value: str) -> Code:
    from profiles.dicom import code

    try:
        return code("DCM", value)
    except KeyError as error:
        raise NotFound(f"There is no discontinuation reason (DCM {value}); PS3.16 CID 9300 lists them.") from error


@ups_app.command("watch")
def watch_events(
    uid: Annotated[str | None, typer.Argument(help="UID of the workitem; all when not given.")] = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="Only workitems that match KEY=VALUE; can be repeated.")
    ] = None,
    once: Annotated[bool, typer.Option("--until-final", help="End when the workitem is in a final state.")] = False,
    url: UrlOption = None,
    ae: AeOption = CALLER,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print events as they come, until Ctrl-C; the subscription ends with it."""
    from actors.shared.serving import stop_signals
    from actors.shared.ups_watch import watch
    from profiles.dicom import text
    from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION, GLOBAL_SUBSCRIPTION
    from stepwell.worklist import read_pairs

    keys = read_pairs(filters or [])
    target = uid or (FILTERED_GLOBAL_SUBSCRIPTION if keys else GLOBAL_SUBSCRIPTION)
    with stop_signals() as stopped, _client(url, ae, config) as (client, _):
        address, asked = client.channel(), threading.Event()

        def subscribe() -> None:
            """Again with each connection: its answer, a State Report, tells what a server that keeps no events lost."""
            client.subscribe(target, keys=keys or None)
            if not asked.is_set():
                asked.set()
                typer.echo(f"watching as {ae}; Ctrl-C ends it", err=True)

        try:
            for event in watch(address, stopped, opened=subscribe, lost=_lost):
                typer.echo(_line(event, as_json))
                if once and text(event.information, "ProcedureStepState") in ("COMPLETED", "CANCELED"):
                    break
        finally:
            if asked.is_set():
                client.unsubscribe(target)


def _lost(reason: str) -> None:
    typer.echo(f"the notification connection is away ({reason}); trying again", err=True)


def _line(event: EventReport, as_json: bool) -> str:
    from stepwell.worklist import told

    if as_json:
        return json.dumps({"event": event.kind, "workitem": event.workitem_uid, "information": event.information})
    words = " ".join(one.strip() for one in told(event.information))
    return f"{datetime.now(UTC):%H:%M:%S} {event.kind:16} {event.workitem_uid} {words}"
