"""Values that tell the conditions of a rule file apart: those that it names, and others beside them."""

from __future__ import annotations

import decimal
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from actors.task_requester.rules.forms import ANY, Form, form_of
from actors.task_requester.rules.language import UNKNOWN, Condition, Name, compile_pattern, evaluate

_OTHER = "zz other"
#: How often a name gets a value that its own rule names.
_OWN = 0.8
_STEPS = 60
#: Of lists whose length is asked for.
_LONGEST = 50
_MARKUP = re.compile(r"\(\?[a-zA-Z]+\)|\\[bBAZ]|[()^$?]|\(\?:|[.][*]")
_TO_SAMPLES = (
    (r"\[(.)[^\]]*\]", r"\1"),
    (r"\\d", "1"),
    (r"\\s", " "),
    (r"\\w", "x"),
    (r"[.]?[+]", "x"),
    (r"\\(.)", r"\1"),
)

Candidates = dict[str, list[Any]]


def candidates(condition: Condition) -> Candidates:
    """For each name of a condition, the values worth trying."""
    literals = _literals_by_name(condition)
    return {name.name: list(_values(name, literals[name.name])) for name in condition.names}


def _literals_by_name(condition: Condition) -> dict[str, list[tuple[Any, bool]]]:
    literals: dict[str, list[tuple[Any, bool]]] = {name.name: [] for name in condition.names}
    _collect(condition.compiled.statement, literals)
    return literals


def samples_of(pattern: str, form: Form = ANY) -> list[str]:
    """Texts of a form that a regular expression fits; none when it is too much for this simple way of guessing."""
    found, fits = [], compile_pattern(pattern).search
    for part in [pattern, *re.split(r"(?<!\\)\|", pattern)]:
        plain = _MARKUP.sub("", part)
        for what, by in _TO_SAMPLES:
            plain = re.sub(what, by, plain)
        found += [one for one in (plain, f"{plain} ", plain.upper()) if fits(one) and form.has(one)][:1]
    return list(dict.fromkeys(found))


def unseen(condition: Condition) -> list[str]:
    """The patterns of a condition for which no fitting text is known, so that nothing can be said about them."""
    patterns = [one for one, is_pattern in _literals(condition.compiled.statement) if is_pattern]
    return [one for one in patterns if not samples_of(one)]


def impossible(condition: Condition) -> list[str]:
    """What is compared with a name that never has such a value, in words."""
    literals = _literals_by_name(condition)
    return [
        f"{name.name} is never {one!r}, it is {form_of(name).words}"
        for name in condition.names
        for one, is_pattern in dict.fromkeys(literals[name.name])
        if not is_pattern and isinstance(one, str) and not form_of(name).has(one)
    ]


def draw(random: Random, own: Candidates, all_of_them: Mapping[str, list[Any]]) -> dict[str, Any]:
    """One combination: names of ``own`` mostly by its values, the others by anybody's."""
    found = {}
    for name, values in all_of_them.items():
        mine = own.get(name)
        found[name] = random.choice(mine if mine and random.random() < _OWN else values)
    return found


@dataclass(frozen=True, slots=True)
class Part:
    """One of the conditions that `and` joins.

    Attributes:
        names: that it uses.
        node: of the syntax tree.
    """

    names: frozenset[str]
    node: Any

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it holds; not when it fails."""
        try:
            with decimal.localcontext(decimal.Context(traps=[])):
                return bool(evaluate(self.node, values))
        except Exception:  # as in language.py: it may ask for anything
            return False


def parts(condition: Condition) -> list[Part]:
    """What `and` joins in a condition."""
    return list(_parts(condition.compiled.statement.expression))


def steer(random: Random, values: dict[str, Any], wanted: Sequence[Part], own: Candidates) -> dict[str, Any]:
    """Change values until all parts hold, or for so long: those of the first part that does not are drawn anew."""
    found = dict(values)
    for _ in range(_STEPS):
        failing = next((part for part in wanted if not part.holds(found)), None)
        if failing is None:
            break
        found |= {name: random.choice(own[name]) for name in sorted(failing.names & own.keys())}
    return found


def _parts(node: Any) -> Iterator[Part]:
    if type(node).__name__ == "LogicExpression" and node.type == "and":
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield Part(frozenset(_symbols(node)), node)


def _collect(node: Any, literals: dict[str, list[Any]]) -> set[str]:
    """Give the literals beneath a comparison to the names beneath it."""
    kind = type(node).__name__
    names: set[str] = {node.name} if kind == "SymbolExpression" else set()
    for child in _children(node):
        names |= _symbols(child) if kind == "ComprehensionExpression" else _collect(child, literals)
    if kind == "LogicExpression":
        return set()
    for name in names & literals.keys():
        literals[name] += _literals(node)
    return names


def _symbols(node: Any) -> set[str]:
    own = {node.name} if type(node).__name__ == "SymbolExpression" else set()
    return own.union(*(_symbols(child) for child in _children(node)))


def _literals(node: Any, is_pattern: bool = False) -> list[tuple[Any, bool]]:
    """The texts and numbers beneath a node, each with whether it is a pattern."""
    kind = type(node).__name__
    if kind in {"StringExpression", "FloatExpression"}:
        return [(node.value if kind == "StringExpression" else float(node.value), is_pattern)]
    is_pattern = is_pattern or kind == "FuzzyComparisonExpression"
    return [one for child in _children(node) for one in _literals(child, is_pattern)]


def _children(node: Any) -> Iterator[Any]:
    slots = [name for kind in type(node).__mro__ for name in getattr(kind, "__slots__", ())]
    for name in dict.fromkeys([*slots, *getattr(node, "__dict__", {})]):
        value = getattr(node, name, None)
        for one in value if isinstance(value, tuple | list) else (value,):
            if name != "context" and not isinstance(one, type) and hasattr(one, "evaluate"):
                yield one


def _values(name: Name, literals: list[tuple[Any, bool]]) -> Iterator[Any]:
    numbers = [one for one, _ in literals if isinstance(one, float)]
    form = form_of(name)
    if name.kind.startswith("number"):
        near = sorted({near for one in numbers for near in (one - 1, one, one + 1)})
        singles: list[Any] = [UNKNOWN, *form.values([0.0, *near])]
    else:
        found = [(one, is_pattern) for one, is_pattern in literals if isinstance(one, str)]
        texts = form.values(
            text for one, is_pattern in found for text in (samples_of(one, form) if is_pattern else [one])
        )
        texts = list(dict.fromkeys(texts))
        singles = ["", _OTHER, *texts, *form.values([" ".join(texts)] if len(texts) > 1 else [])]
    if not name.kind.endswith("s"):
        yield from singles
        return
    known = [one for one in singles if one not in ("", _OTHER) and one == one]  # noqa: PLR0124  # nan is not
    yield from ([], [singles[1]], *([one] for one in known), known)
    for length in sorted({int(one) for one in numbers if 0 < one < _LONGEST and name.kind == "texts"}):
        yield from ([f"{_OTHER} {number}" for number in range(length + more)] for more in (0, 1))
