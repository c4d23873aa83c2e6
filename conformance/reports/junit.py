"""JUnit XML, for continuous integration."""

from __future__ import annotations

from datetime import datetime

from lxml import etree

from conformance.harness.model import Verdict
from conformance.reports.results import RunResult, TestResult

_SKIPPED = (Verdict.SKIP, Verdict.OMIT, Verdict.INCONCLUSIVE)


def junit(result: RunResult) -> bytes:
    """The run as one test suite: ``failure`` only for fail, ``error`` only for a defect of the harness."""
    suite = etree.Element(
        "testsuite",
        name=f"{result.system}: {result.actor}",
        tests=str(len(result.tests)),
        failures=str(result.count(Verdict.FAIL)),
        errors=str(result.count(Verdict.ERROR)),
        skipped=str(sum(result.count(verdict) for verdict in _SKIPPED)),
        timestamp=result.started[:19],
        time=_seconds(result.started, result.ended),
    )
    for test in result.tests:
        suite.append(_case(result, test))
    root = etree.Element("testsuites")
    root.append(suite)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _case(result: RunResult, test: TestResult) -> etree._Element:
    case = etree.Element(
        "testcase", name=test.id, classname=result.actor, time=_seconds(test.started, test.ended or test.started)
    )
    properties = etree.SubElement(case, "properties")
    for name, value in (("requirement", test.requirement), ("source", test.source), ("title", test.title)):
        etree.SubElement(properties, "property", name=name, value=clean(value))
    lines = clean(_lines(test))
    if test.verdict in _SKIPPED:
        etree.SubElement(case, "skipped", message=clean(f"{test.verdict}: {test.reason}"))
    elif test.verdict in {Verdict.FAIL, Verdict.ERROR}:
        kind = "failure" if test.verdict is Verdict.FAIL else "error"
        message = test.broken[0].text if test.broken else test.reason
        etree.SubElement(case, kind, message=clean(message)).text = lines
    if test.verdict is Verdict.WARN:
        etree.SubElement(case, "system-out").text = lines
    return case


def _lines(test: TestResult) -> str:
    told = [f"{one.level}: {one.text}; found: {one.found} [{', '.join(one.evidence)}]" for one in test.broken]
    return "\n".join([*([test.reason] if test.reason else []), *told])


def clean(text: str) -> str:
    """The text without what XML cannot hold."""
    return "".join(
        char if char in "\t\n\r" or (char >= " " and char not in "\ufffe\uffff") else "\ufffd" for char in text
    )


def _seconds(started: str, ended: str) -> str:
    if not started or not ended:
        return "0"
    return f"{(datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds():.3f}"
