"""Write a configuration as TOML (the standard library reads TOML but does not write it)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stepwell.settings import Configuration


def as_toml(configuration: Configuration) -> str:
    """The configuration as a TOML document that reads back to the same values."""
    tables = {"stepwell": configuration.common.model_dump(mode="json", exclude_none=True)}
    tables |= {name: actor.model_dump(mode="json", exclude_none=True) for name, actor in configuration.actors.items()}
    return tables_as_toml(tables)


def tables_as_toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """TOML tables from nested mappings of texts, numbers, truth values and lists."""
    return "\n".join("\n".join(_table(name, table)) + "\n" for name, table in tables.items())


def _table(name: str, table: Mapping[str, Any]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping) and value is not None}
    nested = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines = [f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in plain.items())]
    for key, value in nested.items():
        lines += ["", *_table(f"{name}.{_key(key)}", value)]
    return lines


def _key(key: str) -> str:
    """A key, in quotes when it is not of letters, digits, underscores and hyphens alone (TOML 1.0, Keys)."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = (f"{_key(key)} = {_value(one)}" for key, one in value.items() if one is not None)
        return "{ " + ", ".join(inner) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    return json.dumps(value if isinstance(value, bool | int | float) else str(value), ensure_ascii=False)
