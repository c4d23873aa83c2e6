"""The rule file: which studies get which workitem (design decision D12; ``docs/orders.md``).

A rule file is TOML with ``[[rule]]`` tables. Conditions are expressions of the `rule-engine` library over the fields of
``tables/context.csv``; nothing is evaluated as Python.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import rule_engine
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from profiles.dicom import Code
from profiles.errors import BadInput, Finding
from profiles.tables import read_table

_DEFAULT = "default_rules.toml"
_REMEDY = "The fields and the file's form are listed in docs/orders.md."


class CodeValue(BaseModel):
    """A code in the rule file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str = Field(min_length=1)
    scheme: str = Field(min_length=1, max_length=16)
    meaning: str = Field(min_length=1, max_length=64)

    def code(self) -> Code:
        """As a DICOM code."""
        return Code(self.value, self.scheme, self.meaning)


class RuleTable(BaseModel):
    """One ``[[rule]]`` as it is written.

    Attributes:
        name: unique in the file; part of the workitem's identity, so keep it when a rule is edited.
        when: condition over study and order.
        means: what ``when`` asks, in words, for explanations.
        series: condition over each image series; those for which it holds are the input. All when not given.
        workitem_code: selects the algorithm.
        label: Procedure Step Label.
        worklist: Worklist Label.
        priority: for orders that do not ask for another.
        station_class: pool of performers.
        parameters: passed on to the algorithm.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    when: str = Field(min_length=1)
    means: str = ""
    series: str = ""
    workitem_code: CodeValue
    label: str = Field(min_length=1, max_length=64)
    worklist: str = Field(default="", max_length=64)
    priority: Literal["HIGH", "MEDIUM", "LOW"] = "MEDIUM"
    station_class: CodeValue | None = None
    parameters: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule says about a study.

    Attributes:
        rule: the rule.
        matches: whether a workitem is to be made.
        series: UIDs of the input series.
        explanation: why, with the values that decided.
    """

    rule: RuleTable
    matches: bool
    series: tuple[str, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class _Condition:
    text: str
    compiled: Any

    def holds(self, values: Mapping[str, Any]) -> bool:
        return bool(self.compiled.matches(values))

    def seen(self, values: Mapping[str, Any]) -> str:
        """The values of the fields that the condition names."""
        names = sorted(self.compiled.context.symbols)
        return ", ".join(f"{name} is {_shown(values.get(name))}" for name in names)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is ready to be asked."""

    table: RuleTable
    when: _Condition
    series: _Condition | None

    def decide(self, study: Mapping[str, Any], series: Sequence[Mapping[str, Any]]) -> Decision:
        """Ask the rule about a study.

        Args:
            study: values of the fields of scope ``study``.
            series: for each image series, values of the fields of scope ``series``, besides ``uid``.
        """
        name, asked = self.table.name, self.table.means or " ".join(self.when.text.split())
        if not self.when.holds(study):
            words = f"rule {name}: no, the study is not {asked}: {self.when.seen(study)}"
            return Decision(self.table, False, (), words)
        chosen = [one for one in series if self.series is None or self.series.holds({**study, **one})]
        if not chosen:
            words = f"rule {name}: no, the study is {asked}, but it has no input: {self._unfit(study, series)}"
            return Decision(self.table, False, (), words)
        words = f"rule {name}: yes, the study is {asked}: {self.when.seen(study)}"
        words += f"; input: {len(chosen)} of {len(series)} image series"
        return Decision(self.table, True, tuple(str(one["uid"]) for one in chosen), words)

    def _unfit(self, study: Mapping[str, Any], series: Sequence[Mapping[str, Any]]) -> str:
        if self.series is None or not series:
            return "it has no image series"
        condition = " ".join(self.series.text.split())
        seen = "; ".join(self.series.seen({**study, **one}) for one in series)
        return f"{condition} holds for none of its series: {seen}"


def load_rules(path: Path | None) -> tuple[Rule, ...]:
    """Read and compile a rule file; the one of the package when no path is given.

    Raises:
        BadInput: with every fault of the file.
    """
    where = str(path) if path else _DEFAULT
    try:
        content = path.read_text(encoding="utf-8") if path else _default_text()
        document = tomllib.loads(content)
    except OSError as error:
        message = (
            f"The rule file {where} cannot be read: {error.strerror}. Name another one in rules of [task_requester]."
        )
        raise BadInput(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The rule file {where} is no TOML: {error}. {_REMEDY}") from error
    tables = document.get("rule")
    findings = [Finding(key, "It is no key of a rule file.", "", _REMEDY) for key in document if key != "rule"]
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
    when = _compile(written.when, ("study",), f"{place}, when", findings)
    series = _compile(written.series, ("study", "series"), f"{place}, series", findings) if written.series else None
    if when is None or (written.series and series is None):
        return None
    return Rule(written, when, series)


def _compile(text: str, scopes: tuple[str, ...], place: str, findings: list[Finding]) -> _Condition | None:
    try:
        compiled = rule_engine.Rule(text, context=_context(scopes))
    except rule_engine.EngineError as error:
        words = f"{text!r} is no condition: {error.message}."
        findings.append(Finding(place, words, "", f"Fields: {', '.join(sorted(_types(scopes)))}."))
        return None
    return _Condition(text, compiled)


def _context(scopes: tuple[str, ...]) -> Any:
    resolver = rule_engine.type_resolver_from_dict(_types(scopes))
    return rule_engine.Context(type_resolver=resolver, default_value=None)


@cache
def _types(scopes: tuple[str, ...]) -> dict[str, Any]:
    kinds = {
        "text": rule_engine.DataType.STRING,
        "number": rule_engine.DataType.FLOAT,
        "texts": rule_engine.DataType.ARRAY(rule_engine.DataType.STRING),
    }
    rows = read_table("actors.task_requester", "context")
    return {row["field"]: kinds[row["type"]] for row in rows if row["scope"] in scopes}


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_shown(one) for one in value) + "]"
    return repr(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, (int, float)) else "unknown"
