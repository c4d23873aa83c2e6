"""The rows of the catalogue that are bundles of object rules, made from their table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conformance.finding import Finding
from conformance.harness import Case, Trial
from conformance.harness.registry import catalogue
from conformance.suites.evidence_creator.stage import Studio
from profiles.tables import read_table


def _body(kind: str, rules: frozenset[str], title: str) -> Callable[[Trial, Studio], None]:
    def judge(trial: Trial, studio: Studio) -> None:
        objects = studio.results.of(kind)
        if not objects and kind != "any":
            if kind == "sr":
                trial.require(False, "the result has a report (SR)", f"{len(studio.results.files)} files, no SR")
            trial.omit(f"the result has no object of this kind ({kind})")
        trial.require(objects, "there is a result to judge", f"{len(studio.results.files)} files, no result")
        names = {str(path): path for path, _ in objects}
        found = [one for one in studio.findings if _is_of(one, rules) and one.file in names]
        trial.step(f"judge {len(objects)} objects by {len(rules)} rules")
        for name, path in names.items():
            of_this = [one for one in found if one.file == name]
            evidence = [_kept(trial, path)] if of_this else []
            trial.findings(of_this, title, evidence)

    return judge


def _is_of(finding: Finding, rules: frozenset[str]) -> bool:
    """Rules may have a suffix for one kind of object (``AIR-014-IMAGE``)."""
    return finding.rule in rules or any(finding.rule.startswith(f"{rule}-") for rule in rules)


def _kept(trial: Trial, path: Path) -> str:
    return trial.keep("dicom", path.name, path.read_bytes(), "dcm")


CASES = tuple(
    Case(
        catalogue()[row["id"]],
        row["title"],
        _body(row["kind"], frozenset(row["rules"].split()), row["title"]),
        option=row["option"],
    )
    for row in read_table("conformance", "evidence_rows")
)
