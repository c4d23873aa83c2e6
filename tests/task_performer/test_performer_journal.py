"""The Transaction UID is on disk before it is sent, and whatever was begun goes on after a kill (ups.md 6.2, 13)."""

import json
import stat
from datetime import UTC, datetime

import pytest

from actors.shared.dicomweb import Archive
from actors.shared.multipart import is_uid
from actors.shared.ups_client import AlreadyInProgress
from actors.task_performer.journal import Journal, Phase, Record
from actors.task_performer.steps import Step
from connectathon.waiting import eventually
from profiles.dicom import new_uid
from profiles.errors import BadInput, Unavailable

#: Steps that the journal knows how to go on from, in the order in which they are reached.
STEPS = list(Step)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def kept(running, uid):
    """The journal's record of a workitem as it is on disk."""
    return json.loads(running.records()[uid].read_text())


def killed_at(step, running, ward, engine="quick"):
    """Let a performer die at a step of a new workitem; its UID."""
    uid = ward.schedule(engine=engine)
    running.arm(step)
    running.launch().await_death()
    return uid


def assert_performed_once(ward, uid, running):
    ward.await_final(uid)
    assert ward.state(uid) == "COMPLETED"
    assert sorted(ward.results(uid).values()) == ["SEG", "SR"]
    assert sorted(ward.outputs(uid)) == sorted(ward.results(uid))
    eventually(lambda: not running.records(), what="an empty journal")


@pytest.mark.requirement("AIWI-TP-003", "AIWI-TP-020", "UPS-007")
def test_the_transaction_uid_is_on_disk_for_its_owner_only_before_the_claim_is_sent(ward, performer_process):
    running = performer_process()
    uid = killed_at(Step.TRANSACTION_UID_STORED, running, ward)
    record = running.records()[uid]
    assert ward.state(uid) == "SCHEDULED"
    assert (mode_of(record), mode_of(record.parent), mode_of(record.parent.parent)) == (0o600, 0o700, 0o700)
    lock = kept(running, uid)["transaction_uid"]
    assert is_uid(lock)
    running.arm(Step.CLAIMED)
    running.launch().await_death()
    assert kept(running, uid)["transaction_uid"] == lock
    with pytest.raises(AlreadyInProgress):
        ward.client.claim(uid, lock)


@pytest.mark.requirement("AIWI-TP-020", "UPS-008")
def test_a_claim_whose_answer_was_lost_is_known_as_its_own_by_c302(ward, performer_process):
    running = performer_process(engines=("performer_engines:RefusesImages",))
    uid = killed_at(Step.TRANSACTION_UID_STORED, running, ward, engine="refusesimages")
    ward.client.claim(uid, kept(running, uid)["transaction_uid"])
    running.start()
    ward.await_final(uid)
    assert (ward.state(uid), ward.reason(uid)) == ("CANCELED", "110522"), "only its owner can give that reason"
    assert not running.logged("claim-lost")


@pytest.mark.requirement("AIWI-TP-004", "UPS-018")
def test_a_claim_that_somebody_else_won_meanwhile_is_dropped_without_any_work(ward, performer_process):
    running = performer_process()
    study = ward.images()
    uid = ward.schedule(study)
    running.arm(Step.TRANSACTION_UID_STORED)
    running.launch().await_death()
    ward.client.claim(uid, new_uid())
    running.start()
    eventually(lambda: not running.records(), what="the lost workitem to be dropped")
    assert [line["workitem"] for line in running.logged("claim-lost")] == [uid]
    following = ward.schedule(ward.images(stored=False))
    ward.await_final(following)
    assert ward.state(uid) == "IN PROGRESS"
    assert (ward.results(uid), ward.runs_of(study)) == ({}, 0)


@pytest.mark.requirement("AIWI-TP-004", "UPS-020")
@pytest.mark.parametrize("step", [Step.TRANSACTION_UID_STORED, pytest.param(Step.CLAIMED, marks=pytest.mark.tier2)])
def test_a_workitem_that_was_canceled_while_the_performer_was_down_is_dropped(step, ward, performer_process):
    running = performer_process()
    uid = killed_at(step, running, ward)
    if step is Step.CLAIMED:
        ward.client.cancel(uid, kept(running, uid)["transaction_uid"])
    else:
        ward.client.request_cancel(uid)
    running.start()
    eventually(lambda: not running.records(), what="the canceled workitem to be dropped")
    assert [line["course"] for line in running.logged("resumed")] == ["drop"]
    assert step in {line["step"] for line in running.logged("step")} <= set(STEPS[: STEPS.index(step) + 1])
    assert ward.state(uid) == "CANCELED"
    assert ward.results(uid) == {}


@pytest.mark.requirement("AIWI-TP-009", "AIWI-TP-010", "AIWI-TP-020", "UPS-039")
def test_a_performer_that_is_killed_at_every_step_in_turn_leaves_one_result_set_and_no_trace_of_its_lock(
    ward, performer_process, peers
):
    running = performer_process()
    study = ward.images()
    uid = ward.schedule(study)
    locks = set()
    for step in STEPS:
        running.arm(step)
        running.launch().await_death()
        locks.add(kept(running, uid)["transaction_uid"])
    running.start()
    assert_performed_once(ward, uid, running)
    assert ward.runs_of(study) <= 2, "what was inferred is not inferred again"
    running.stop()
    (lock,) = locks
    everything = [path for path in running.data_dir.rglob("*") if path.is_file()]
    assert len(everything) > 2
    for path in [*everything, *(peer.log for peer in peers)]:
        assert lock.encode() not in path.read_bytes(), path.name


@pytest.mark.tier2
@pytest.mark.requirement("AIWI-TP-009", "AIWI-TP-010", "AIWI-TP-020")
@pytest.mark.parametrize("step", STEPS)
def test_a_workitem_is_performed_once_though_the_performer_is_killed_at(step, ward, performer_process):
    running = performer_process()
    uid = killed_at(step, running, ward)
    running.start()
    assert_performed_once(ward, uid, running)


@pytest.mark.tier2
@pytest.mark.requirement("AIWI-TP-020")
def test_images_that_were_lost_with_a_crash_are_retrieved_again(ward, performer_process):
    running = performer_process()
    uid = killed_at(Step.INFERRED, running, ward)
    for path in (running.data_dir / "task_performer" / "work" / uid / "input").rglob("*.dcm"):
        path.unlink()
    running.start()
    assert_performed_once(ward, uid, running)
    assert len([one for one in running.logged("step") if one["step"] == Step.RETRIEVED]) == 2


@pytest.mark.tier2
@pytest.mark.requirement("AIWI-TP-009", "AIWI-TP-020")
def test_results_that_are_made_again_after_they_were_stored_are_the_same_instances(ward, performer_process):
    running = performer_process()
    uid = killed_at(Step.ENCODED, running, ward)
    objects = running.data_dir / "task_performer" / "work" / uid / "objects"
    with Archive(ward.archive_url) as archive:
        archive.store(sorted(objects.glob("*.dcm")))
    stored = ward.results(uid)
    for path in objects.iterdir():
        path.unlink()
    running.start()
    assert_performed_once(ward, uid, running)
    assert ward.results(uid) == stored


@pytest.mark.tier2
@pytest.mark.requirement("AIWI-TP-020")
def test_a_performer_that_is_told_to_end_during_inference_goes_on_with_the_workitem_later(ward, performer_process):
    running = performer_process(engines=("performer_engines:Held",))
    study = ward.images()
    uid = ward.schedule(study, engine="held")
    running.start()
    eventually(lambda: ward.runs_of(study) == 1, what="the engine to run")
    running.stop()
    assert running.process.returncode == 0
    assert ward.state(uid) == "IN PROGRESS"
    ward.let_go()
    running.start()
    assert_performed_once(ward, uid, running)


@pytest.mark.tier2
@pytest.mark.requirement("AIWI-TP-020")
def test_a_workitem_whose_engine_is_not_configured_any_more_waits_as_a_dead_letter(ward, performer_process):
    running = performer_process()
    uid = killed_at(Step.CLAIMED, running, ward)
    running.settings["engines"] = ("performer_engines:Held",)
    running.start()
    eventually(lambda: running.logged("dead-letter"), what="a dead letter")
    eventually(lambda: kept(running, uid)["dead"], what="the dead letter to be in the journal")
    assert ward.state(uid) == "IN PROGRESS"
    running.stop()
    running.settings["engines"] = ("performer_engines:Quick",)
    running.start()
    assert_performed_once(ward, uid, running)


@pytest.mark.tier2
def test_a_second_performer_is_refused_the_data_directory_of_the_first(ward, performer_process):
    running = performer_process().start()
    second = performer_process(ae_title="SECOND")
    second.log = second.data_dir / "second.log"
    second.launch()
    assert second.process.wait(60) == 1
    assert "Another Task Performer works in" in second.log.read_text()
    assert running.process.poll() is None


def test_work_goes_through_its_phases_one_by_one():
    record = Record(workitem_uid="2.25.1", transaction_uid="2.25.2", engine="quick")
    with pytest.raises(ValueError, match="does not follow"):
        record.at(Phase.RETRIEVED)
    claimed = record.at(Phase.CLAIMED, started_at=datetime.now(UTC))
    with pytest.raises(ValueError, match="does not follow"):
        claimed.at(Phase.INTENDED)


def test_a_record_shows_its_transaction_uid_to_nobody():
    assert "2.25.2" not in repr(Record(workitem_uid="2.25.1", transaction_uid="2.25.2", engine="quick"))


def test_a_record_that_cannot_be_read_is_set_aside_and_the_others_are_taken_up(tmp_path):
    journal = Journal(tmp_path)
    whole = journal.write(Record(workitem_uid="2.25.3", transaction_uid="2.25.4", engine="quick"))
    (tmp_path / "2.25.9.json").write_text("{")
    assert journal.records() == [whole]
    assert (tmp_path / "2.25.9.unreadable").exists()


def test_a_write_that_broke_off_leaves_the_record_before_it(tmp_path):
    record = Journal(tmp_path).write(Record(workitem_uid="2.25.3", transaction_uid="2.25.4", engine="quick"))
    (tmp_path / ".2.25.3.json.99.1").write_text("{")
    assert Journal(tmp_path).records() == [record]
    assert [path.name for path in tmp_path.iterdir()] == ["2.25.3.json"]


@pytest.mark.parametrize("name", ["../2.25.1", "", "a", "2.25.1/x"])
def test_a_workitem_named_by_something_that_is_no_uid_gets_no_file(name, tmp_path):
    with pytest.raises(BadInput):
        Journal(tmp_path / "journal").write(Record(workitem_uid=name, transaction_uid="2.25.4", engine="quick"))
    assert not list((tmp_path / "journal").iterdir())


def test_a_journal_that_cannot_be_written_says_so_before_anything_is_claimed(tmp_path):
    journal = Journal(tmp_path / "journal")
    (tmp_path / "journal").rmdir()
    with pytest.raises(Unavailable, match="cannot write to") as refused:
        journal.write(Record(workitem_uid="2.25.3", transaction_uid="2.25.4", engine="quick"))
    assert refused.value.row_key == "storage-full"
    assert "2.25.4" not in refused.value.message
