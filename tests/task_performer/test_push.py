"""Push over real processes (AIW-I 50.4.2.3; aiw-i.md 5, 6.3, 6.4): X at the manager, its copy at a performer."""

import sqlite3
from contextlib import closing

import pytest

from actors.shared.ups_client import UpsClient
from actors.task_manager.steps import ContractStep
from actors.task_performer.steps import Step
from connectathon.waiting import eventually, free_port
from profiles.dicom import Code, get_code, item, text
from profiles.errors import NotFound
from tests.task_performer.conftest import RunningActor
from workitems.pipelines import COPY
from workitems.subtasks import child_uid

pytestmark = pytest.mark.requirement("AIWI-TM-086")
PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"


class Push:
    """A Task Manager that pushes to one performer, which pulls from nobody."""

    def __init__(self, ward, manager, performer):
        self.ward, self.manager, self.performer = ward, manager, performer
        self.copies = UpsClient(f"http://127.0.0.1:{performer.settings['port']}/ups-rs", ae_title="TESTER")

    def locks(self, actor):
        """The Transaction UIDs in the database of an actor."""
        with closing(sqlite3.connect(actor.data_dir / actor.actor / "workitems.sqlite")) as database:
            return [lock for (lock,) in database.execute("SELECT transaction_uid FROM workitem") if lock]

    def copy_of(self, uid):
        return self.copies.retrieve(child_uid(uid, COPY, 1))

    def copy_state(self, uid):
        """Of the copy; empty while there is none."""
        try:
            return text(self.copy_of(uid), "ProcedureStepState")
        except NotFound:
            return ""


@pytest.fixture
def pushing(peers, new_ward, tmp_path):
    """Starts a Task Manager and a performer that is pushed to; ends both."""
    made = []

    def start(**changes):
        port = free_port()
        manager = RunningActor("task_manager", tmp_path / "manager", port=free_port(), contract_seconds=0.2)
        ward = new_ward(peers[0], manager)
        manager.settings["peers"] = {ward.ae_title: {"push_url": f"http://127.0.0.1:{port}/ups-rs"}}
        settings = ward.settings(port=port, task_manager_url="", **changes)
        performer = RunningActor("task_performer", tmp_path / "performer", **settings)
        made.append(Push(ward, manager, performer))
        manager.launch()
        performer.launch()
        manager.await_ready()
        performer.await_ready()
        return made[-1]

    yield start
    for one in made:
        one.ward.let_go()
        one.performer.stop()
        one.manager.stop()
        one.copies.close()


def test_a_workitem_that_names_a_pushed_performer_ends_completed_with_the_outputs_of_its_copy(pushing):
    push = pushing()
    uid = push.ward.schedule()
    push.ward.await_final(uid)
    done = push.ward.client.retrieve(uid)
    assert text(done, "ProcedureStepState") == "COMPLETED"
    assert item(done, PERFORMED) == item(push.copy_of(uid), PERFORMED)
    assert get_code(item(done, PERFORMED), "PerformedStationNameCodeSequence").value == push.ward.ae_title
    assert sorted(push.ward.outputs(uid)) == sorted(push.ward.results(uid))
    said = "".join(one.log.read_text() for one in (push.manager, push.performer))
    locks = [*push.locks(push.manager), *push.locks(push.performer)]
    assert len(locks) == 2
    assert not any(lock in said for lock in locks)


def test_a_request_to_cancel_reaches_the_performer_which_stores_nothing(pushing):
    push = pushing(engines=("performer_engines:Held",))
    uid = push.ward.schedule(engine="held")
    eventually(lambda: push.copy_state(uid) == "IN PROGRESS", what="the copy to be claimed")
    push.ward.client.request_cancel(uid, Code("110500", "DCM", "Doctor canceled procedure"), "no longer needed")
    push.ward.await_final(uid)
    assert (push.ward.state(uid), push.copy_state(uid)) == ("CANCELED", "CANCELED")
    assert push.ward.reason(uid) == "110500"
    push.ward.let_go()
    eventually(lambda: not push.performer.records(), what="the performer to be done with it")
    assert push.ward.results(uid) == {}


def test_what_the_performer_has_no_engine_for_it_rejects_and_the_workitem_is_canceled(pushing):
    push = pushing()
    uid = push.ward.schedule(engine="unheard-of")
    push.ward.await_final(uid)
    assert (push.ward.state(uid), push.ward.reason(uid)) == ("CANCELED", "110530")
    assert push.performer.logged("rejected")


def test_what_the_engine_fails_at_cancels_the_workitem_with_the_engines_reason(pushing):
    push = pushing(engines=("performer_engines:RefusesImages",))
    uid = push.ward.schedule(engine="refusesimages")
    push.ward.await_final(uid)
    assert (push.ward.state(uid), push.ward.reason(uid)) == ("CANCELED", "110522")


def test_a_performer_that_is_away_gets_the_workitem_when_it_is_back(pushing):
    push = pushing()
    push.performer.kill()
    uid = push.ward.schedule()
    eventually(lambda: push.manager.logged("performer-away"), what="the manager to notice")
    assert push.ward.state(uid) == "IN PROGRESS"
    push.performer.start()
    push.ward.await_final(uid)
    assert push.ward.state(uid) == "COMPLETED"


@pytest.mark.requirement("AIWI-TM-081")
def test_the_manager_killed_at_each_step_of_a_contract_loses_nothing_and_does_nothing_twice(pushing):
    push = pushing()
    for number, step in enumerate(ContractStep, 1):
        push.manager.arm(step)
        study = push.ward.images()
        uid = push.ward.schedule(study)
        push.manager.await_death()
        push.manager.start()
        push.ward.await_final(uid)
        assert push.ward.state(uid) == "COMPLETED", step
        assert (len(push.copies.search()), push.ward.runs_of(study)) == (number, 1), step
        assert sorted(push.ward.outputs(uid)) == sorted(push.ward.results(uid)), step


def test_the_performer_killed_in_the_middle_of_a_copy_goes_on_with_it(pushing):
    push = pushing()
    for step in (Step.TRANSACTION_UID_STORED, Step.STORED):
        push.performer.arm(step)
        uid = push.ward.schedule()
        push.performer.await_death()
        push.performer.start()
        push.ward.await_final(uid)
        assert push.ward.state(uid) == "COMPLETED", step
        assert sorted(push.ward.outputs(uid)) == sorted(push.ward.results(uid)), step


def test_a_performer_may_pull_from_a_task_manager_and_be_pushed_to_besides(pushing, peers):
    push = pushing()
    push.performer.stop()
    push.performer.settings["task_manager_url"] = peers[1].url
    push.performer.start()
    pushed = push.ward.schedule()
    with UpsClient(peers[1].url, ae_title="TESTER") as elsewhere:
        pulled = elsewhere.create(dict(sorted(push.ward.workitem(push.ward.images()).items())))
        push.ward.await_final(pushed)
        eventually(lambda: text(elsewhere.retrieve(pulled), "ProcedureStepState") == "COMPLETED", what="the other one")
    assert push.ward.state(pushed) == "COMPLETED"
