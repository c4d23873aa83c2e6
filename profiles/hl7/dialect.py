"""Local dialects: where a sender puts what, as a file; applied before orders are read (orders.md 7).

A dialect moves values to the places where RAD-4 has them, and nothing else: the message that is kept stays as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from profiles.hl7.message import NULL, Message, read
from profiles.hl7.paths import FieldPath, with_value

#: Segments that belong to one order and are added to it when it lacks them.
ORDER_SEGMENTS = frozenset({"OBR", "TQ1", "IPC", "ZDS"})
ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """One place that a sender fills otherwise.

    Attributes:
        to: where the value shall stand; no place in MSH.
        sources: where it is looked for; the first that has a value wins.
        where: values that the segment of the source must have, by path.
        pattern: the value must match it as a whole; its first group is taken, or all of it.
        values: what becomes of each value; ``*`` stands for every other one.
        default: what is taken when no source has a value.
        keeps: whether a value that stands there already stays.
    """

    to: FieldPath
    sources: tuple[FieldPath, ...] = ()
    where: Mapping[FieldPath, str] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    default: str = ""
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one sender does otherwise.

    Attributes:
        sender: MSH-3 and MSH-4 joined by a bar; ``*`` for every sender that has no dialect of its own.
        rules: in their order; later ones see what earlier ones did.
    """

    sender: str
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """One value that a dialect moved: from where (``default`` when from nowhere), to where, before and after."""

    to: str
    source: str
    before: str
    after: str


@dataclass(slots=True)
class _Line:
    """A segment while it is rewritten; ``occurrence`` counts those of its name, ``group`` the ORC it follows."""

    text: str
    name: str
    occurrence: int
    group: int


def translate(message: Message, dialect: Dialect) -> tuple[Message, list[Taken]]:
    """A message as RAD-4 would have it, and what was taken from where.

    Raises:
        MessageRefused: what comes out cannot be read.
    """
    taken: list[Taken] = []
    for rule in dialect.rules:
        lines = _lines(message)
        done = [one for group in _groups(lines, rule.to) if (one := _apply(message, lines, group, rule))]
        if done:
            text = "".join(f"{line.text}\r" for line in lines)
            message = read(text.encode(message.codec), message.codec)
            taken += done
    return message, taken


def _lines(message: Message) -> list[_Line]:
    counted: dict[str, int] = {}
    lines: list[_Line] = []
    group = 0
    for text in message.text.split("\r"):
        name = text[:3]
        counted[name] = counted.get(name, 0) + 1
        group += name == "ORC"
        if name:
            lines.append(_Line(text, name, counted[name], group))
    return lines


def _groups(lines: list[_Line], to: FieldPath) -> Iterator[int]:
    """The groups that a rule is for: every order, or what stands before the first."""
    last = lines[-1].group if lines else 0
    is_common = to.segment not in ORDER_SEGMENTS | {"ORC"} and any(
        line.name == to.segment and not line.group for line in lines
    )
    yield from (0,) if is_common or not last else range(1, last + 1)


def _apply(message: Message, lines: list[_Line], group: int, rule: Rule) -> Taken | None:
    target = next((line for line in lines if line.name == rule.to.segment and line.group == group), None)
    if target is None and rule.to.segment not in ORDER_SEGMENTS:
        return None
    before = _value(message, target, rule.to)
    if before and rule.keeps:
        return None
    value, source = _found(message, lines, group, rule)
    if not value or value == before:
        return None
    if target is None:
        target = _added(lines, rule.to.segment, group)
    target.text = with_value(target.text, rule.to, value, message.delimiters)
    return Taken(str(rule.to.at(target.occurrence)), source, before, value)


def _value(message: Message, line: _Line | None, path: FieldPath) -> str:
    if line is None:
        return ""
    segments = list(message.all(line.name))
    value = path.of(segments[line.occurrence - 1]).strip() if line.occurrence <= len(segments) else ""
    return "" if value == NULL else value


def _found(message: Message, lines: list[_Line], group: int, rule: Rule) -> tuple[str, str]:
    """The value for a place and where it comes from; looked for in the order, then before the first order."""
    for path in rule.sources:
        for line in _in_reach(lines, path.segment, group):
            if any(_value(message, line, place) != value for place, value in rule.where.items()):
                continue
            value = _shaped(_value(message, line, path), rule)
            if value:
                return value, str(path.at(line.occurrence))
    return rule.default, "default"


def _in_reach(lines: list[_Line], name: str, group: int) -> list[_Line]:
    """Segments that speak for an order: its own, those before the first order, and a ZDS that comes later."""
    own = [line for line in lines if line.name == name and line.group == group]
    common = [line for line in lines if line.name == name and not line.group and group]
    later = [line for line in lines if line.name == name == "ZDS" and line.group > group]
    return own + common + later[:1]


def _shaped(value: str, rule: Rule) -> str:
    if value and rule.pattern:
        match = rule.pattern.fullmatch(value)
        value = (match[1] if match.re.groups else match[0]) or "" if match else ""
    return rule.values.get(value, rule.values.get(ANY, value)) if value else ""


def _added(lines: list[_Line], name: str, group: int) -> _Line:
    last = max(number for number, line in enumerate(lines) if line.group <= group)
    earlier = sum(line.name == name for line in lines[: last + 1])
    line = _Line(name, name, earlier + 1, group)
    lines.insert(last + 1, line)
    return line
