"""What a system under test says of itself: the file that a test engineer writes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from profiles.errors import BadInput

Seconds = Annotated[float, Field(gt=0)]


class Strict(BaseModel):
    """A table of the file in which no other key may stand."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SystemName(Strict):
    """Whose system it is: the ``[system]`` table."""

    name: str = Field(min_length=1)
    vendor: str = ""
    version: str = ""


class Limits(Strict):
    """How long the harness waits and how much it takes: the ``[limits]`` table.

    Attributes:
        answer_seconds: for one answer over the network.
        reaction_seconds: for the system to act of itself, such as sending an event.
        quiet_seconds: how long nothing must come before the harness believes that nothing comes.
        answer_bytes: for one answer; what is longer is refused and counts against the system.
    """

    answer_seconds: Seconds = 10.0
    reaction_seconds: Seconds = 30.0
    quiet_seconds: Seconds = 1.0
    answer_bytes: int = Field(default=64 * 1024 * 1024, gt=0)


class OperatorTable(Strict):
    """Who carries out what only a person at the system can do: the ``[operator]`` table.

    Attributes:
        mode: ``console`` asks on the terminal; ``command`` runs a program with the instruction as JSON on its standard
            input (exit status 0: done, 1: not done); ``none`` leaves such tests undecided.
        command: the program and its arguments.
    """

    mode: Literal["console", "command", "none"] = "none"
    command: tuple[str, ...] = ()


class Declaration(Strict):
    """The whole file; each suite adds the addresses of its actor.

    Attributes:
        options: capabilities that the system claims, by the names that ``stepwell conform list`` shows.
        transports: over which of the test's transports it can be tested.
    """

    system: SystemName
    limits: Limits = Limits()
    operator: OperatorTable = OperatorTable()
    options: frozenset[str] = frozenset()
    transports: frozenset[str] = frozenset({"rest"})


D = TypeVar("D", bound=Declaration)


def read_declaration(kind: type[D], path: Path, known_options: frozenset[str] | None = None) -> D:
    """The declaration in a TOML file.

    Args:
        kind: the suite's declaration.
        path: the file.
        known_options: the options that the suite's tests ask for; others are refused, because a typing mistake would
            silently leave tests out.

    Raises:
        BadInput: with every problem of the file at once.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"The declaration {path} cannot be read: {error}") from error
    problems: list[str] = []
    declared: D | None = None
    try:
        declared = kind.model_validate(content)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
    options = declared.options if declared else frozenset(str(one) for one in content.get("options", ()))
    if known_options is not None:
        problems += [
            f"options: {option!r} is not known here; known are {', '.join(sorted(known_options)) or 'none'}"
            for option in sorted(options - known_options)
        ]
    if declared is None or problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise BadInput(f"The declaration {path} has {len(problems)} problem(s); nothing was sent:\n{listed}")
    return declared
