"""``stepwell sole what-if``: the waiting of the log with other performers, policies, speeds and loads."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from actors.shared.pages.words import duration
from profiles.errors import BadInput
from stepwell.cli.options import ConfigOption, JsonOption
from stepwell.cli.sole import WIDTH, FilterOption, FromOption, SinceOption, UntilOption, filters_of, sole_app, window_of

if TYPE_CHECKING:  # loaded by the command that needs it
    from sole_logging.measures import Figures
    from sole_logging.whatif import WhatIfAnswer


def register(_app: typer.Typer) -> None:
    """Add the command to those of the log."""
    sole_app.command("what-if")(what_if)


def what_if(  # noqa: PLR0913, PLR0917 - each is an option of the command
    performers: Annotated[
        list[str] | None,
        typer.Option(
            help="Performers more or fewer: +1, or for one engine lung-nodules=-1; may be given several times."
        ),
    ] = None,
    speed: Annotated[
        list[str] | None,
        typer.Option(help="Times as fast an engine infers: 2, or for one engine lung-nodules=2; may be given so, too."),
    ] = None,
    policy: Annotated[
        str, typer.Option(help="Who is next: first-come, stat-first or short-first; as in the log if not given.")
    ] = "",
    load: Annotated[float, typer.Option(help="Times as much work comes.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of all chance; the same seed gives the same answer.")] = 1,
    where: FilterOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    source: FromOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate the waiting for AI with other performers, another policy, a faster engine or another load."""
    from sole_logging.measures import MeasureQuery
    from sole_logging.whatif import Scenario, document_of, policy_of, read_work
    from sole_logging.whatif import what_if as answer_to
    from stepwell.logbook import facts_of

    scenario = Scenario(
        _by_engine(performers or [], int), _by_engine(speed or [], float), policy_of(policy), load, seed
    )
    asked = MeasureQuery(("A02",), *window_of(since, until), filters_of(where or []))
    with facts_of(source, config, asked.since, asked.until) as connection:
        log = read_work(connection, asked.window)
    answer = answer_to(log, scenario)
    if as_json:
        typer.echo(json.dumps(document_of(answer), indent=2))
    else:
        _print(answer)


def _by_engine(given: list[str], read: Callable[[str], Any]) -> dict[str, Any]:
    found = {}
    for one in given:
        engine, _, number = one.rpartition("=")
        try:
            found[engine] = read(number)
        except ValueError:
            raise BadInput(f"{one!r} is no number, and no engine with a number; write e.g. +1 or brain=2.") from None
    return found


def _print(answer: WhatIfAnswer) -> None:
    table = Table("waiting for a claim", box=None)
    for heading in ("cases", "median", "90 %", "95 %", "most"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("in the log", *_cells(answer.validation.real))
    for now, then in answer.waits:
        table.add_row(f"{now.group or 'priority not told'}: replayed", *_cells(now))
        table.add_row(f"{now.group or 'priority not told'}: what if", *_cells(then))
    table.add_row("creation to end: replayed", *_cells(answer.spent[0]))
    table.add_row("creation to end: what if", *_cells(answer.spent[1]))
    queues = Table("queue", "slots", "what if", "used", "what if", box=None)
    for one in answer.lines:
        used = (f"{share:.0%}" for share in (one.utilisation, one.utilisation_then))
        queues.add_row(one.name, str(one.slots), str(one.slots_then), *used)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(table)
    console.print(queues)
    typer.echo(" ".join((answer.verdict, answer.proof, *answer.notes)), err=True)


def _cells(one: Figures) -> list[str]:
    times = [
        duration(value / 1e6) if value is not None else "" for value in (one.median, one.p90, one.p95, one.maximum)
    ]
    return ["below 5" if one.hidden else str(one.count), *times]
