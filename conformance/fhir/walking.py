"""Walk a resource along its model: codes with a required binding, targets of references, identifiers and quantities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from profiles.tables import read_table

_LITERAL = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?$")
_ANY_TYPE = {"Resource", "Any"}


@dataclass(frozen=True, slots=True)
class Place:
    """One element with a value.

    Attributes:
        path: where it is.
        holder: the type that has the element, e.g. ``AuditEventAgent``.
        name: of the element.
        value: a model or a value of a primitive type.
        terms: the codes that the model knows for it; of some it knows the first few only, and then ``+``.
        targets: the types that a reference may have.
    """

    path: str
    holder: str
    name: str
    value: Any
    terms: tuple[str, ...]
    targets: tuple[str, ...]


def elements(node: BaseModel, path: str = "") -> Iterator[Place]:
    """Every element with a value, outer ones first."""
    for name, described in type(node).model_fields.items():
        value = getattr(node, name)
        if value is None:
            continue
        more = described.json_schema_extra if isinstance(described.json_schema_extra, dict) else {}
        called = described.alias or name
        several = isinstance(value, list)
        for number, one in enumerate(value if several else [value], start=1):
            here = f"{path}.{called}".lstrip(".") + (f"[{number}]" if several else "")
            terms, targets = (_texts(more.get(key)) for key in ("enum_values", "enum_reference_types"))
            yield Place(here, type(node).__name__, called, one, terms, targets)
            if isinstance(one, BaseModel):
                yield from elements(one, here)


def _texts(listed: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in listed) if isinstance(listed, list) else ()


@cache
def _terms(version: str) -> dict[str, frozenset[str]]:
    return {
        row["element"]: frozenset(row["codes"].split("|"))
        for row in read_table("conformance", "fhir_codes")
        if row["version"] in {"", version}
    }


def wrong_code(place: Place, version: str) -> bool:
    """Whether a code is none of those that its element must have one of."""
    known = _terms(version).get(f"{place.holder}.{place.name}")
    if known is None and place.terms and "+" not in place.terms:
        known = frozenset(place.terms)
    return known is not None and isinstance(place.value, str) and place.value not in known


def wrong_target(place: Place) -> str:
    """The type that a literal reference names although its element does not allow it; empty when all is well."""
    if not place.targets or _ANY_TYPE & set(place.targets):
        return ""
    reference = getattr(place.value, "reference", None)
    reference = getattr(reference, "reference", reference)
    match = _LITERAL.search(reference) if isinstance(reference, str) else None
    return match[1] if match and match[1] not in place.targets else ""
