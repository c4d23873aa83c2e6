"""The report as one HTML page that needs nothing else: verdict first, then what to fix, then everything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, Template, select_autoescape

from conformance.finding import Severity
from conformance.harness.evidence import Item
from conformance.harness.model import Assertion, Verdict
from conformance.reports.results import RunResult, TestResult

_SHOWN_OCTETS = 3000
_TEXT = {"json", "txt", "xml", "hl7", "log"}
_SAYS = {
    Verdict.PASS: "Conformant: every test that applies has passed.",
    Verdict.WARN: "Conformant, with warnings.",
    Verdict.FAIL: "Not conformant: at least one requirement is broken.",
    Verdict.SKIP: "Not decided: some tests could not be carried out.",
    Verdict.INCONCLUSIVE: "Not decided: what was seen does not decide some tests.",
    Verdict.ERROR: "No verdict on the system: the harness itself has a defect.",
    Verdict.OMIT: "Nothing applies.",
}
_ORDER = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.INCONCLUSIVE,
    Verdict.SKIP,
    Verdict.WARN,
    Verdict.PASS,
    Verdict.OMIT,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A piece of evidence as it stands in the page."""

    item: Item
    text: str
    shortened: bool


@dataclass(frozen=True, slots=True)
class ToFix:
    """Something to mend, and the tests in which it showed."""

    assertion: Assertion
    tests: list[TestResult]


def page(result: RunResult, evidence: Path) -> str:
    """The page.

    Args:
        result: of the run.
        evidence: folder of the evidence; what decides a broken assertion is shown, everything else is linked.
    """
    cited = {name for test in result.tests for one in test.broken for name in one.evidence}
    items = {item.id: item for item in result.evidence}
    return _template().render(
        result=result,
        says=_SAYS[result.verdict],
        counts=[(verdict, result.count(verdict)) for verdict in _ORDER if result.count(verdict)],
        fixes=_to_fix(result.tests),
        tests=sorted(result.tests, key=lambda test: _ORDER.index(test.verdict)),
        shown={name: _show(items[name], evidence) for name in cited if name in items},
        items=items,
        cited=lambda test: dict.fromkeys(name for one in test.broken for name in one.evidence),
        undecided=[test for test in result.tests if test.verdict in _ORDER[1:4]],
        seconds=_seconds(result.started, result.ended),
    )


def _to_fix(tests: list[TestResult]) -> list[ToFix]:
    """Errors before warnings; the same rule broken in several tests is one thing to mend."""
    found: dict[tuple[str, str], ToFix] = {}
    for test in tests:
        for one in test.broken:
            found.setdefault((one.rule, one.text), ToFix(one, [])).tests.append(test)
    return sorted(found.values(), key=lambda fix: (fix.assertion.level is not Severity.ERROR, -len(fix.tests)))


def _show(item: Item, folder: Path) -> Shown:
    if item.file.rsplit(".", 1)[-1] not in _TEXT:
        return Shown(item, "", shortened=False)
    text = (folder / item.file).read_text(encoding="utf-8", errors="backslashreplace")
    if item.kind == "http" and not item.cut:
        return _show_exchange(item, json.loads(text))
    return Shown(item, text[:_SHOWN_OCTETS], len(text) > _SHOWN_OCTETS or bool(item.cut))


def _show_exchange(item: Item, told: dict[str, Any]) -> Shown:
    """An HTTP exchange as it went over the wire: the request, then the answer."""
    request, response = told["request"], told["response"]
    bodies = [request["postData"]["text"], response["content"]["text"]]
    lines = [
        f"{request['method']} {request['url']}",
        *(f"{header['name']}: {header['value']}" for header in request["headers"]),
        *(["", bodies[0][:_SHOWN_OCTETS]] if bodies[0] else []),
        "",
        f"→ {response['status'] or 'no answer'} {told['comment']}".rstrip(),
        *(f"{header['name']}: {header['value']}" for header in response["headers"]),
        *(["", bodies[1][:_SHOWN_OCTETS]] if bodies[1] else []),
    ]
    return Shown(item, "\n".join(lines), any(len(body) > _SHOWN_OCTETS for body in bodies))


def _seconds(started: str, ended: str) -> float:
    if not started or not ended:
        return 0.0
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()


@cache
def _template() -> Template:
    loader = PackageLoader("conformance.reports")
    environment = Environment(loader=loader, autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True)
    environment.filters["moment"] = lambda text: text[:19].replace("T", " ") + " UTC" if text else "—"
    return environment.get_template("report.html")
