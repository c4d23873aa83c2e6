"""The configuration: one TOML file plus environment variables, validated whole at start (design decision D17)."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from actors.shared.settings import ActorSettings, CommonSettings
from profiles.errors import BadInput, Finding
from stepwell.actors import ACTORS, settings_class

PREFIX = "STEPWELL_"
#: Environment variables of ours that are not settings.
NOT_SETTINGS = frozenset(
    {
        "STEPWELL_KILL_POINTS",
        "STEPWELL_OWN_NETWORK",
        "STEPWELL_PYTHON",
        "STEPWELL_SAMPLES",
        "STEPWELL_SCHEMAS",
        "STEPWELL_TEST_DATABASE_URL",
    }
)
Tables = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What ``stepwell.toml`` and the environment say: the common table and one settings value per configured actor."""

    common: CommonSettings
    actors: Mapping[str, ActorSettings]

    @property
    def pages_share_a_port(self) -> bool:
        """Whether Watcher and Image Display are both configured, on one address: then one process serves both."""
        pages = [self.actors.get("watcher"), self.actors.get("image_display")]
        return None not in pages and len({(one.host, getattr(one, "port", 0)) for one in pages if one}) == 1

    def processes(self, wanted: Sequence[str]) -> list[str]:
        """The processes to start for the actors wanted."""
        return [actor for actor in wanted if actor != "image_display" or not self.pages_share_a_port]


#: Actors that may share a port; each looks at the table of the other.
_PAGES = ("watcher", "image_display")


def _read(path: Path) -> Tables:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(
            f"There is no configuration file {path}; `stepwell config show` prints one to start from."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The configuration file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"The configuration file {path} is not TOML: {error}.") from error
    return content


def _with_environment(tables: Tables, environment: Mapping[str, str]) -> Tables:
    """Lay ``STEPWELL_<TABLE>__<KEY>=value`` over the file; ``STEPWELL_<KEY>`` is a key of the common table."""
    merged = {name: dict(table) if isinstance(table, dict) else table for name, table in tables.items()}
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        *path, key = name.removeprefix(PREFIX).lower().split("__")
        table = merged.setdefault(path[0] if path else "stepwell", {})
        for part in path[1:]:
            table = table.setdefault(part, {})
        table[key] = value
    return merged


def _findings(table: str, error: ValidationError) -> list[Finding]:
    rows = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        rows.append(Finding(f"[{table}] {where}".rstrip(), message, remedy=_remedy(problem["type"])))
    return rows


def _remedy(kind: str) -> str:
    return "Remove it, or mend its spelling." if kind == "extra_forbidden" else ""


def validate(tables: Tables, only: Sequence[str] = ()) -> Configuration:
    """Check all tables and report every problem at once.

    Args:
        tables: TOML tables by name; ``stepwell`` is the common one.
        only: actors to run though they have no table; they get their defaults.

    Raises:
        BadInput: with one finding per problem.
    """
    findings: list[Finding] = []
    common = CommonSettings()
    try:
        common = CommonSettings(**tables.get("stepwell", {}))
    except (ValidationError, TypeError) as error:
        findings += (
            _findings("stepwell", error) if isinstance(error, ValidationError) else [Finding("[stepwell]", str(error))]
        )
    actors: dict[str, ActorSettings] = {}
    for name in [*tables, *(actor for actor in only if actor not in tables)]:
        if name == "stepwell":
            continue
        if name not in ACTORS:
            findings.append(Finding(f"[{name}]", "is no actor.", remedy=f"Actors are {', '.join(ACTORS)}."))
            continue
        try:
            actors[name] = settings_class(name).model_validate(tables.get(name, {}))
        except ValidationError as error:
            findings += _findings(name, error)
    if findings:
        raise BadInput(
            "The configuration has problems:\n" + "\n".join(f"  {row}" for row in findings), findings=findings
        )
    ordered = {name: actors[name] for name in ACTORS if name in actors}
    return Configuration(common, ordered)


def load(
    path: Path | None,
    only: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    alone: bool = False,
) -> Configuration:
    """Read and check the configuration; without a file every actor gets its defaults.

    Args:
        path: the TOML file, or None.
        only: actors that are wanted; without a file and without names, all of them.
        environment: environment variables; this process's when not given.
        alone: whether the tables of other actors were checked already: what reads them takes memory.

    Raises:
        BadInput: with one finding per problem.
    """
    tables = _read(path) if path else {}
    tables = _with_environment(tables, os.environ if environment is None else environment)
    if alone:
        tables = {name: table for name, table in tables.items() if name in {"stepwell", *_PAGES, *only}}
    wanted = only or ([] if path else list(ACTORS))
    return validate(tables, wanted)
