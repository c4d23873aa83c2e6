"""GITB Test Reporting XML: the statement of one party about one actor, for European test beds."""

from __future__ import annotations

from lxml import etree

from conformance.finding import Severity
from conformance.harness.model import Assertion, Verdict
from conformance.reports.junit import clean
from conformance.reports.results import RunResult, TestResult

_TR = "http://www.gitb.com/tr/v1/"
_CORE = "http://www.gitb.com/core/v1/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_RESULT = {
    Verdict.PASS: "SUCCESS",
    Verdict.WARN: "WARNING",
    Verdict.FAIL: "FAILURE",
    Verdict.SKIP: "UNDEFINED",
    Verdict.INCONCLUSIVE: "UNDEFINED",
    Verdict.ERROR: "UNDEFINED",
    Verdict.OMIT: "UNDEFINED",
}
_DOMAIN = "IHE Radiology"
_PROFILE = {
    "AIWI": "AI Workflow for Imaging (AIW-I)",
    "AIR": "AI Results (AIR)",
    "SOLE": "Standardized Operational Log of Events (SOLE)",
    "HL7": "HL7 order messages for AIW-I",
    "SEC": "Audit Trail and Node Authentication (ATNA)",
}


def gitb(result: RunResult) -> bytes:
    """The run as a ``ConformanceStatementReport``."""
    names: dict[str | None, str] = {None: _TR, "gitb": _CORE, "xsi": _XSI}
    root = etree.Element(
        f"{{{_TR}}}ConformanceStatementReport",
        nsmap=names,  # type: ignore[arg-type]  # the stubs leave out that a default namespace has no name
    )
    _add(_add(root, "metadata"), "reportTime", result.ended or result.started)
    statement = _add(root, "statement")
    statement.set("id", f"{result.actor}-{result.started}")
    _define(statement, result)
    _summarise(statement, result)
    _add(statement, "lastUpdate", result.ended or result.started)
    suite = _add(_add(statement, "testOverview"), "testSuite")
    _named(suite, result.actor, "")
    _add(suite, "result", _RESULT[result.verdict])
    if result.tests:
        overview = _add(suite, "testCases")
        details = _add(statement, "testDetails")
        for test in result.tests:
            _overview(overview, test)
            _details(details, result, test)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _define(statement: etree._Element, result: RunResult) -> None:
    definition = _add(statement, "definition")
    party = _add(definition, "party")
    _add(_add(party, "organisation"), "name", result.vendor or "not stated")
    system = _add(party, "system")
    _add(system, "name", result.system)
    if result.version:
        _add(system, "version", result.version)
    prefix = result.tests[0].requirement.split("-")[0] if result.tests else ""
    for name, words in (
        ("domain", _DOMAIN),
        ("specification", _PROFILE.get(prefix, "IHE Radiology Technical Framework")),
        ("actor", result.actor.replace("_", " ").title()),
    ):
        _add(_add(definition, name), "name", words)


def _summarise(statement: etree._Element, result: RunResult) -> None:
    summary = _add(statement, "summary")
    succeeded = result.count(Verdict.PASS) + result.count(Verdict.WARN)
    omitted, failed = result.count(Verdict.OMIT), result.count(Verdict.FAIL)
    _add(summary, "status", _RESULT[result.verdict])
    for name, number in (
        ("succeeded", succeeded),
        ("failed", failed),
        ("incomplete", len(result.tests) - succeeded - failed - omitted),
        ("succeededIgnored", 0),
        ("failedIgnored", 0),
        ("incompleteIgnored", omitted),
    ):
        _add(summary, name, str(number))


def _overview(overview: etree._Element, test: TestResult) -> None:
    case = _add(overview, "testCase")
    case.set("optional", "true" if test.optional else "false")
    case.set("disabled", "true" if test.verdict is Verdict.OMIT else "false")
    case.set("ref", test.id)
    _named(case, test.id, test.title)
    _add(case, "result", _RESULT[test.verdict])
    _add(case, "lastUpdate", test.ended or test.started)


def _details(details: etree._Element, result: RunResult, test: TestResult) -> None:
    case = _add(details, "testCase")
    case.set("id", test.id)
    _named(case, test.id, test.title)
    _add(case, "sessionId", f"{result.started}/{test.id}")
    _add(case, "startTime", test.started)
    _add(case, "endTime", test.ended or test.started)
    _add(case, "result", _RESULT[test.verdict])
    if test.reason:
        _add(case, "message", f"{test.verdict}: {test.reason}")
    steps = _add(case, "steps")
    step = _add(steps, "step")
    step.set("id", "1")
    _add(step, "description", "; ".join(test.steps) or test.title)
    _report(step, result, test)


def _report(step: etree._Element, result: RunResult, test: TestResult) -> None:
    report = _add(step, "report")
    report.set(f"{{{_XSI}}}type", "TAR")
    report.set("id", test.id)
    _add(report, "date", test.ended or test.started)
    _add(report, "result", _RESULT[test.verdict])
    overview = _add(report, "overview")
    _add(overview, "profileID", test.source)
    _add(overview, "transactionID", test.transaction)
    _add(overview, "validationServiceName", "Stepwell conformance harness")
    _add(overview, "validationServiceVersion", result.harness)
    counters = _add(report, "counters")
    broken = [one.level for one in test.broken]
    _add(counters, "nrOfAssertions", str(len(test.assertions)))
    _add(counters, "nrOfErrors", str(broken.count(Severity.ERROR)))
    _add(counters, "nrOfWarnings", str(broken.count(Severity.WARNING)))
    if test.assertions:
        reports = _add(report, "reports")
        for assertion in test.assertions:
            _assertion(reports, assertion)


def _assertion(reports: etree._Element, one: Assertion) -> None:
    entry = _add(reports, "info" if one.holds or one.level is Severity.INFO else str(one.level))
    entry.set(f"{{{_XSI}}}type", "BAR")
    _add(entry, "assertionID", one.rule)
    _add(entry, "description", one.text if one.holds else f"{one.text}; found: {one.found}")
    if one.evidence:
        _add(entry, "location", " ".join(one.evidence))


def _named(parent: etree._Element, name: str, description: str) -> None:
    metadata = _add(parent, "metadata")
    for tag, words in (("name", name), ("description", description)):
        if words:
            etree.SubElement(metadata, f"{{{_CORE}}}{tag}").text = clean(words)


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{_TR}}}{name}")
    if text is not None:
        element.text = clean(text)
    return element
