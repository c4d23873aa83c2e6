"""Resources: which version they are of, what their model makes of them, and how to read them as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

R4B, R5 = "R4B", "R5"
_PACKAGES = {R4B: "fhir.resources.R4B", R5: "fhir.resources"}
_TYPE = re.compile("[A-Z][A-Za-z]{1,63}")
_ANOTHER_NAME = re.compile(r"4(\.[03].*)?|R4B?")
_MISSING = {"missing", "model_field_validation.missing"}
_WORDS = {
    "missing": "is missing",
    "model_field_validation.missing": "is missing",
    "extra_forbidden": "is no element of this version",
    "string_type": "is no text",
    "list_type": "is no list",
    "model_validation_format": "is not of the form of its type",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the structure in one place."""

    path: str
    words: str
    is_missing: bool = False


@dataclass(frozen=True)
class Resource:
    """A resource to judge.

    Attributes:
        data: as it came.
        kind: its type, e.g. ``Task``.
        version: ``R4B`` or ``R5``.
        model: of fhir.resources; None when the structure is broken.
        faults: of the structure.
        entries: of a bundle, with their resources.
        urls: full URLs of the entries of the bundle that the resource is in.
    """

    data: dict[str, Any]
    kind: str
    version: str
    model: BaseModel | None
    faults: tuple[Fault, ...] = field(default=())
    entries: tuple[dict[str, Any], ...] = ()
    urls: frozenset[str] = frozenset()


def resource_of(data: dict[str, Any], version: str = "") -> Resource:
    """A resource in the version that is given, or that it shows by its elements; R4B when it shows none.

    Args:
        data: the JSON object.
        version: ``R4``, ``R4B``, ``R5`` or the number of one; any case.
    """
    kind = data.get("resourceType")
    kind = kind if isinstance(kind, str) and _TYPE.fullmatch(kind) else ""
    tried = [_read(data, kind, one) for one in _versions(data, kind, version)]
    return min(tried, key=lambda found: len(found.faults))


def _versions(data: dict[str, Any], kind: str, version: str) -> tuple[str, ...]:
    """The versions that come into question; those that know more of the elements first."""
    if version:
        return (R4B if _ANOTHER_NAME.fullmatch(version.upper()) else R5,)
    unknown = {one: _unknown(data, kind, one) for one in (R4B, R5)}
    if unknown[R4B] == unknown[R5]:
        return (R4B, R5)
    return (min(unknown, key=lambda one: unknown[one]),)


def _unknown(data: dict[str, Any], kind: str, version: str) -> int:
    made = model_of(kind, version)
    if made is None:
        return len(data) + 1
    known = {field.alias or name for name, field in made.model_fields.items()} | {"resourceType"}
    return len(set(data) - known)


@cache
def model_of(kind: str, version: str) -> type[BaseModel] | None:
    """The model of a type in a version; None when the version has no such type."""
    if not kind:
        return None
    try:
        found = getattr(import_module(f"{_PACKAGES[version]}.{kind.lower()}"), kind, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _read(data: dict[str, Any], kind: str, version: str) -> Resource:
    made = model_of(kind, version)
    if made is None:
        words = f"names no type that FHIR {version} has"
        return Resource(data, kind, version, None, (Fault("resourceType", words),))
    try:
        return Resource(data, kind, version, made.model_validate(data))
    except ValidationError as error:
        faults = tuple(_fault(dict(one)) for one in error.errors(include_input=False, include_url=False))
        return Resource(data, kind, version, None, faults)
    except (
        Exception
    ) as error:  # the library raises anything for what it does not expect, such as unknown contained types
        words = f"cannot be read as {kind} of FHIR {version} ({type(error).__name__})"
        return Resource(data, kind, version, None, (Fault("", words),))


def _fault(error: dict[str, Any]) -> Fault:
    path = "".join(
        f"[{part + 1}]" if isinstance(part, int) else f".{part}" if _is_name(part) else ".(element)"
        for part in error["loc"]
        if part != "root"
    )
    kind = str(error["type"])
    words = _WORDS.get(kind, "has a value that its type does not allow")
    if "Any of one field value" in str(error["msg"]):
        words = "has several values for one element of a choice, or none"
    return Fault(path.lstrip("."), words, kind in _MISSING)


def _is_name(part: Any) -> bool:
    return isinstance(part, str) and re.fullmatch("_?[A-Za-z]{1,40}", part) is not None


def at(data: Any, path: str) -> list[Any]:
    """All values at a path of names, through lists; whatever is not there is left out."""
    found = [data]
    for name in path.split("."):
        found = [
            value
            for one in found
            if isinstance(one, dict) and name in one
            for value in (one[name] if isinstance(one[name], list) else [one[name]])
        ]
    return [value for value in found if value not in (None, "", [], {})]


def placed(data: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of an element that repeats, with their paths."""
    found = data.get(name)
    for number, value in enumerate(found if isinstance(found, list) else [found], start=1):
        if isinstance(value, dict):
            yield f"{name}[{number}]", value


def codings(data: Any, path: str) -> set[tuple[str, str]]:
    """System and code of every coding of the concepts, or codings, at a path."""
    found = at(data, path)
    found = [*found, *(coding for one in found for coding in at(one, "coding"))]
    return {(str(one.get("system", "")), str(one["code"])) for one in found if isinstance(one, dict) and "code" in one}
