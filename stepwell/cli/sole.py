"""``stepwell sole``: the operational log of this installation, of any other repository, or of a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from profiles.errors import BadInput
from profiles.sole.retrieval import parse_date
from stepwell.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:  # loaded by the commands that need it
    from sole_logging.measures import MeasureAnswer, MeasureQuery
    from sole_logging.store import EventStore

sole_app = typer.Typer(
    help="The operational log: search it, measure it, take it out, bring it in, see what is missing.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_DAYS = 30
_METRICS = ".prom"
#: Columns of a table that goes into a file or another program.
WIDTH = 150
_IDENTIFIERS = ("accession", "study", "workitem")
SinceOption = Annotated[
    str, typer.Option(help="Begin, e.g. 2026-11-24T08:00:00Z; 30 days before the end if not given.", show_default=False)
]
UntilOption = Annotated[
    str, typer.Option(help="End, included as far as it is told; now if not given.", show_default=False)
]
FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        help="A file that `export` wrote, or the address of any repository's ITI-82; our own repository if not given.",
        show_default=False,
    ),
]
FilterOption = Annotated[
    list[str] | None, typer.Option("--where", help="Only these, e.g. modality=CT,MR; may be given several times.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(sole_app, name="sole")


@sole_app.callback()
def sole(
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that another repository asks for; goes before the command.", exists=True
        ),
    ] = None,
) -> None:
    """The operational log: search it, measure it, take it out, bring it in, see what is missing."""
    from actors.shared.tokens import token_in
    from stepwell.logbook import TOKEN

    TOKEN.set(token_in(token_file))


def window_of(since: str, until: str) -> tuple[datetime, datetime]:
    """The window that the options name."""
    end = parse_date(until).high if until else datetime.now(UTC)
    begin = parse_date(since).low if since else end - timedelta(days=_DAYS)
    if begin >= end:
        raise BadInput(f"{since} is not before {until or 'now'}; give a begin that is.")
    return begin, end


@sole_app.command()
def search(
    identifier: Annotated[
        str, typer.Argument(help="Accession number, Study Instance UID or workitem UID; all if not given.")
    ] = "",
    code: Annotated[str, typer.Option(help="Code of the event, e.g. SOLE115.")] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    source: Annotated[str, typer.Option("--from", help="Address of any repository's ITI-82; ours if not given.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most events that are shown.")] = 1000,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find events, in order of their time."""
    from sole_logging.exchange import documents_of
    from stepwell.logbook import own_store, repository_at

    window = window_of(since, until)
    if source:
        with repository_at(source) as asked:
            every = documents_of(asked.messages(*window, msg_id=code))
            found = [one for one in every if not identifier or identifier in (one[name] for name in _IDENTIFIERS)]
        found = sorted(found, key=lambda one: str(one["at"]))[:limit]
    else:
        with own_store(config) as store:
            found = _found(store, identifier, code, window, limit)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        named = one["workitem"] or one["study"] or one["accession"]
        failed = f"  failed ({one['outcome']})" if one.get("outcome") else ""
        strange = f"  [{one['malformed']}]" if one["malformed"] else ""
        typer.echo(f"{one['at'][:23]}  {one['code']:9} {one['meaning']:40.40}  {named}{failed}{strange}")
    typer.echo(f"{len(found)} events", err=True)


def _found(
    store: EventStore, identifier: str, code: str, window: tuple[datetime, datetime], limit: int
) -> list[dict[str, Any]]:
    from sole_logging.store import EventQuery

    query = EventQuery(code=code, since=window[0], until=window[1], limit=limit)
    if not identifier:
        return store.search(query)
    asked = (
        replace(query, accession=identifier),
        replace(query, study=identifier),
        replace(query, workitem=identifier),
    )
    return next(filter(None, map(store.search, asked)), [])


@sole_app.command()
def measure(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Measures, e.g. K12 A07 A14; all if none is named.", metavar="MEASURE...")
    ] = None,
    by: Annotated[str, typer.Option(help="A stratum (modality, site, engine, ...) or hour, day, week, month.")] = "",
    where: FilterOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    source: FromOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute measures from the log: turnarounds, waiting, shares, with what was left out and why."""
    from sole_logging.measures import ask
    from sole_logging.measures.answering import document_of
    from stepwell.logbook import facts_of

    query = _query(ids or (), by, where or (), window_of(since, until))
    with facts_of(source, config, query.since, query.until) as connection:
        answer = ask(connection, query)
    if as_json:
        typer.echo(json.dumps(document_of(answer), indent=2))
    else:
        _print(answer)


@sole_app.command()
def gaps(
    source: FromOption = "",
    since: SinceOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the log misses: work that stands still, results without readers, sources gone silent."""
    from sole_logging.measures.gaps import KINDS
    from sole_logging.measures.gaps import gaps as find
    from stepwell.logbook import facts_of

    begin, end = window_of(since, "")
    with facts_of(source, config, begin, end) as connection:
        found = find(connection, end, since=begin)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2, default=str))
        return
    for one in found:
        named = "  ".join(filter(None, (one.workitem, one.accession, one.source)))
        typer.echo(f"{one.since.isoformat()[:19]}  {KINDS[one.kind]}: {named}")
    typer.echo(f"{len(found)} gaps", err=True)


@sole_app.command("export")
def export_log(
    path: Annotated[Path, typer.Argument(help="File to write: .jsonl, .csv, .parquet; .prom for all measures.")],
    since: SinceOption = "",
    until: UntilOption = "",
    source: FromOption = "",
    config: ConfigOption = None,
) -> None:
    """Write events into a file for other programs, without patients and people; or measures for Prometheus."""
    from sole_logging.exchange import metrics_text, write_entries
    from sole_logging.measures import ask
    from sole_logging.measures.facts import stored_entries
    from stepwell.logbook import entries_from, facts_of

    window = window_of(since, until)
    if path.suffix == _METRICS:
        with facts_of(source, config, *window) as connection:
            path.write_text(metrics_text(ask(connection, _query((), "", (), window))), encoding="utf-8")
        typer.echo(f"measures are in {path}")
        return
    with nullcontext() if source else facts_of("", config, *window) as facts:
        entries = entries_from(source, *window) if facts is None else stored_entries(facts, *window)
        number = write_entries(path, entries)
    typer.echo(f"{number} events are in {path}")


@sole_app.command("import")
def import_log(
    source: Annotated[str, typer.Argument(help="A file that `export` wrote, or the address of a repository's ITI-82.")],
    since: SinceOption = "",
    until: UntilOption = "",
    config: ConfigOption = None,
) -> None:
    """Bring another log into our repository: messages of another one as they are, of a file what measures need."""
    from sole_logging.exchange import read_entries
    from stepwell.logbook import is_address, own_store, repository_at, take_entries, take_messages

    with own_store(config) as store:
        if is_address(source):
            with repository_at(source) as repository:
                read, new = take_messages(store, repository.messages(*window_of(since, until), application=""), source)
            typer.echo(f"{read} messages were read, {new} of them new")
        else:
            typer.echo(f"{take_entries(store, read_entries(Path(source)))} events were read")


def _query(
    ids: list[str] | tuple[()], by: str, where: list[str] | tuple[()], window: tuple[datetime, datetime]
) -> MeasureQuery:
    from sole_logging.measures import MeasureQuery
    from sole_logging.measures.definitions import measures

    return MeasureQuery(tuple(ids) or tuple(measures()), *window, filters=filters_of(where), by=by)


def filters_of(where: list[str] | tuple[()]) -> dict[str, tuple[str, ...]]:
    """Allowed values by stratum, as the options name them."""
    filters: dict[str, tuple[str, ...]] = {}
    for one in where:
        name, equals, values = one.partition("=")
        if not equals:
            raise BadInput(f"{one!r} is no filter; write e.g. modality=CT,MR.")
        filters[name] = tuple(values.split(","))
    return filters


def _print(answer: MeasureAnswer) -> None:
    table = Table("measure", answer.query.by or "", box=None)
    for heading in ("cases", "median", "90 %", "95 %", "most", "mean"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("left out")
    for name, result in answer.results.items():
        for group in result.groups:
            numbers = (group.median, group.p90, group.p95, group.maximum, group.mean)
            cells = [_said(number, result.measure.unit) for number in numbers]
            count = "below 5" if group.hidden else "" if group.count is None else str(group.count)
            table.add_row(f"{name} {result.measure.name}", group.group, count, *cells, ", ".join(_left_out(group)))
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
    exact = "" if answer.exact else "; percentiles and maxima of many cases are known to 1 %"
    as_of = answer.data_as_of.isoformat()[:19] + "Z" if answer.data_as_of else "never"
    typer.echo(f"Data as of {as_of}. Percentiles by linear interpolation between closest ranks{exact}.", err=True)


def _left_out(group: Any) -> Iterator[str]:
    for name in ("incomplete", "pending", "order_error"):
        if number := getattr(group, name):
            yield f"{number} {name.replace('_', ' ')}"


def _said(number: float | None, unit: str) -> str:
    if number is None:
        return ""
    if unit == "share":
        return f"{number:.1%}"
    if unit != "us":
        return f"{number:,.1f} {unit}"
    seconds = number / 1_000_000
    for length, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if abs(seconds) >= length:
            return f"{seconds / length:.1f} {name}"
    return f"{seconds:.2f} s"
