"""``stepwell request``: a person asks for work on a study, or on many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from profiles.errors import BadInput, NotFound, StepwellError, Unavailable
from stepwell.cli.options import ConfigOption, JsonOption
from stepwell.settings import load

_NOT_FOUND, _FAILED, _REFUSED = 404, 500, 400
_SECONDS = 120.0  # a search over a large archive takes its time


class _AskFirst(TyperGroup):
    """A group whose first command need not be named: ``stepwell request STUDY`` is ``stepwell request ask STUDY``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command where nobody did."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["ask", *args]
        return super().parse_args(ctx, args)


request_app = typer.Typer(
    cls=_AskFirst,
    help="Ask for work on studies that the archive has. `stepwell request STUDY --rule NAME` is short for `ask`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NumberArgument = Annotated[int, typer.Argument(help="Number of a request for many studies, as `status` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(request_app, name="request")


@request_app.command()
def ask(
    rule: Annotated[str, typer.Option("--rule", help="The rule to follow, whatever its condition says.")],
    study: Annotated[str, typer.Argument(help="Study Instance UID; the archive has to have it.")] = "",
    query: Annotated[
        str,
        typer.Option(
            "--query",
            help="Instead of a study: all that meet a condition, e.g. "
            "'ModalitiesInStudy=MR&StudyDate=20250101-20251231'. Their priority is LOW, and they are held back behind "
            "all other work.",
        ),
    ] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="With --query: so many studies at most.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --query: only say how many studies it finds.")
    ] = False,
    priority: Annotated[
        str, typer.Option("--priority", help="stat, asap or routine, of one study; the rule's when not given.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the Task Requester for work on a study, or on all that meet a query, without an order."""
    if bool(study) == bool(query):
        raise BadInput("Name one study, or say in --query which ones.")
    if study and (limit is not None or dry_run):
        raise BadInput("--limit and --dry-run belong to --query.")
    if query and priority:
        raise BadInput("What is asked for by --query has the priority LOW; no other can be given.")
    if study:
        said = _send("POST", "/requests", config, {"study": study, "rule": rule, "priority": priority})
    else:
        said = _send("POST", "/bulk", config, {"query": query, "rule": rule, "limit": limit, "dry_run": dry_run})
    if as_json:
        typer.echo(json.dumps(said))
    elif study:
        typer.echo(
            f"request {said['order']}: {said['effect']}. `stepwell trace {said['study']}` tells what comes of it."
        )
    else:
        typer.echo(_bulk_words(said))


@request_app.command()
def status(
    number: Annotated[
        int | None, typer.Argument(help="Of a request for many studies: say why studies of it came to nothing.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how far the requests for many studies are, newest first."""
    found = _send("GET", "/bulk" if number is None else f"/bulk/{number}", config)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        if number is not None:
            typer.echo(f"{one['study']}  {one['state']}\n        {one['reason']}")
            continue
        states = ", ".join(f"{count} {state}" for state, count in one["states"].items() if count)
        typer.echo(f"{one['number']:>6}  {one['asked_at'][:19]}  {one['rule']}  {one['query']}\n        {states}")
    typer.echo(f"{len(found)} {'requests' if number is None else 'studies that came to nothing'}", err=True)


@request_app.command()
def cancel(number: NumberArgument, config: ConfigOption = None) -> None:
    """Ask for no more studies of a request for many; those whose workitem there is already go on."""
    said = _send("POST", f"/bulk/{number}/stop", config, {})
    typer.echo(f"{said['stopped']} studies of request {number} are not asked for any more")


def _bulk_words(said: dict[str, Any]) -> str:
    words = f"{said['studies']} studies, of which {said['there_already']} have the workitem already"
    if said["number"] is None:
        return f"{words}; nothing is asked for.\nThe first: {', '.join(said['first'])}"
    return f"request {said['number']}: {words}. `stepwell request status` tells how far it is."


def _send(method: str, path: str, config: Path | None, content: dict[str, Any] | None = None) -> Any:
    import httpx

    settings = load(config, only=["task_requester"]).actors["task_requester"]
    port = settings.triggers.http_port  # type: ignore[attr-defined] # the settings of the Task Requester
    if port is None:
        raise BadInput("The Task Requester takes no requests; set http_port in [task_requester.triggers].")
    url = f"http://{settings.host}:{port}{path}"
    try:
        with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
            answer = client.request(method, url, json=content)
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"The Task Requester at {url} does not answer. Check that it runs.") from error
    if answer.status_code >= _REFUSED:
        raise _refusal(answer.status_code, said.get("message", answer.reason_phrase))
    return said


def _refusal(status: int, words: str) -> StepwellError:
    if status >= _FAILED:
        return Unavailable(words)
    return NotFound(words) if status == _NOT_FOUND else BadInput(words)
