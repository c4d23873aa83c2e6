"""Each fault of the demo, once, at its fixed point: the study ends right, and the scorecard says what happened."""

import json
import os

import pytest

#: Three faults befall each study, which is harder than one; with ``STEPWELL_WHOLE_SUITES`` each comes alone as well.
TOGETHER = [
    ("performer-killed", "order-twice", "images-late"),
    ("task-manager-killed", "archive-away", "repository-away"),
]
ALONE = [(fault,) for faults in TOGETHER for fault in faults] if os.environ.get("STEPWELL_WHOLE_SUITES") else []


@pytest.mark.parametrize("faults", [*TOGETHER, *ALONE], ids="+".join)
def test_the_study_ends_right_in_spite_of(faults, tmp_path, demo_command):
    answer = demo_command(tmp_path / "data", *(word for fault in faults for word in ("--fault", fault)))
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert summary["workitem"]["state"] == "COMPLETED"
    assert sorted(result["modality"] for result in summary["results"]) == ["SEG", "SR"]
    assert set(summary["faults"]) == set(faults)
