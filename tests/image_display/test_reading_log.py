"""What is told of reading: an opening once, each result once, and every verdict after both."""

import json
import sqlite3
from contextlib import closing

import pytest
import structlog

from actors.image_display.report import Report
from actors.image_display.reporting import VERDICTS, ReadingLog
from actors.image_display.study import Results, Series, Study
from connectathon.waiting import eventually
from profiles.dicom import put
from profiles.errors import BadInput, Conflict, NotFound, Unavailable
from profiles.sole import Algorithm, parse, steps


class Told(list):
    failing = False

    def report(self, event):
        if self.failing:
            raise Unavailable("the spool is full")
        self.append(event)

    def audit_soon(self, event):
        self.append(event)

    @property
    def steps(self):
        return [one.step for one in self if hasattr(one, "step")]


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def seconds():
    return [0.0]


@pytest.fixture
def log(told, seconds):
    return ReadingLog(told, monotonic=lambda: seconds[0])


def report_of(uid, algorithm="head mask", version="1.0"):
    return Report(uid, "", "", "", "", "", "", "", "", "", algorithm, version, sop_class="1.2.840")


def study_of(*reports, uid="1.2.3"):
    header = put(put(put({}, "PatientID", "MRN1"), "IssuerOfPatientID", "CLINIC"), "AccessionNumber", "A1")
    return Study(uid, header, (Series("1.2.3.4", "MR", "1", "", 30),), Results(reports=reports))


@pytest.mark.requirement("SOLE-081")
def test_a_reader_opens_a_study_once_and_sees_each_result_once(log, told, seconds):
    for at, reports in ((0, ["1"]), (60, ["1"]), (120, ["1", "2"])):
        seconds[0] = at
        log.shown(study_of(*map(report_of, reports)), "E1", "10.0.0.7")
    assert told.steps == ["exam-opened", "result-displayed", "result-displayed"]
    opened, audited, *displayed = told
    assert (opened.person, opened.thread.accession_number, opened.thread.patient_id) == ("E1", "A1", "MRN1^^^CLINIC")
    assert opened.details == {"Modality": "MR"}
    assert (audited.kind, audited.studies, audited.caller, audited.address) == (
        *("study-displayed", ("1.2.3",), "E1"),
        "10.0.0.7",
    )
    assert [[one.sop_instance_uid for one in event.results] for event in displayed] == [["1"], ["2"]]
    assert displayed[0].algorithm == Algorithm("head mask", "1.0")


def test_half_an_hour_later_or_by_somebody_else_it_is_another_opening(log, told, seconds):
    log.shown(study_of(), "E1")
    log.shown(study_of(), "E2")
    seconds[0] = 1801
    log.shown(study_of(), "E1")
    assert told.steps == ["exam-opened"] * 3
    assert len({one.occurrence for one in told if hasattr(one, "step")}) == 3


def test_results_of_several_algorithms_are_told_apart(log, told):
    log.shown(study_of(report_of("1"), report_of("2", "other"), report_of("3"), report_of("4", "")), "E1")
    displayed = [one for one in told if getattr(one, "step", "") == "result-displayed"]
    assert [(one.algorithm and one.algorithm.name, len(one.results)) for one in displayed] == [
        (None, 1),
        ("head mask", 2),
        ("other", 1),
    ]
    assert len({one.occurrence for one in displayed}) == 3


def test_the_page_is_shown_though_it_cannot_be_told(log, told):
    told.failing = True
    with structlog.testing.capture_logs() as logs:
        log.shown(study_of(report_of("1")), "E1")
    assert [one["event"] for one in logs] == ["reading-not-reported"]
    told.failing = False
    log.shown(study_of(report_of("1")), "E1")
    assert told.steps == ["exam-opened", "result-displayed"]


@pytest.mark.requirement("SOLE-081")
@pytest.mark.parametrize("verdict", sorted(VERDICTS))
def test_a_verdict_comes_after_the_result_was_displayed(log, told, verdict):
    log.assessed(study_of(report_of("1"), report_of("2")), "E1", verdict, ["2"])
    assert told.steps == ["exam-opened", "result-displayed", VERDICTS[verdict]]
    assert [one.sop_instance_uid for one in told[-1].results] == ["2"]
    assert told[-1].person == "E1"


@pytest.mark.requirement("SOLE-082")
def test_what_was_assessed_cannot_be_told_as_not_assessed(log, told, seconds):
    study = study_of(report_of("1"), report_of("2"))
    log.assessed(study, "E1", "rejected", ["1"])
    seconds[0] = 4000
    with pytest.raises(Conflict, match="assessed"):
        log.assessed(study, "E1", "not-assessed", [])
    log.assessed(study, "E1", "not-assessed", ["2"])
    assert told.steps[-1] == "result-not-assessed"


def test_a_verdict_that_means_nothing_is_refused_and_told_to_nobody(log, told):
    with pytest.raises(BadInput, match="'liked' is no verdict"):
        log.assessed(study_of(report_of("1")), "E1", "liked", [])
    for reports, results in (((), []), ((report_of("1"),), ["2"])):
        with pytest.raises(NotFound, match="no such result"):
            log.assessed(study_of(*reports), "E1", "accepted", results)
    assert told == []


def test_where_nobody_listens_nothing_is_told():
    ReadingLog().shown(study_of(report_of("1")), "E1")
    ReadingLog().assessed(study_of(report_of("1")), "E1", "accepted", [])


def test_every_step_has_somebody_who_reports_it():
    assert all(row.actor for row in steps().values())


def spooled(display):
    """Steps in the event spool of a running display."""
    path = display.data_dir / "image_display" / "event-spool.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        contents = [content for (content,) in reader.execute("SELECT content FROM message ORDER BY number")]
    return [parse(one[one.index(b"<AuditMessage") :]) for one in contents]


@pytest.mark.requirement("SOLE-081", "SOLE-REP-008")
def test_the_page_and_its_route_for_verdicts_tell_the_log(web, display, stored):
    study = stored()
    assert web.get(f"/results/{study.uid}").status_code == 200
    answer = web.post(f"/results/{study.uid}/assessments", json={"verdict": "accepted"})
    assert (answer.status_code, answer.content) == (204, b"")
    mine = [one for one in spooled(display) if one.thread.study_instance_uid == study.uid and one.is_operational]
    assert mine[0].step == "exam-opened"
    assert {one.step for one in mine} == {"exam-opened", "result-displayed", "result-accepted"}
    assert {one.person for one in mine} == {"local"}
    assert {one.algorithm for one in mine[1:]} == {Algorithm("ball finder", "1.2.3")}
    eventually(lambda: [one for one in spooled(display) if one.codes == ()], what="the access to be told")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"verdict": "liked"}', {"content-type": "application/json"}, 400),
        (b"verdict=accepted", {"content-type": "application/x-www-form-urlencoded"}, 415),
        (json.dumps({"verdict": "accepted", "results": ["1.2"]}).encode(), {"content-type": "application/json"}, 404),
    ],
    ids=["no-verdict", "a-form-of-a-foreign-page", "no-result"],
)
def test_what_is_no_verdict_on_a_result_is_refused(web, stored, body, headers, status):
    study = stored()
    assert web.post(f"/results/{study.uid}/assessments", content=body, headers=headers).status_code == status
