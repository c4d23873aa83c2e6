"""``stepwell conform``: the harness against a system under test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from profiles.errors import BadInput
from stepwell.cli.options import JsonOption

if TYPE_CHECKING:
    from conformance.harness import Case, Operator, Suite
    from conformance.harness.declaration import Declaration

conform_app = typer.Typer(
    help="Judge a system by the IHE profiles: any vendor's actor, from outside.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
ActorArgument = Annotated[str, typer.Argument(help="The actor that the system plays.", metavar="ACTOR")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(conform_app, name="conform")


@conform_app.command("list")
def list_tests(
    actor: Annotated[str | None, typer.Argument(help="Only this actor's tests.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """List the tests, and which requirements have none that was shown to catch a breach."""
    from conformance.coverage import coverage, internal, uncovered
    from conformance.harness.registry import suite, suites

    chosen = [suite(_folder(actor))] if actor else list(suites().values())
    tests = [
        {
            "id": case.id,
            "title": case.title,
            "actor": one.actor,
            "requirements": [case.requirement.id],
            "source": case.requirement.source,
            "option": case.option,
        }
        for one in chosen
        for case in one.cases
    ]
    shares, open_rows, inside = coverage(), uncovered(), internal()
    if as_json:
        told = {"tests": tests, "coverage": shares, "uncovered": open_rows, "internal": inside}
        typer.echo(json.dumps(told, indent=1))
        return
    table = Table("test", "actor", "shows that", "source", "only with")
    for test in tests:
        table.add_row(*(str(test[key]) for key in ("id", "actor", "title", "source", "option")))
    Console().print(table)
    typer.echo("Proved requirements: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    typer.echo(f"Without proof ({len(open_rows)}): {' '.join(open_rows)}")
    typer.echo(f"Not to be judged from outside ({len(inside)}): {' '.join(inside)}")


@conform_app.command()
def declare(actor: ActorArgument) -> None:
    """Print what the declaration of such a system may say; fill it in and give it to `conform run`."""
    from conformance.harness.registry import suite
    from conformance.reports.declaring import example

    typer.echo(example(suite(_folder(actor))))


@conform_app.command()
def run(
    actor: ActorArgument,
    config: Annotated[Path, typer.Option("--config", "-c", help="The declaration: see `stepwell conform declare`.")],
    report: Annotated[Path, typer.Option("--report", help="Folder for the report; made when it is not there.")],
    test: Annotated[
        list[str] | None, typer.Option("--test", help="Only tests whose id begins so; may be repeated.")
    ] = None,
    no_patient_data: Annotated[
        bool, typer.Option("--no-patient-data", help="Keep no value in the evidence that identifies a patient.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the tests; exit 0 conformant, 1 fail, 2 usage, 3 not decided, 4 defect of the harness."""
    from conformance.harness import Evidence
    from conformance.harness import run as play
    from conformance.harness.declaration import read_declaration
    from conformance.harness.registry import suite
    from conformance.harness.verdicts import exit_status
    from conformance.reports.results import Gathering
    from conformance.reports.writing import write_report

    chosen = suite(_folder(actor))
    declared = read_declaration(chosen.declaration, config, frozenset(one.option for one in chosen.cases if one.option))
    cases = _chosen(chosen, test or [])
    if report.exists() and any(report.iterdir()):
        raise BadInput(f"The folder {report} is not empty; name another one for the report.")
    evidence = Evidence(report / "evidence", patient_data=not no_patient_data)
    gathering = Gathering(declared.system.vendor, declared.system.version, version("stepwell"))
    for event in play(chosen, declared, _operator(declared), evidence, cases):
        gathering.take(event)
        if not as_json:
            _say(event)
    write_report(gathering.result, evidence, report)
    if as_json:
        typer.echo((report / "report.json").read_text(encoding="utf-8"))
    else:
        typer.echo(f"{gathering.result.verdict}: {report / 'report.html'}")
    raise typer.Exit(exit_status(gathering.result.verdict))


@conform_app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="Folder of the earlier report.")],
    after: Annotated[Path, typer.Argument(help="Folder of the later report.")],
    as_json: JsonOption = False,
) -> None:
    """Say which tests ended differently in two runs; exit 1 when something became worse."""
    from conformance.reports.comparing import changes
    from conformance.reports.results import read_result

    earlier, later = read_result(before), read_result(after)
    found = changes(earlier, later)
    if as_json:
        rows = [{"id": one.id, "before": one.before, "after": one.after, "worse": one.worse} for one in found]
        typer.echo(json.dumps(rows, indent=1))
    else:
        for one in found:
            word = "worse " if one.worse else "      "
            typer.echo(f"{word} {one.id:24} {one.before or 'not run'} → {one.after or 'not run'}")
        typer.echo(f"{earlier.verdict} → {later.verdict}, {len(found)} of {len(later.tests)} tests ended differently")
    if any(one.worse for one in found):
        raise typer.Exit(1)


@conform_app.command()
def again(
    report: Annotated[Path, typer.Argument(help="Folder of a report.")],
    as_json: JsonOption = False,
) -> None:
    """Judge a report again from its evidence, without the system; exit 1 when it does not stand."""
    from conformance.reports.again import judge_again

    judged = judge_again(report)
    if as_json:
        rows = [{"rule": one.rule, "severity": one.severity, "file": one.file} for one in judged.findings]
        typer.echo(json.dumps({"problems": judged.problems, "findings": rows}, indent=1))
    else:
        for problem in judged.problems:
            typer.echo(problem)
        typer.echo(
            f"{len(judged.result.evidence)} items of evidence, {len(judged.result.tests)} tests, "
            f"{len(judged.findings)} findings of the object checks; {len(judged.problems)} contradictions"
        )
    if judged.problems:
        raise typer.Exit(1)


def _folder(actor: str) -> str:
    return actor.strip().lower().replace("-", "_").replace(" ", "_")


def _chosen(chosen: Suite, wanted: Sequence[str]) -> list[Case]:
    cases = [case for case in chosen.cases if not wanted or any(case.id.startswith(one) for one in wanted)]
    if not cases:
        raise BadInput(f"No test of {chosen.title} begins with {', '.join(wanted)}; see `stepwell conform list`.")
    return cases


def _operator(declared: Declaration) -> Operator:
    from conformance.harness import ConsoleOperator, NobodyThere
    from conformance.harness.operators import ProgramOperator

    if declared.operator.mode == "console":
        return ConsoleOperator()
    if declared.operator.mode == "command":
        return ProgramOperator(declared.operator.command)
    return NobodyThere()


def _say(event: Any) -> None:
    from conformance.harness.events import TestEnded

    if isinstance(event, TestEnded):
        why = event.reason or next((one.text for one in event.assertions if not one.holds), "")
        words = f" — {why}" if event.verdict not in {"pass", "omit"} and why else ""
        typer.echo(f"{event.verdict:13} {event.case.id:22} {event.case.title}{words}")


__all__ = ["register"]
