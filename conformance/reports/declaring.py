"""The declaration that a test engineer fills in, written from what a suite asks for."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from conformance.harness.model import Suite


def example(suite: Suite) -> str:
    """A TOML file with every key of the suite's declaration, its default, and which tests each option switches on."""
    lines = [f"# A system that plays the {suite.title}. Lines that begin with # are the defaults.", ""]
    options = sorted({case.option for case in suite.cases if case.option})
    transports = sorted({case.transport for case in suite.cases if case.transport})
    if options:
        lines += ["# What the system can do beyond the required; each switches tests on:"]
        lines += [f"#   {option}: {', '.join(_ids(suite, option))}" for option in options]
    if transports:
        lines += [f"# Transports that can be tested: {', '.join(transports)}."]
    plain, tables = [], []
    for name, field in suite.declaration.model_fields.items():
        kind = _model(field)
        if kind is None:
            plain.append(_line(name, field))
        else:
            mark = "" if field.is_required() else "# "
            tables += ["", f"{mark}[{name}]", *(_line(key, inner) for key, inner in kind.model_fields.items())]
    return "\n".join([*lines, *plain, *tables]) + "\n"


def _ids(suite: Suite, option: str) -> list[str]:
    return [case.id for case in suite.cases if case.option == option]


def _model(field: FieldInfo) -> type[BaseModel] | None:
    kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _line(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return f'{name} = "…"'
    return f"# {name} = {_toml(field.get_default(call_default_factory=True))}"


def _toml(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return '""'
    if isinstance(value, (frozenset, set, tuple, list)):
        return json.dumps(sorted(str(one) for one in value))
    if isinstance(value, (bool, int, float, str)):
        return json.dumps(value)
    return json.dumps(str(value))
