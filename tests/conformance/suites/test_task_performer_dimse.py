"""Task Performers over DIMSE before the judge, good and with one defect each."""

import pytest

from conformance.harness import Verdict
from conformance.harness.registry import suite
from connectathon.judging import broken, judge
from connectathon.waiting import free_port
from profiles.tables import read_table

from .dimse_performers import AE_TITLE, BAD, GOOD, working

ROW = "AIWI-TP-022"


def judged(kind, folder):
    dimse = free_port()
    declaration = {
        "harness": {"worklist_port": free_port(), "archive_port": free_port(), "dimse_port": dimse},
        "task": {"workitem_code": "HEADMASK^99STEPWELL^Head mask", "ae_title": AE_TITLE},
        "timing": {"work_seconds": 30, "poll_seconds": 0.1, "listening_poll_seconds": 0.1},
        "options": ["dimse"],
    }
    with working(kind, dimse):
        return judge(suite("task_performer"), declaration, folder, begins=[ROW])


@pytest.mark.requirement(ROW)
def test_a_good_performer_over_dimse_passes(tmp_path):
    assert broken(judged(GOOD, tmp_path)) == []


@pytest.mark.requirement(ROW)
@pytest.mark.parametrize("kind", BAD, ids=lambda kind: kind.__name__)
def test_the_judge_sees_what_is_wrong_over_dimse(kind, tmp_path):
    assert judged(kind, tmp_path)[ROW].verdict is Verdict.WARN


def test_the_table_of_proofs_names_these_performers():
    told = [(row["rule"], row["kind"], row["defect"]) for row in read_table("conformance", "proved_dimse")]
    assert told == [(ROW, "peer", kind.__name__) for kind in BAD]
