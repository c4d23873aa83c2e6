"""Judge a set of AIR objects: each by its kind, then among the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import groupby
from pathlib import Path

from pydicom import Dataset

from conformance.air.books import OBJECT, SET
from conformance.air.files import read_file
from conformance.air.result import Result, ResultSet, Together
from conformance.finding import Finding

for _rules in (
    "header",
    "elements",
    "equipment",
    "document",
    "tree",
    "skeleton",
    "groups",
    "measurements",
    "regions",
    "references",
    "places",
    "segmentation",
    "pixels",
    "maps",
    "key_objects",
    "template",
    "sets",
):
    import_module(f"conformance.air.{_rules}")

_MOST_PLACES = 10


def check_datasets(objects: Sequence[tuple[str, Dataset]]) -> list[Finding]:
    """Judge objects in memory, by our own rules alone.

    Args:
        objects: each with the name to report it by. Images among them are taken as the sources: they are not judged,
            the results are compared with them.

    Returns:
        Every broken rule, object by object.
    """
    return _check([Result(dataset, name) for name, dataset in objects])


def check_files(paths: Sequence[Path], *, iod: bool = True) -> list[Finding]:
    """Judge files and folders; a file that cannot be read is one finding.

    Args:
        paths: files, or folders to judge with everything below them.
        iod: also let dciodvfy judge each result by its IOD, which takes a process for each.
    """
    findings: list[Finding] = []
    results: list[Result] = []
    for path in _files(paths):
        found = read_file(path)
        if isinstance(found, Finding):
            findings.append(found)
        else:
            results.append(Result(found, str(path), path.stat().st_size))
    findings += _check(results)
    if iod:
        from conformance.air.iod import judge_iods

        findings += judge_iods([result.name for result in results if _is_made(result)], findings)
    return findings


def _check(results: Sequence[Result]) -> list[Finding]:
    together = Together(results)
    return [
        found
        for result in results
        if result.kind != "image"
        for found in _summed(
            [
                *OBJECT.look(result, result.name, result.kinds),
                *SET.look(ResultSet(result, together), result.name, ["set"]),
            ]
        )
    ]


def _is_made(result: Result) -> bool:
    """Whether an object is a result, and no source."""
    return bool(result.algorithms) if result.kind == "extra" else result.kind != "image"


def _summed(findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings of one object, not more than a few of each rule."""
    for _, of_rule in groupby(findings, key=lambda found: found.rule):
        places = list(of_rule)
        yield from places[:_MOST_PLACES]
        if len(places) > _MOST_PLACES:
            words = f"the same at {len(places) - _MOST_PLACES} other places"
            yield replace(places[_MOST_PLACES], message=words)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
