"""A report stands by its evidence alone: it can be judged again without the system."""

import json

import pytest

from conformance.partners import objects
from conformance.reports.again import judge_again
from conformance.reports.writing import write_report
from profiles.errors import BadInput


@pytest.fixture
def folder(judged, tmp_path):
    def keeps(trial, _):
        study = objects.Study()
        source = objects.image(study)
        evidence = trial.keep("dicom", "a report", objects.as_file(objects.report(study, source)), "dcm")
        trial.must(True, "it is there", evidence=evidence)

    write_report(judged(keeps, lambda trial, _: trial.skip("no images")), judged.evidence, tmp_path)
    return tmp_path


def change(folder, how):
    path = folder / "report.json"
    told = json.loads(path.read_text())
    how(told)
    path.write_text(json.dumps(told))


def test_an_untouched_report_stands_wherever_it_lies(folder, tmp_path):
    moved = folder.rename(tmp_path.parent / f"{tmp_path.name}-moved")
    judged = judge_again(moved)
    assert judged.problems == ()
    assert judged.findings, "the object checks of today are applied to the evidence"


def test_changed_and_missing_evidence_is_told(folder):
    item = next((folder / "evidence").rglob("*.dcm"))
    item.write_bytes(b"changed")
    assert ["was changed" in one for one in judge_again(folder).problems] == [True]
    item.unlink()
    assert ["is gone" in one for one in judge_again(folder).problems] == [True]


def test_a_verdict_that_its_assertions_do_not_say_is_told(folder):
    change(folder, lambda told: told["tests"][0].update(verdict="fail"))
    assert judge_again(folder).problems == (
        "AIWI-TM-001 is reported as fail; its assertions say pass",
        "the run is reported as skip; its tests say fail",
    )


def test_an_assertion_that_rests_on_nothing_is_told(folder):
    change(folder, lambda told: told["tests"][0]["assertions"][0].update(evidence=["AIWI-TM-001/77"]))
    assert judge_again(folder).problems == ("AIWI-TM-001 rests on evidence that is not there: AIWI-TM-001/77",)


def test_what_is_no_report_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no folder of a report"):
        judge_again(tmp_path / "nowhere")
