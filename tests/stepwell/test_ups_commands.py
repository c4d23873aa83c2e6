"""``stepwell ups``: one workitem's life from the command line, against a real Task Manager."""

import json
import os
import signal
import subprocess
import sys

import pytest

from connectathon.waiting import eventually, free_port


class Desk:
    """A Task Manager process, and the commands that a person types."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "stepwell.toml"
        self.config.write_text(
            f'[stepwell]\ndata_dir = "{folder / "data"}"\n[task_manager]\nport = {free_port()}\n', encoding="utf-8"
        )
        self.log = (folder / "task-manager.log").open("wb")
        self.manager = self.start("up", "task-manager", stderr=self.log)

    def wait_ready(self):
        eventually((self.folder / "data" / "run" / "task_manager.json").exists, what="the Task Manager to be ready")

    def start(self, *arguments, **streams):
        command = [sys.executable, "-m", "stepwell", *arguments, "--config", str(self.config)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **streams)

    def ups(self, *arguments):
        command = [sys.executable, "-m", "stepwell", "ups", *arguments, "--config", str(self.config)]
        return subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def done(self, *arguments):
        answer = self.ups(*arguments)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    def stop(self):
        self.manager.send_signal(signal.SIGTERM)
        self.manager.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = Desk(tmp_path_factory.mktemp("desk"))
    try:
        made.wait_ready()
        yield made
    finally:
        made.stop()


@pytest.mark.requirement("AIWI-TM-001", "AIWI-TM-017", "AIWI-TM-028", "AIWI-TM-035", "AIWI-TM-036")
def test_a_workitem_goes_from_creation_to_completion(desk):
    uid = desk.done("create", "WorklistLabel=BRAIN", "ProcedureStepLabel=Brain volume")
    assert uid in desk.done("search", "ProcedureStepState=SCHEDULED", "WorklistLabel=BR*")
    assert "yours" in desk.done("claim", uid)
    claim = desk.folder / "data" / "claims" / uid
    assert claim.stat().st_mode & 0o777 == 0o600
    transaction = claim.read_text()
    desk.done("update", uid, "--progress", "50", "--description", "half")
    said = desk.done("get", uid)
    assert "ProcedureStepProgress: 50" in said
    assert transaction not in said
    assert "yours already" in desk.done("claim", uid)
    assert "COMPLETED" in desk.done("complete", uid)
    assert not claim.exists()
    state = json.loads(desk.done("get", uid, "--json"))["00741000"]["Value"]
    assert state == ["COMPLETED"]


@pytest.mark.requirement("AIWI-TM-042", "AIWI-TM-044")
def test_a_workitem_is_canceled_by_its_performer_and_by_others(desk):
    mine = desk.done("create")
    desk.done("claim", mine)
    desk.done("cancel", mine, "--reason", "wrong images", "--reason-code", "110521")
    said = desk.done("get", mine)
    assert "ProcedureStepState: CANCELED" in said
    assert "ReasonForCancellation: wrong images" in said
    assert "Objects incorrectly formatted" in said
    nobodys = desk.done("create")
    assert "is CANCELED" in desk.done("cancel", nobodys, "--reason", "order withdrawn")


@pytest.mark.requirement("AIWI-TM-060", "AIWI-TM-065", "AIWI-TM-068")
def test_watch_prints_each_event_of_a_workitem_in_order(desk):
    uid = desk.done("create")
    output = desk.folder / "events.txt"
    with output.open("wb") as stream:
        watching = desk.start("ups", "watch", uid, "--until-final", "--json", stdout=stream, stderr=subprocess.DEVNULL)
        eventually(lambda: output.stat().st_size, what="the first State Report")
        desk.done("claim", uid)
        desk.done("update", uid, "--progress", "10")
        desk.done("complete", uid)
        assert watching.wait(60) == 0
    events = [json.loads(line) for line in output.read_text().splitlines()]
    states = [one["information"]["00741000"]["Value"][0] for one in events if one["event"] == "state"]
    assert states == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]
    assert "progress" in [one["event"] for one in events]
    assert {one["workitem"] for one in events} == {uid}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("get", "1.2.3"), 1, "no workitem"),
        (("get", "../etc"), 1, "404"),
        (("create", "Prio=HIGH"), 2, "no attribute with the keyword 'Prio'"),
        (("create", "NumberOfCopies=some"), 2, "takes a number"),
        (("create", "nonsense"), 2, "KEYWORD=VALUE"),
        (("create", "ScheduledProcedureStepPriority=URGENT"), 2, "HIGH, MEDIUM, LOW"),
        (("create", "--file", "/nonexistent.json"), 2, "cannot be read"),
        (("complete", "1.2.3"), 1, "claim it first"),
        (("claim", "1.2.3"), 1, "no workitem"),
        (("cancel", "1.2.3", "--reason-code", "1"), 1, "CID 9300"),
        (("search", "--url", "http://127.0.0.1:1/ups-rs"), 1, "does not answer"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(desk, arguments, status, words):
    answer = desk.ups(*arguments)
    assert answer.returncode == status, answer.stderr
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_lost_race_leaves_no_claim_behind(desk):
    uid = desk.done("create")
    desk.done("claim", uid)
    claims = desk.folder / "data" / "claims"
    (claims / uid).rename(claims / "elsewhere")
    answer = desk.ups("claim", uid)
    assert answer.returncode != 0
    assert "Transaction UID" in answer.stderr
    assert not (claims / uid).exists()
    os.replace(claims / "elsewhere", claims / uid)  # noqa: PTH105 - back where it was
