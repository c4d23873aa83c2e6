"""Primitives with some of their parts replaced, wherever in them these stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

Part = TypeVar("Part")


def rewritten(value: Part, change: Callable[[Any], Any]) -> Part:
    """The value with each part replaced for which ``change`` gives another; checked again as at construction.

    Args:
        value: a primitive, or a tuple of such.
        change: gives the part itself when it is to stay, or to be searched.
    """
    return _rewritten(value, change)  # type: ignore[no-any-return] # the same kind of value comes back


def _rewritten(value: Any, change: Callable[[Any], Any]) -> Any:
    new = change(value)
    if new is not value:
        return new
    if type(value) is tuple:
        parts = tuple(_rewritten(part, change) for part in value)
        return value if all(one is other for one, other in zip(parts, value, strict=True)) else parts
    if is_dataclass(value) and not isinstance(value, type):
        old = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = {name: part for name, was in old.items() if (part := _rewritten(was, change)) is not was}
        return replace(value, **changed) if changed else value
    return value
