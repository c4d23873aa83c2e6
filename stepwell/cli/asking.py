"""``stepwell trace``, ``check`` and ``engine``: commands that answer a question and change nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from profiles.errors import NotFound
from stepwell.cli.options import ConfigOption, JsonOption
from stepwell.settings import load

engine_app = typer.Typer(help="The AI engines of this installation.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(trace)
    app.command()(check)
    app.add_typer(engine_app, name="engine")


def trace(
    identifier: Annotated[
        str, typer.Argument(help="Accession number, Study Instance UID, workitem UID or order number.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the whole thread of one study, from the order message to the results, with times and durations."""
    from stepwell.trace import is_known, render, trace_thread

    thread = trace_thread(identifier, load(config))
    if as_json:
        typer.echo(json.dumps(thread, indent=2))
    if not is_known(thread):
        raise NotFound(
            f"Nothing is known of {identifier!r}. Give an accession number, Study Instance UID, workitem UID or order "
            "number, and the configuration of the actors that should know it (--config)."
            + "".join(f"\n{words}" for words in thread["unanswered"])
        )
    if not as_json:
        render(thread, Console())


def check(
    family: Annotated[str, typer.Argument(help="What kind of thing the files are.", metavar="FAMILY")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", metavar="PATH...")],
    as_json: JsonOption = False,
) -> None:
    """Judge files and folders by the standard's rules; exit status 1 when a rule of severity error is broken."""
    import conformance

    findings = conformance.check(family, paths)
    if as_json:
        typer.echo(json.dumps([{key: str(value) for key, value in asdict(row).items()} for row in findings], indent=2))
    else:
        for row in findings:
            typer.echo(
                f"{row.severity:8} {row.file}\n         {row.rule} {row.path}: {row.message}\n         {row.fix}"
            )
        typer.echo(f"{len(findings)} findings", err=True)
    if any(row.severity == conformance.Severity.ERROR for row in findings):
        sys.exit(1)


@engine_app.command("list")
def list_engines(as_json: JsonOption = False) -> None:
    """List the engines: name, version, vendor, the workitem codes they serve."""
    from ai_engines.registry import engines

    rows = []
    for engine in engines():
        about = engine.describe()
        rows.append(
            {
                "name": about.name,
                "version": about.version,
                "vendor": about.vendor,
                "codes": [f"{code.value} {code.scheme} ({code.meaning})" for code in about.workitem_codes],
                "kind": about.kind,
                "weights": about.weights,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("name", "version", "vendor", "workitem codes", "weights")
    for row in rows:
        cells = ("\n".join(cell) if isinstance(cell, list) else str(cell) for key, cell in row.items() if key != "kind")
        table.add_row(*cells)
    Console().print(table)


@engine_app.command()
def describe(name: str, as_json: JsonOption = False) -> None:
    """Say everything about one engine: training data, validation figures, limits of use."""
    from ai_engines.registry import engines

    about = next((found.describe() for found in engines() if found.describe().name == name), None)
    if about is None:
        raise NotFound(f"There is no engine {name!r}; `stepwell engine list` names those there are.")
    if as_json:
        typer.echo(json.dumps(asdict(about), indent=2, default=str))
        return
    for key, value in asdict(about).items():
        typer.echo(f"{key.replace('_', ' ')}: {_plain(value)}".replace(": \n", ":\n"))


def _plain(value: Any) -> str:
    """A value of a description for people: codes and figures in one line each."""
    if isinstance(value, dict) and set(value) == {"value", "scheme", "meaning"}:
        return f"{value['value']} {value['scheme']} ({value['meaning']})"
    if isinstance(value, dict):
        return "".join(f"\n  {key}: {_plain(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, tuple | list) and any(isinstance(one, dict) for one in value):
        return "\n".join(_plain(one) for one in value)
    if isinstance(value, tuple | list):
        return ", ".join(value) or "none"
    return str(value) or "none"
