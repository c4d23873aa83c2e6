"""The expressions of the rule file: those of the `rule-engine` library over typed names; nothing is ever run as Python.

A name in lower case is a field of ``tables/context.csv``. A name like ``MagneticFieldStrength`` is a DICOM attribute of
the first image (of the study, or of the series), and ``RequestAttributesSequence__ScheduledProcedureStepID`` an
attribute within a sequence, of all of its items. What is not known is an empty text or list, or no number: every
comparison with that is false.

Patterns are those of RE2, which takes time linear in the text whatever the pattern is, and what a condition may read of
lists is bounded: nothing that a rule, an order or an image says can make the requester slow.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import re2
import rule_engine
from pydicom.datadict import dictionary_VM
from rule_engine.builtins import Builtins

from profiles.dicom import get_all, items, tag_of, vr_of
from profiles.errors import BadInput
from profiles.tables import read_table

DATASET = "dicom"
"""The key under which the values have the DICOM JSON dataset of the first image."""
UNKNOWN = float("nan")
_NUMBERS = frozenset({"DS", "IS", "FL", "FD", "SL", "SS", "SV", "UL", "US", "UV"})
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_WITHIN = "__"
#: Of what the library offers: all that answers the same whenever it is asked, and soon.
_FUNCTIONS = ("abs", "all", "any", "filter", "map", "max", "min", "parse_float", "split", "sum")
_EMPTY: dict[str, Any] = {"text": "", "number": UNKNOWN, "texts": [], "numbers": []}
_HIDDEN = "kept back"
#: How many values and characters one decision may read, in all rounds over lists.
_EFFORT = 200_000


@dataclass(frozen=True, slots=True)
class Name:
    """A name that an expression may use.

    Attributes:
        name: as it is written.
        kind: ``text``, ``number``, ``texts`` or ``numbers``.
        open: whether its value may stand in a log; what tells of the patient may not.
    """

    name: str
    kind: str
    open: bool = True

    def value(self, values: Mapping[str, Any]) -> Any:
        """Its value; what is not known is empty."""
        if self.name in values:
            found = values[self.name]
            return _EMPTY[self.kind] if found is None else found
        found = _attributes(values.get(DATASET) or {}, self.name.split(_WITHIN)) if self.name[0].isupper() else []
        converted = [_number(one) if self.kind.startswith("number") else _text(one) for one in found]
        return converted if self.kind.endswith("s") else next(iter(converted), _EMPTY[self.kind])


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression that is ready to be asked.

    Attributes:
        text: as it is written.
        compiled: by the library.
        names: those that it uses.
    """

    text: str
    compiled: Any
    names: tuple[Name, ...]

    @property
    def shown(self) -> str:
        """The expression on one line."""
        return " ".join(self.text.split())

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it holds.

        Raises:
            ExpressionFailed: when the library cannot tell.
        """
        return bool(self.value(values))

    def value(self, values: Mapping[str, Any]) -> Any:
        """What it comes to.

        Raises:
            ExpressionFailed: when the library cannot tell.
        """
        try:
            return evaluate(self.compiled, values)
        except Exception as error:  # an expression may ask for anything: item 3 of 2, the number in "abc", the stack
            reason = getattr(error, "message", "") or type(error).__name__
            raise ExpressionFailed(f"{self.shown!r} cannot be decided: {reason}") from error

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the names that it uses, for the eyes of those who may see the patient's."""
        return {name.name: name.value(values) for name in self.names}

    def seen(self, values: Mapping[str, Any]) -> str:
        """The values of the names that it uses, in words; those of the patient are kept back."""
        return ", ".join(f"{one.name} is {show(one.value(values)) if one.open else _HIDDEN}" for one in self.names)


class _Reading:
    """The values for one decision, and how much of them may still be read."""

    __slots__ = ("_left", "_values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values, self._left = values, _EFFORT

    def value(self, name: Name) -> Any:
        found = name.value(self._values)
        self._left -= 1 + (len(found) if isinstance(found, list | str) else 0)
        if self._left < 0:
            raise BadInput(f"it goes through {name.name} too often")
        return found


def evaluate(part: Any, values: Mapping[str, Any]) -> Any:
    """What an expression of the library, or a node of one, comes to; raises whatever the library does."""
    return part.evaluate(_Reading(values))


class _Functions(Builtins):  # type: ignore[misc]  # the library has no types
    """Those of the library that a condition may use; any other is a fault of the file, not of the run."""

    def resolve_type(self, name: str) -> Any:
        if name not in _FUNCTIONS:
            raise rule_engine.SymbolResolutionError(name)
        return super().resolve_type(name)


class ExpressionFailed(BadInput):
    """An expression met values that it cannot be asked about (``docs/rules.md``, unknown values)."""


def compile_expression(text: str, scopes: tuple[str, ...]) -> Condition:
    """Make an expression ready.

    Args:
        text: as it is written.
        scopes: of the fields that it may use: ``study``, ``series``.

    Raises:
        ValueError: what is wrong with it, in words.
    """
    used: dict[str, Name] = {}

    def type_of(name: str) -> Any:
        found = find_name(name, scopes)
        if found is None:
            raise rule_engine.SymbolResolutionError(name)
        used[name] = found
        return _kinds()[found.kind]

    context = rule_engine.Context(
        type_resolver=type_of,
        resolver=lambda reading, name: reading.value(used[name]),
        decimal_context=decimal.Context(prec=28, traps=[]),
    )
    known = context.builtins
    context.builtins = _Functions(
        {name: known[name] for name in _FUNCTIONS}, value_types={name: known.resolve_type(name) for name in _FUNCTIONS}
    )
    try:
        compiled = rule_engine.Rule(text, context=context)
    except rule_engine.EngineError as error:
        raise ValueError(_fault(error)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except Exception as error:  # the library computes constants at once, and some of them cannot be
        raise ValueError(f"{type(error).__name__} at its constants") from error
    return Condition(text, compiled, tuple(used[name] for name in sorted(used)))


def compile_pattern(pattern: str) -> Any:
    """A regular expression that is matched in linear time.

    Raises:
        ValueError: when it is none, or looks ahead or back, which cannot be.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"{pattern!r} is no pattern of RE2: {error.args[0].decode(errors='replace')}") from None


def _as_pattern(node: Any, pattern: str) -> Any:
    """In the place of the library's own; a pattern that is a value is not quoted, as it may tell of the patient."""
    try:
        return compile_pattern(pattern)
    except ValueError as error:
        is_written = isinstance(node.right, rule_engine.ast.StringExpression)
        raise rule_engine.EvaluationError(str(error) if is_written else "a value is no pattern of RE2") from None


# The library has no other way to say what matches its patterns.
rule_engine.ast.FuzzyComparisonExpression._compile_regex = _as_pattern


@cache
def find_name(name: str, scopes: tuple[str, ...]) -> Name | None:
    """What a name stands for; None when for nothing."""
    if row := fields(scopes).get(name):
        return Name(name, row["type"], row["patient"] != "yes")
    if not name[:1].isupper():
        return None
    *sequences, keyword = name.split(_WITHIN)
    try:
        if any(vr_of(one) != "SQ" for one in sequences) or vr_of(keyword) in {"SQ", *_BINARY}:
            return None
        several = bool(sequences) or dictionary_VM(int(tag_of(keyword), 16)) != "1"
    except KeyError:
        return None
    kind = "number" if vr_of(keyword) in _NUMBERS else "text"
    return Name(name, kind + "s" * several, not _tells_of_patient(keyword))


@cache
def fields(scopes: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """The rows of ``tables/context.csv`` by field."""
    return {row["field"]: row for row in read_table("actors.task_requester", "context") if row["scope"] in scopes}


def show(value: Any) -> str:
    """A value for people."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(one) for one in value) + "]"
    if isinstance(value, str):
        return repr(value)
    known = isinstance(value, int | float | decimal.Decimal) and value == value  # noqa: PLR0124  # nan is not
    return f"{value:g}" if known else "unknown"


def _fault(error: Exception) -> str:
    name = getattr(error, "symbol_name", "")
    if not isinstance(error, rule_engine.SymbolResolutionError):
        return str(getattr(error, "message", error))
    try:
        is_sequence = bool(name) and vr_of(name) == "SQ"
    except KeyError:
        is_sequence = False
    if is_sequence:
        return f"{name} is a sequence; name an attribute within it, e.g. {name}__CodeValue"
    return f"{name!r} is no field, and no DICOM attribute that can be compared"


@cache
def _kinds() -> dict[str, Any]:
    text, number, several = rule_engine.DataType.STRING, rule_engine.DataType.FLOAT, rule_engine.DataType.ARRAY
    return {"text": text, "number": number, "texts": several(text), "numbers": several(number)}


@cache
def _tells_of_patient(keyword: str) -> bool:
    return vr_of(keyword) == "PN" or keyword.startswith(("Patient", "OtherPatient")) or keyword in _PERSONAL


_PERSONAL = frozenset(
    {"AccessionNumber", "AdmissionID", "AdditionalPatientHistory", "EthnicGroup", "MilitaryRank", "Occupation"}
)


def _attributes(dataset: Any, path: Sequence[str]) -> list[Any]:
    found = [dataset]
    for keyword in path[:-1]:
        found = [inner for one in found for inner in items(one, keyword)]
    return [value for one in found for value in get_all(one, path[-1]) if value is not None]


def _number(value: Any) -> float:
    convert: Callable[[Any], float] = float
    try:
        return convert(value)
    except (TypeError, ValueError):
        return UNKNOWN


def _text(value: Any) -> str:
    return str(value.get("Alphabetic", "") if isinstance(value, dict) else value)
