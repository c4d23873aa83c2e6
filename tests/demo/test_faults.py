"""Each fault of the demo, once, at its fixed point: the study ends right, and the scorecard says what happened."""

import json

import pytest

FAULTS = ["performer-killed", "task-manager-killed", "archive-away", "repository-away", "order-twice", "images-late"]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_study_ends_right_in_spite_of(fault, tmp_path, demo_command):
    answer = demo_command(tmp_path / "data", "--fault", fault)
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert summary["workitem"]["state"] == "COMPLETED"
    assert sorted(result["modality"] for result in summary["results"]) == ["SEG", "SR"]
    assert fault in summary["faults"]
