"""Judge resources: one by one, also those that a bundle or a list has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from conformance.fhir.book import BOOK
from conformance.fhir.resources import Resource, resource_of
from conformance.finding import Finding
from conformance.plain_files import Unreadable, files_below, read_bytes, read_json
from conformance.rules import Rule, read_rules

from conformance.fhir import audit, bundles, mappings  # isort: skip  # noqa: F401 - they enter rules into the book


def check_resource(data: dict[str, Any], name: str, version: str = "") -> list[Finding]:
    """Judge one resource in memory; of a bundle, each resource in it too.

    Args:
        data: the JSON object.
        name: to report it by.
        version: ``R4``, ``R4B`` or ``R5``; when empty, what each resource shows by its elements.

    Returns:
        Every broken rule.
    """
    return [
        found
        for called, one, entries, urls in _resources(data, name)
        for found in _judged(replace(resource_of(one, version), entries=entries, urls=urls), called)
    ]


def check_files(paths: Sequence[Path], version: str = "") -> list[Finding]:
    """Judge files and folders with everything below them; a file that is no JSON object is one finding."""
    return [found for path in files_below(paths) for found in _check_file(path, version)]


def _check_file(path: Path, version: str) -> list[Finding]:
    try:
        content = read_json(read_bytes(path))
    except Unreadable as error:
        return [_rule("FHIR-FILE").broken(str(path), "", str(error))]
    if isinstance(content, dict):
        return check_resource(content, str(path), version)
    findings = []
    for number, one in enumerate(content, start=1):
        name = f"{path}[{number}]"
        is_object = isinstance(one, dict)
        broken = _rule("FHIR-FILE").broken(name, "", "the list has something that is no object")
        findings += check_resource(one, name, version) if is_object else [broken]
    return findings


@cache
def _rule(rule: str) -> Rule:
    return read_rules("fhir_rules")[rule]


class _Part(NamedTuple):
    """A resource to judge: the resources in a bundle, and the bundle itself without them."""

    name: str
    data: dict[str, Any]
    entries: tuple[dict[str, Any], ...] = ()
    urls: frozenset[str] = frozenset()


def _resources(data: dict[str, Any], name: str, urls: frozenset[str] = frozenset()) -> Iterator[_Part]:
    """The resource, and those in a bundle."""
    entries = data.get("entry")
    if data.get("resourceType") != "Bundle" or not isinstance(entries, list):
        yield _Part(name, data, (), urls)
        return
    objects = tuple(one for one in entries if isinstance(one, dict))
    bare = [{key: value for key, value in one.items() if key != "resource"} for one in objects]
    others = [one for one in entries if not isinstance(one, dict)]
    yield _Part(
        name, {**data, "entry": [one for one in bare if one] + others} if bare or others else data, objects, urls
    )
    known = frozenset(one["fullUrl"] for one in objects if isinstance(one.get("fullUrl"), str))
    for number, one in enumerate(entries, start=1):
        if isinstance(one, dict) and isinstance(one.get("resource"), dict):
            yield from _resources(one["resource"], f"{name} entry[{number}]", known)


def _judged(subject: Resource, name: str) -> Iterator[Finding]:
    yield from BOOK.look(subject, name, {"any", subject.kind})
