"""Rules of bundles, and of references within them (FHIR Bundle; orders.md section 11.3, idempotent writes)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from conformance.fhir.book import BOOK
from conformance.fhir.resources import Resource, at
from conformance.rules import Breach

_WRITTEN = {"transaction", "batch"}


@BOOK.rule("FHIR-BUNDLE-URL")
def _own_url(subject: Resource) -> Iterable[Breach]:
    """Two versions of one resource may share a URL, as in a history."""
    found = Counter(
        (one["fullUrl"], *map(str, at(one, "resource.meta.versionId")))
        for one in subject.entries
        if isinstance(one.get("fullUrl"), str)
    )
    again = [url for url, count in found.items() if count > 1]
    if again and subject.data.get("type") != "history":
        yield "entry.fullUrl", f"{len(again)} URLs stand with several entries"


@BOOK.rule("FHIR-BUNDLE-REQUEST")
def _requested(subject: Resource) -> Iterable[Breach]:
    if subject.data.get("type") in _WRITTEN:
        for number, one in enumerate(subject.entries, start=1):
            if not at(one, "request"):
                yield f"entry[{number}].request", "has no value"


@BOOK.rule("FHIR-BUNDLE-AGAIN")
def _written_once(subject: Resource) -> Iterable[Breach]:
    if subject.data.get("type") == "transaction":
        for number, one in enumerate(subject.entries, start=1):
            if at(one, "request.method") == ["POST"] and not at(one, "request.ifNoneExist"):
                yield f"entry[{number}].request.ifNoneExist", "has no value, and the method is POST"


@BOOK.rule("FHIR-LINK")
def _linked(subject: Resource) -> Iterable[Breach]:
    for path, target in _references(subject.data, ""):
        if target.startswith("urn:uuid:") and target not in subject.urls:
            yield path, "names no entry of the bundle"


def _references(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every literal reference in a resource, with its place."""
    if isinstance(node, list):
        for number, one in enumerate(node, start=1):
            yield from _references(one, f"{path}[{number}]")
    elif isinstance(node, dict):
        for name, one in node.items():
            if name == "reference" and isinstance(one, str):
                yield f"{path}.reference".lstrip("."), one
            else:
                yield from _references(one, f"{path}.{name}".lstrip("."))
