"""The campaign of kills: at 1/20 of its size, and its judge, which must see every kind of broken promise."""

import dataclasses
import secrets
import sys
from datetime import UTC, date, datetime

import pytest

from connectathon.campaigns.evidence import Outcome, report
from connectathon.campaigns.judging import judge
from connectathon.campaigns.records import Claim, Heard, Records
from connectathon.campaigns.task_manager_kills import FULL_SIZE, run
from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid, put, put_items
from profiles.ups import State
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.model import Channel, EventKind
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist


@pytest.mark.tier2
@pytest.mark.requirement("AIWI-TM-018", "AIWI-TM-072", "AIWI-TM-081", "UPS-141")
def test_nothing_acknowledged_is_lost_nobody_wins_twice_and_all_is_told_while_the_task_manager_is_killed(tmp_path):
    seed = secrets.randbelow(2**32)
    sys.stdout.write(f"seed {seed}\n")
    outcome = run(FULL_SIZE // 20, seed, tmp_path)
    assert outcome.findings == ()
    assert outcome.counts["kills"] >= 3


class Walk:
    """One workitem's way to COMPLETED as its clients and its store tell of it."""

    def __init__(self, folder):
        store = Store(sqlite_url(folder / "w.sqlite"))
        worklist = Worklist(store, lambda: datetime.now(UTC))
        worklist.subscriptions.subscribe("SUBSCRIBER", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
        self.records, self.transaction = Records(), new_uid()
        self.uid = worklist.create(new_workitem(now=datetime.now(UTC))).uid
        self.records.acknowledge_creation(self.uid)
        worklist.change_state(self.uid, "IN PROGRESS", self.transaction)
        self.records.acknowledge_claim(self.uid, Claim("ONE", self.transaction))
        progress = put_items(
            performed(datetime.now(UTC)),
            "ProcedureStepProgressInformationSequence",
            put({}, "ProcedureStepProgress", 100),
        )
        worklist.update(self.uid, progress, self.transaction)
        self.records.acknowledge_progress(self.uid, 100)
        worklist.change_state(self.uid, "COMPLETED", self.transaction)
        self.records.acknowledge_completion(self.uid, "ONE")
        self.events = store.events_after(0)
        self.workitems = {self.uid: store.find(self.uid)}
        self.records.heard["SUBSCRIBER"] = [Heard(event.sequence, self.uid) for event in self.events]
        store.close()

    @property
    def heard(self):
        return self.records.heard["SUBSCRIBER"]

    def becomes(self, **changes):
        self.workitems[self.uid] = dataclasses.replace(self.workitems[self.uid], **changes)

    def findings(self):
        return judge(self.records, self.workitems, self.events)


@pytest.fixture
def walk(tmp_path):
    return Walk(tmp_path)


def test_the_judge_finds_nothing_where_every_promise_was_kept_also_when_events_came_twice(walk):
    assert walk.events[0].kind is EventKind.CREATED
    assert walk.findings() == []
    walk.heard.extend(list(walk.heard))
    assert walk.findings() == []


BROKEN = {
    "a creation that is lost": (lambda walk: walk.workitems.clear(), "its creation was acknowledged"),
    "a completion that is lost": (lambda walk: walk.becomes(state=State.IN_PROGRESS), "but it is IN PROGRESS"),
    "an update that is lost": (lambda walk: walk.records.progress.update({walk.uid: 50}), "50 was acknowledged"),
    "a claim that is lost": (lambda walk: walk.becomes(transaction_uid="2.25.1"), "it is not its owner"),
    "two winners": (
        lambda walk: walk.records.acknowledge_claim(walk.uid, Claim("TWO", walk.transaction)),
        "claimed by ONE, TWO",
    ),
    "an event that is missing": (lambda walk: walk.events.pop(1), "the outbox tells of it"),
    "an event that was told twice": (lambda walk: walk.events.append(walk.events[-1]), "the outbox tells of it"),
    "an event that never came": (lambda walk: walk.heard.pop(1), "SUBSCRIBER never got event"),
    "an event that came late": (lambda walk: walk.heard.append(walk.heard.pop(0)), "before an earlier one"),
}


@pytest.mark.parametrize("defect", BROKEN)
def test_the_judge_sees(defect, walk):
    breaking, words = BROKEN[defect]
    breaking(walk)
    findings = walk.findings()
    assert any(words in finding for finding in findings), findings
    assert walk.transaction not in "".join(findings)


def test_the_report_says_how_to_run_it_again_and_what_was_broken_but_not_on_which_machine():
    kept = Outcome("task-manager-kills", 7, {"workitems": 50}, ())
    text = report(kept, "What is promised.", date(2026, 5, 4))
    assert "Every promise was kept" in text
    assert "scripts/campaign task-manager-kills --seed 7" in text
    assert "| workitems | 50 |" in text
    assert "cores" in text
    broken = report(dataclasses.replace(kept, findings=("2.25.1: lost",)), "What is promised.", date(2026, 5, 4))
    assert "Promises broken: 1." in broken
    assert "- 2.25.1: lost" in broken
