"""``stepwell rules``: check a rule file, try it, and ask why an order got what it got."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profiles.errors import BadInput, NotFound
from stepwell.cli.options import ConfigOption, JsonOption
from stepwell.settings import Configuration, load

if TYPE_CHECKING:
    from actors.task_requester.rules.offered import Offered
    from actors.task_requester.rules.trying import Tried
    from profiles.hl7 import ImagingOrder

rules_app = typer.Typer(
    help="Check and try the rules that make workitems of orders and images.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
FileArgument = Annotated[Path, typer.Argument(help="The rule file.", metavar="FILE")]
_REQUESTER = "task_requester"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(rules_app, name="rules")


@rules_app.command()
def check(file: FileArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say what is wrong or doubtful about a rule file; exit 1 when something is wrong.

    Told are unknown attributes, faulty conditions, names used twice, rules that never hold, that contradict or cover
    each other, and codes that no engine or pipeline serves. Conditions are tried with the values that they name, so
    relations that only real images have are not seen.
    """
    from actors.task_requester.rules import load_rules
    from actors.task_requester.rules.checking import check_rules

    try:
        rules = load_rules(file)
        offered = _offered(load(config), file)
    except BadInput as error:
        faults = error.findings
        rows = [{"rule": one.path, "kind": "fault", "words": f"{one.message} {one.remedy}"} for one in faults]
        rows = rows or [{"rule": "", "kind": "fault", "words": error.message}]
        found: list[dict[str, Any]] = [{**row, "serious": True} for row in rows]
    else:
        found = [asdict(one) for one in check_rules(rules, offered, datetime.now(UTC))]
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        for row in found:
            typer.echo(f"{'wrong' if row['serious'] else 'doubtful':8} {row['rule']}: {row['kind']}: {row['words']}")
        typer.echo(f"{len(found)} findings", err=True)
    if any(row["serious"] for row in found):
        raise typer.Exit(1)


@rules_app.command("test")
def try_out(
    file: FileArgument,
    study: Annotated[str, typer.Option("--study", help="A folder of DICOM files, or a Study Instance UID.")],
    order: Annotated[
        Path | None,
        typer.Option("--order", help="An HL7 order; without it what the images tell.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say for each rule whether it matches a study, with the values that decided; nothing is made or sent.

    Shows values of the patient. Exit 1 when no rule matches.
    """
    from actors.shared.dicomweb import Archive
    from actors.task_requester.rules import load_rules
    from actors.task_requester.rules.trying import FolderOfImages, try_rules

    rules, orders = load_rules(file), _orders(order)
    found: list[Tried] = []
    with ExitStack() as stack:
        if Path(study).is_dir():
            folder = FolderOfImages(Path(study))
            archive: Any = folder
            studies = folder.studies()
        else:
            settings: Any = load(config, only=[_REQUESTER]).actors[_REQUESTER]
            archive, studies = stack.enter_context(Archive(settings.archive_url)), [study]
        for uid in studies:
            for one in _of_study(orders, uid) or [None]:
                found += try_rules(rules, archive, uid, one, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=1))
    else:
        _tell(found)
    if not any(one.matches for one in found):
        raise typer.Exit(1)


@rules_app.command()
def explain(
    identifier: Annotated[str, typer.Argument(help="Accession or order number, study or workitem.", metavar="ID")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what the rules decided about an order when they were last asked, and why each workitem is as it is."""
    from actors.task_requester.orders_store import order_thread

    keys = ("uid", "study_uid", "rule", "revision", "state", "planned_at", "explanation", "note")
    found = [
        {
            "accession_number": row["accession_number"],
            "study_instance_uid": row["study_instance_uid"],
            "state": row["state"],
            "decided_at": row["images_complete_at"],
            "decisions": row["explanation"].splitlines(),
            "attention": row["attention"],
            "workitems": [{key: one[key] for key in keys} for one in row["workitems"]],
        }
        for row in order_thread(_store(load(config, only=[_REQUESTER])), identifier)
    ]
    if not found:
        raise NotFound(f"No order is known by {identifier!r}; give the configuration of its Task Requester (--config).")
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    for order in found:
        decided = f", decided {order['decided_at']}" if order["decided_at"] else ", not decided yet"
        typer.echo(f"order {order['accession_number']}: {order['state']}{decided}")
        for line in order["decisions"]:
            typer.echo(f"  {line}")
        for one in order["workitems"]:
            typer.echo(f"  workitem {one['uid']} ({one['rule']}, {one['state']}): {one['explanation']} {one['note']}")


@rules_app.command()
def replay(
    file: FileArgument,
    days: Annotated[float, typer.Option("--days", help="Orders decided in the last so many days.", min=0)] = 7,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what these rules would make of the orders of the last days; nothing is made or sent.

    Told are the workitems that would be otherwise (made, not made, different, or stopped where the rule cannot be
    asked), and for how many orders each rule holds. Dates of rules count as of now; starts are not compared.
    """
    from actors.shared.dicomweb import Archive
    from actors.task_requester.database import moment
    from actors.task_requester.orders_store import decided_orders
    from actors.task_requester.quarantine import require_store
    from actors.task_requester.rules import load_rules
    from actors.task_requester.rules.replay import replay as decide_again
    from actors.task_requester.rules.requesting import Places

    rules, configuration = load_rules(file), load(config, only=[_REQUESTER])
    settings: Any = configuration.actors[_REQUESTER]
    now = datetime.now(UTC)
    require_store(_store(configuration))
    orders = decided_orders(_store(configuration), moment(now - timedelta(days=days)))
    places = Places(settings.archive_url, settings.storage_url)
    with Archive(settings.archive_url) as archive:
        found = decide_again(orders, rules, archive, places, now)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
        return
    for one in found.changes:
        typer.echo(f"{one.change:9} {one.accession} {one.rule}: {one.words.removeprefix(f'rule {one.rule}: ')}")
    for rule in rules:
        dates = "" if rule.table.counts_at(now) else f"; it counts {rule.table.in_force()}"
        typer.echo(f"rule {rule.table.name} holds for {found.matched[rule.table.name]} of {found.orders} orders{dates}")
    typer.echo(f"{found.orders} orders, {len(found.changes)} workitems would be otherwise", err=True)


def _tell(found: Sequence[Tried]) -> None:
    for one in found:
        verdict = "stopped" if one.stopped else "matches" if one.matches else "no"
        typer.echo(f"{verdict:8} {one.rule}: {one.explanation.removeprefix(f'rule {one.rule}: ')}")
        for name, value in one.values.items():
            typer.echo(f"           {name} = {value}")


def _orders(path: Path | None) -> Sequence[ImagingOrder]:
    from profiles.hl7 import orders_from, read

    if path is None:
        return ()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"The order {path} cannot be read: {error.strerror}.") from error
    return orders_from(read(content.replace(b"\r\n", b"\r").replace(b"\n", b"\r")))


def _of_study(orders: Sequence[ImagingOrder], uid: str) -> list[ImagingOrder | None]:
    return [one for one in orders if one.study_instance_uid in {uid, ""}] or list(orders)


def _store(configuration: Configuration) -> Path | str:
    settings: Any = configuration.actors[_REQUESTER]
    where: Path | str = settings.database_url or configuration.common.data_dir
    return where


def _offered(configuration: Configuration, file: Path) -> Offered:
    """The workitem codes that are worked on here.

    Raises:
        BadInput: when a pipeline in the rule file cannot be done.
    """
    from pydantic import ValidationError

    from actors.task_manager.settings import Settings as TaskManager
    from actors.task_requester.rules.offered import Offered
    from ai_engines.registry import engines

    found: dict[tuple[str, str], set[str]] = {}
    for engine in engines():
        about = engine.describe()
        for code in about.workitem_codes:
            found.setdefault((code.value, code.scheme), set()).add(about.version)
    manager: Any = configuration.actors.get("task_manager") or TaskManager()
    try:
        manager = TaskManager.model_validate({"rules": file, "pipelines": manager.pipelines})
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadInput(f"The pipelines of {file} cannot be done: {told}.") from error
    return Offered(found, tuple(one.pipeline() for one in manager.pipelines))
