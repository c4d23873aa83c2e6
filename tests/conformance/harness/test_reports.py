"""Reports only say what was seen, in the forms that people, continuous integration and test beds read."""

import json
import os
import zipfile
from pathlib import Path

import pytest
from lxml import etree

from conformance.finding import Finding, Severity
from conformance.harness import Verdict
from conformance.reports.comparing import changes
from conformance.reports.results import read_result
from conformance.reports.writing import write_report
from profiles.errors import BadInput

from .conftest import case, peer, read_request, requirement


def answering(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 18\r\n\r\n<b>{'odd': '&'}</b>")


def refused(trial, stage):
    trial.step("claim it <again> & again")
    answer = stage.http.send("PUT", "/workitems/1.2.3/state", body=b"{}")
    trial.must(answer.refused, "the claim is refused with 400 or 409", found=answer.words, evidence=answer.evidence)
    trial.note("the answer came without a Warning header")


def checked(trial, _):
    trial.findings(
        [
            Finding(
                "x", "UPS-101", Severity.WARNING, "ScheduledProcedureStepPriority", "is odd \x00", "Mend it.", "PS3.4"
            )
        ],
        "the workitem is legal",
    )


@pytest.fixture
def report(judged, tmp_path):
    """The folder of a report with a test of each verdict."""
    rows = [requirement(f"AIWI-TM-{number:03}") for number in range(1, 8)]
    bodies = [
        refused,
        checked,
        lambda trial, _: trial.must(True, "it holds"),
        lambda trial, _: trial.skip("no images"),
        lambda trial, _: trial.inconclusive("no traffic"),
        lambda trial, _: trial.omit("not offered"),
        lambda trial, _: 1 / 0,
    ]
    with peer(answering) as address:
        cases = [case(body, row=row) for body, row in zip(bodies, rows, strict=True)]
        result = judged(*cases, base_url=address)
    write_report(result, judged.evidence, tmp_path)
    return tmp_path


def test_the_json_report_has_what_programs_rely_on_and_can_be_read_back(report):
    told = json.loads((report / "report.json").read_text())
    assert (told["system"], told["verdict"]) == ("Widget", "error")
    first = told["tests"][0]
    assert (first["id"], first["verdict"], first["severity"]) == ("AIWI-TM-001", "fail", "error")
    assert first["findings"][0]["rule"] == "AIWI-TM-001"
    assert first["findings"][0]["evidence"] == ["AIWI-TM-001/01"]
    again = read_result(report)
    assert json.loads(json.dumps(again.as_json())) == told


def test_junit_says_failure_only_for_fail_and_error_only_for_the_harness(report):
    suite = etree.parse(report / "report.xml").find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "7",
        "1",
        "1",
        "3",
    )
    by_id = {found.get("name"): [child.tag for child in found] for found in suite.iter("testcase")}
    assert by_id["AIWI-TM-001"] == ["properties", "failure"]
    assert by_id["AIWI-TM-002"] == ["properties", "system-out"]
    assert by_id["AIWI-TM-003"] == ["properties"]
    assert by_id["AIWI-TM-004"] == ["properties", "skipped"]
    assert by_id["AIWI-TM-007"] == ["properties", "error"]


@pytest.mark.samples("STEPWELL_SCHEMAS")
def test_the_gitb_report_is_valid_by_its_schema(report):
    schema = etree.XMLSchema(etree.parse(Path(os.environ["STEPWELL_SCHEMAS"]) / "gitb_tr.xsd"))
    schema.assertValid(etree.parse(report / "gitb.xml"))


def test_the_gitb_report_counts_and_names_the_tests(report):
    names = {"tr": "http://www.gitb.com/tr/v1/"}
    tree = etree.parse(report / "gitb.xml")
    summary = tree.find(".//tr:statement/tr:summary", names)
    assert [element.text for element in summary] == ["UNDEFINED", "2", "1", "3", "0", "0", "1"]
    assert next(found.get("id") for found in tree.iterfind(".//tr:testDetails/tr:testCase", names)) == "AIWI-TM-001"
    assert len(tree.findall(".//tr:reports/tr:error", names)) == 1


def test_the_page_puts_the_verdict_first_then_what_to_mend_then_the_tests(report):
    page = (report / "report.html").read_text()
    marks = ['class="verdict error"', "What to fix first", "the claim is refused with 400 or 409", "All tests"]
    assert [page.index(mark) for mark in marks] == sorted(page.index(mark) for mark in marks)
    assert "status 500" in page
    assert "<again>" not in page
    assert "&lt;again&gt; &amp; again" in page
    assert "http://" not in page.replace("http://127.0.0.1", ""), "the page needs nothing from elsewhere"


def test_the_zip_holds_the_whole_report(report):
    with zipfile.ZipFile(report / "report.zip") as archive:
        names = set(archive.namelist())
    assert {"report.html", "report.json", "report.xml", "gitb.xml", "evidence/http.har"} <= names
    assert "evidence/AIWI-TM-001/01-http.json" in names


def test_two_runs_are_compared_and_what_became_worse_comes_first(report):
    before, after = read_result(report), read_result(report)
    before.tests[0].verdict, after.tests[2].verdict = Verdict.PASS, Verdict.FAIL
    before.tests[4].verdict = Verdict.FAIL
    del before.tests[5]
    found = changes(before, after)
    assert [(one.id, one.worse) for one in found] == [
        ("AIWI-TM-001", True),
        ("AIWI-TM-003", True),
        ("AIWI-TM-005", False),
        ("AIWI-TM-006", False),
    ]
    assert changes(after, after) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"system": 1}'])
def test_what_is_no_report_is_refused_in_words(tmp_path, content):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(BadInput, match=r"no report of a run"):
        read_result(tmp_path)
    with pytest.raises(BadInput, match=r"no report of a run"):
        read_result(tmp_path / "absent.json")
