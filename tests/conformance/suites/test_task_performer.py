"""Our own Task Performer before the judge."""

import pytest

from conformance.harness import Verdict
from conformance.harness.declaration import read_declaration
from conformance.harness.registry import suite
from connectathon.judging import broken, judge, unlike_verified
from connectathon.waiting import free_port
from profiles.errors import BadInput

from .performers import judged_task_performer


def omitted(ended):
    return [name for name, event in ended.items() if event.verdict is Verdict.OMIT]


@pytest.mark.requirement("AIWI-TP-021", "AIWI-TP-023")
def test_our_task_performer_passes_what_applies_to_it(tmp_path):
    with judged_task_performer(tmp_path) as judging:
        ended = judging()
    assert broken(ended) == []
    assert unlike_verified(ended) == []
    assert omitted(ended) == ["AIWI-TP-022"]


@pytest.mark.tier2
def test_our_task_performer_passes_when_it_only_polls(tmp_path):
    with judged_task_performer(tmp_path, options=()) as judging:
        ended = judging()
    assert broken(ended) == []
    assert omitted(ended) == ["AIWI-TP-015", "AIWI-TP-016", "AIWI-TP-022", "AIWI-TP-024"]


def test_of_a_system_that_is_not_there_nothing_is_said(tmp_path):
    declaration = {
        "harness": {"worklist_port": free_port(), "archive_port": free_port(), "dimse_port": free_port()},
        "task": {"workitem_code": "HEADMASK^99STEPWELL^Head mask", "ae_title": "NOBODY"},
        "timing": {"work_seconds": 0.1, "poll_seconds": 0.1, "listening_poll_seconds": 0.1},
        "limits": {"answer_seconds": 1, "reaction_seconds": 0.2, "quiet_seconds": 0.05},
        "options": ["triggered-pull", "dimse"],
    }
    ended = judge(suite("task_performer"), declaration, tmp_path)
    assert {event.verdict for event in ended.values()} == {Verdict.INCONCLUSIVE, Verdict.OMIT}


def test_all_problems_of_a_declaration_are_told_at_once(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[system]\nname = "X"\n[harness]\nworklist_port = 1\n[task]\nworkitem_code = "A^B"\n')
    with pytest.raises(BadInput) as told:
        read_declaration(suite("task_performer").declaration, path)
    assert "value^scheme^meaning" in str(told.value)
    assert "archive_port" in str(told.value)
    assert "ae_title" in str(told.value)
