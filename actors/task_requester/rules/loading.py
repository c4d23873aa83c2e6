"""Read a rule file: all of its faults at once."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from actors.task_requester.rules.deciding import Rule
from actors.task_requester.rules.language import Condition, compile_expression, fields
from actors.task_requester.rules.model import RuleTable
from profiles.errors import BadInput, Finding

_DEFAULT = "default_rules.toml"
_REMEDY = "The fields and the file's form are listed in docs/rules.md."
#: ``[[pipeline]]`` tables are for the Task Manager, which checks and drives them.
_KEYS = frozenset({"rule", "pipeline"})
_STUDY, _SERIES = ("study",), ("study", "series")


def load_rules(path: Path | None) -> tuple[Rule, ...]:
    """Read and compile a rule file; the one of the package when no path is given.

    Raises:
        BadInput: with every fault of the file.
    """
    where = str(path) if path else _DEFAULT
    document = _read(path, where)
    tables = document.get("rule")
    findings = [Finding(key, "It is no key of a rule file.", "", _REMEDY) for key in document if key not in _KEYS]
    if not isinstance(tables, list) or not tables:
        findings.append(Finding("rule", "There is no [[rule]] in the file.", "", _REMEDY))
        tables = []
    rules = [_rule(number, table, findings) for number, table in enumerate(tables, 1)]
    found = tuple(rule for rule in rules if rule)
    names = [rule.table.name for rule in found]
    findings += [
        Finding(f"rule {name}", "Two rules have this name.", "", "Give each rule its own.")
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    if findings:
        listed = "\n".join(f"  {finding}" for finding in findings)
        raise BadInput(f"The rule file {where} has {len(findings)} fault(s):\n{listed}", findings=findings)
    return found


def _read(path: Path | None, where: str) -> dict[str, Any]:
    try:
        content = path.read_text(encoding="utf-8") if path else _default_text()
        return tomllib.loads(content)
    except OSError as error:
        message = (
            f"The rule file {where} cannot be read: {error.strerror}. Name another one in rules of [task_requester]."
        )
        raise BadInput(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The rule file {where} is no TOML: {error}. {_REMEDY}") from error


def _default_text() -> str:
    return files("actors.task_requester").joinpath(_DEFAULT).read_text(encoding="utf-8")


def _rule(number: int, table: Any, findings: list[Finding]) -> Rule | None:
    place = f"rule {table.get('name', number) if isinstance(table, dict) else number}"
    try:
        written = RuleTable.model_validate(table)
    except ValidationError as error:
        for fault in error.errors():
            path = ".".join(str(part) for part in fault["loc"])
            findings.append(Finding(f"{place}, {path}" if path else place, f"{fault['msg']}.", "", _REMEDY))
        return None
    known = len(findings)
    when = _compile(written.when, _STUDY, f"{place}, when", findings)
    series = _compile(written.series, _SERIES, f"{place}, series", findings)
    prefer = _compile(written.series_prefer, _SERIES, f"{place}, series_prefer", findings)
    priors = _compile(written.priors.series if written.priors else "", _SERIES, f"{place}, priors.series", findings)
    return Rule(written, when, series, prefer, priors) if when and len(findings) == known else None


def _compile(text: str, scopes: tuple[str, ...], place: str, findings: list[Finding]) -> Condition | None:
    if not text:
        return None
    try:
        return compile_expression(text, scopes)
    except ValueError as error:
        words = f"{text!r} is no condition: {error}."
        remedy = f"Fields: {', '.join(sorted(fields(scopes)))}; and DICOM keywords."
        findings.append(Finding(place, words, "", remedy))
        return None
