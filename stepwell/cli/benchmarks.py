"""``stepwell bench``: speed as ratios against a baseline in the same run."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from profiles.errors import BadInput
from stepwell.cli.options import JsonOption

CHECKOUT = Path(__file__).parent.parent.parent


def register(app: typer.Typer) -> None:
    """Add the commands of this module, where there are benchmarks to run."""
    app.command()(bench)


def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks to run; all when none is named.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes; each row says so.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run benchmarks, each against a baseline in the same run (needs a checkout of the repository)."""
    available = _available()
    if unknown := [name for name in names or [] if name not in available]:
        raise BadInput(f"There is no benchmark {unknown[0]!r}. Benchmarks are {', '.join(available)}.")
    rows: list[dict[str, Any]] = []
    for name in names or available:
        rows += importlib.import_module(available[name]).run(quick)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        verdict = "met" if row["met"] else "MISSED"
        typer.echo(
            f"{row['name']:16} ratio {row['ratio']:6.2f} (goal {row['goal']}, {row['better']} is better): {verdict}; "
            f"{row['value']:.4g} against {row['baseline']:.4g} {row['unit']}. {row['note']}"
        )


def _available() -> dict[str, str]:
    """Module by benchmark name, from the checkout's ``benchmarks`` folder."""
    directory = CHECKOUT / "benchmarks"
    found = sorted(path.stem for path in directory.glob("*.py") if not path.stem.startswith("_"))
    if not found:
        raise BadInput("Benchmarks are not part of the installed package; run this from a checkout of the repository.")
    sys.path.insert(0, str(CHECKOUT))
    return {stem.replace("_", "-"): f"benchmarks.{stem}" for stem in found}
