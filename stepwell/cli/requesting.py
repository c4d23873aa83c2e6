"""``stepwell request``: a person asks for work on a study."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from profiles.errors import BadInput, NotFound, StepwellError, Unavailable
from stepwell.cli.options import ConfigOption, JsonOption
from stepwell.settings import load

_NOT_FOUND, _FAILED, _CREATED = 404, 500, 201


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(request)


def request(
    study: Annotated[str, typer.Argument(help="Study Instance UID; the archive has to have it.")],
    rule: Annotated[str, typer.Option("--rule", help="The rule to follow, whatever its condition says.")],
    priority: Annotated[str, typer.Option("--priority", help="stat, asap or routine; the rule's when not given.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the Task Requester for work on a study, without an order."""
    import httpx

    settings = load(config, only=["task_requester"]).actors["task_requester"]
    port = settings.triggers.http_port  # type: ignore[attr-defined] # the settings of the Task Requester
    if port is None:
        raise BadInput("The Task Requester takes no requests; set http_port in [task_requester.triggers].")
    url = f"http://{settings.host}:{port}/requests"
    try:
        answer = httpx.post(url, json={"study": study, "rule": rule, "priority": priority}, trust_env=False)
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"The Task Requester at {url} does not answer. Check that it runs.") from error
    if answer.status_code != _CREATED:
        raise _refusal(answer.status_code, said.get("message", answer.reason_phrase))
    if as_json:
        typer.echo(json.dumps(said))
        return
    typer.echo(f"request {said['order']}: {said['effect']}. `stepwell trace {said['study']}` tells what comes of it.")


def _refusal(status: int, words: str) -> StepwellError:
    if status >= _FAILED:
        return Unavailable(words)
    return NotFound(words) if status == _NOT_FOUND else BadInput(words)
