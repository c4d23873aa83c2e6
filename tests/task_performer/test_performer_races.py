"""Several performers, several workitems: each is performed once, by one of them, the most urgent first."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from actors.shared.multipart import is_uid
from actors.task_performer.journal import Record
from actors.task_performer.owning import Ownership, settle_claim
from connectathon.waiting import eventually
from profiles.dicom import Code, dicom_datetime, get, get_code, item, new_uid, put, put_codes, text

COUNT = 3


def station_of(ward, uid):
    """AE title of the station that performed a workitem."""
    performed = item(ward.client.retrieve(uid), "UnifiedProcedureStepPerformedProcedureSequence")
    return get_code(performed, "PerformedStationNameCodeSequence").value


@pytest.mark.requirement("AIWI-TP-002", "AIWI-TP-004", "AIWI-TP-010", "UPS-018")
def test_two_performers_of_one_pool_perform_each_workitem_exactly_once(ward, performer):
    pool = Code(f"POOL{secrets.token_hex(4).upper()}", "99TEST", "Test pool")
    studies = {}
    for _ in range(COUNT):
        study = ward.images()
        workitem = put_codes(ward.workitem(study), "ScheduledStationClassCodeSequence", pool)
        studies[ward.client.create(put_codes(workitem, "ScheduledStationNameCodeSequence"))] = study
    settings = {"station_classes": ("^".join((pool.value, pool.scheme)),), "slots": 2}
    running = [performer(ae_title=f"{ward.ae_title}{name}", **settings) for name in "AB"]
    for uid, study in studies.items():
        ward.await_final(uid)
        assert ward.state(uid) == "COMPLETED"
        assert ward.runs_of(study) == 1
        assert sorted(ward.results(uid).values()) == ["SEG", "SR"]
        performers = [one for one in running if "result-available" in one.steps(uid)]
        assert [one.settings.ae_title for one in performers] == [station_of(ward, uid)]
        assert [one for one in running if one.steps(uid)] == performers
    for one in running:
        one.await_idle()


@pytest.mark.requirement("AIWI-TP-004", "UPS-007", "UPS-008", "UPS-018")
@pytest.mark.parametrize("asked_before", [False, True])
def test_the_answer_to_a_claim_says_whose_the_workitem_is(asked_before, ward):
    uid = ward.schedule(ward.images(stored=False))
    first, second = (Record(workitem_uid=uid, transaction_uid=new_uid(), engine="quick") for _ in range(2))
    for record, expected in ((first, Ownership.MINE), (second, Ownership.LOST), (first, Ownership.MINE)):
        assert settle_claim(ward.client, record, asked_before=asked_before) is expected


@pytest.mark.requirement("AIWI-TP-003", "AIWI-TP-007", "AIWI-TP-018")
def test_no_more_workitems_are_in_progress_than_there_are_slots_and_each_has_a_lock_of_its_own(ward, performer):
    studies = [ward.images() for _ in range(3)]
    uids = [ward.schedule(study, engine="held") for study in studies]
    running = performer("Held", slots=2)
    eventually(lambda: sum(ward.runs_of(study) for study in studies) == 2, what="two engines to run")
    locks = {record.transaction_uid for record in running.journal.records()}
    assert len(locks) == 2
    assert all(is_uid(lock) and len(lock) <= 64 for lock in locks)
    assert sorted(ward.state(uid) for uid in uids) == ["IN PROGRESS", "IN PROGRESS", "SCHEDULED"]
    ward.let_go()
    seen = {uid: [0] for uid in uids}

    def done():
        states = [ward.client.retrieve(uid) for uid in uids]
        for uid, state in zip(uids, states, strict=True):
            seen[uid].append(progress_of(state))
        said = [text(state, "ProcedureStepState") for state in states]
        at_once.append(said.count("IN PROGRESS"))
        return said == ["COMPLETED"] * 3

    at_once = []
    eventually(done, what="all to be completed")
    assert max(at_once) <= 2
    for percents in seen.values():
        assert percents == sorted(percents)
        assert percents[-1] == 100


def progress_of(workitem):
    found = item(workitem, "ProcedureStepProgressInformationSequence")
    return float(get(found, "ProcedureStepProgress", 0))


@pytest.mark.requirement("AIWI-TP-001")
def test_the_most_urgent_workitem_is_taken_first(ward, performer):
    uids = {}
    for priority in ("LOW", "HIGH", "MEDIUM"):
        workitem = put(ward.workitem(ward.images(stored=False)), "ScheduledProcedureStepPriority", priority)
        uids[priority] = ward.client.create(workitem)
    running = performer()
    for uid in uids.values():
        ward.await_final(uid)
    begun = [event.thread.workitem_uid for event in running.told.events if event.step == "images-requested"]
    assert begun == [uids["HIGH"], uids["MEDIUM"], uids["LOW"]]


@pytest.mark.requirement("AIWI-TP-001")
def test_a_performer_that_waits_for_the_start_leaves_later_work_alone(ward, performer):
    workitem = ward.workitem(ward.images(stored=False))
    put(workitem, "ScheduledProcedureStepPriority", "HIGH")
    later = put(workitem, "ScheduledProcedureStepStartDateTime", dicom_datetime(datetime.now(UTC) + timedelta(days=1)))
    tomorrow, today = ward.client.create(later), ward.schedule(ward.images(stored=False))
    running = performer(waits_for_start=True)
    ward.await_final(today)
    running.await_idle()
    assert ward.state(tomorrow) == "SCHEDULED"
