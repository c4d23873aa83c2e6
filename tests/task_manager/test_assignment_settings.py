"""What a site may decide in ``[task_manager]``, and how a mistake is told: all of them, before anything starts."""

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from actors.task_manager.settings import Settings
from profiles.dicom import Code
from profiles.errors import BadInput
from stepwell.settings import validate
from stepwell.writing import tables_as_toml
from workitems.policy import Assignment, Lease

EVERYTHING = """
[task_manager]
strict = false
retention_hours = 48
dimse_port = 11112
gift_givers = ["GIVER"]
leases = [
  { workitem_code = "BRAINSEG^99SITE", performer = "AI_ONE", seconds = 600, attempts = 2 },
  { seconds = 3600 },
]
assignments = [{ workitem_code = "BRAINSEG^99SITE", stations = ["AI_ONE^Brain station", "AI_TWO"] }]

[task_manager.peers."READING ROOM"]
host = "10.1.2.3"
port = 11113
roles = ["watcher"]
"""


def test_the_table_becomes_the_policy_of_the_worklist():
    policy = Settings.model_validate(tomllib.loads(EVERYTHING)["task_manager"]).policy()
    brain = Code("BRAINSEG", "99SITE")
    assert policy.leases == [Lease(600, 2, brain, "AI_ONE"), Lease(3600)]
    stations = (Code("AI_ONE", "L", "Brain station"), Code("AI_TWO", "L", "AI_TWO"))
    assert policy.assignments == [Assignment(brain, stations)]
    assert (policy.strict, policy.retention) == (False, timedelta(hours=48))
    assert [policy.may_subscribe(caller, "WATCHER") for caller in ("GIVER", "WATCHER", "", "OTHER")] == [True] * 3 + [
        False
    ]


def test_the_configuration_that_is_shown_reads_back_to_the_same():
    settings = Settings.model_validate(tomllib.loads(EVERYTHING)["task_manager"])
    shown = tables_as_toml({"task_manager": settings.model_dump(mode="json", exclude_none=True)})
    assert Settings.model_validate(tomllib.loads(shown)["task_manager"]) == settings


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ({"retention_hours": 23}, "AIW-I 4.85.4.1.3"),
        ({"leases": [{"seconds": 0}]}, "greater than 0"),
        ({"leases": [{"seconds": 1, "attempts": 0}]}, "greater than or equal to 1"),
        ({"leases": [{"seconds": 1, "workitem_code": "BRAINSEG"}]}, "VALUE^SCHEME"),
        ({"assignments": [{"workitem_code": "A^B", "stations": []}]}, "at least 1"),
        ({"assignments": [{"workitem_code": "A^B", "stations": ["SEVENTEEN_LETTERS"]}]}, "1 to 16 characters"),
        ({"assignments": [{"workitem_code": "A^B", "stations": ["ONE", "ONE^again"]}]}, "ONE is there twice"),
        ({"assignments": [{"workitem_code": code, "stations": ["S"]} for code in ("A^B", "A^B^m")]}, "A^B is there"),
        ({"peers": {"SEVENTEEN_LETTERS": {"host": "h", "port": 1}}}, "at most 16"),
        ({"peers": {"AE": {"host": "h"}}}, "push_url"),
        ({"port": 104, "dimse_port": 104}, "choose another"),
        ({"backlog_limit": 0}, "greater than or equal to 1"),
        ({"archive_url": "pacs"}, "pattern"),
        ({"lease": []}, "not permitted"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(mistake, words):
    with pytest.raises(BadInput) as refused:
        validate({"task_manager": mistake})
    assert words in refused.value.message


def test_every_setting_is_described_for_operators():
    described = (Path(__file__).parents[2] / "docs" / "worklist.md").read_text()
    assert [name for name in Settings.model_fields if f"`{name}`" not in described] == []


def test_all_mistakes_are_told_at_once():
    with pytest.raises(BadInput) as refused:
        validate(
            {
                "task_manager": {
                    "retention_hours": 1,
                    "leases": [{"seconds": -1}],
                    "assignments": [{"workitem_code": "A^B", "stations": ["S", "S"]}],
                }
            }
        )
    assert len(refused.value.findings) == 3
