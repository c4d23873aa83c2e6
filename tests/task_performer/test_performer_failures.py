"""What becomes of a workitem when something goes wrong: waited out, or CANCELED with a coded reason (DESIGN D8)."""

import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from actors.shared.dicomweb import Archive
from connectathon.waiting import eventually
from profiles.dicom import code, item, items, new_uid, put, put_items, text
from profiles.errors import Conflict
from profiles.sole import Outcome

STEPS = [
    "images-requested",
    "images-retrieved",
    "inference-started",
    "inference-ended",
    "result-stored",
    "result-available",
]


def assert_completed(ward, uid, running, archive_url=None):
    ward.await_final(uid)
    assert ward.state(uid) == "COMPLETED"
    assert sorted(ward.results(uid, archive_url).values()) == ["SEG", "SR"]
    assert sorted(ward.outputs(uid)) == sorted(ward.results(uid, archive_url))
    running.await_idle()


def assert_canceled(ward, uid, running, reason):
    """CANCELED with a reason in code and words, nothing stored, and told to the operational log."""
    workitem = ward.await_final(uid)
    assert (ward.state(uid), ward.reason(uid)) == ("CANCELED", reason)
    progress = item(workitem, "ProcedureStepProgressInformationSequence")
    assert text(progress, "ReasonForCancellation")
    assert ward.outputs(uid) == []
    running.await_idle()
    failures = [event for event in running.told.events if event.outcome is Outcome.SERIOUS_FAILURE]
    assert [event.details["ReasonCode"].split("^")[:2] for event in failures] == [[reason, "DCM"]]
    assert "result-stored" not in running.steps(uid)[:-1]


def inference_begun(ward, study):
    eventually(lambda: ward.runs_of(study) == 1, what="the engine to run")


@pytest.mark.requirement(
    "AIWI-TP-002", "AIWI-TP-005", "AIWI-TP-008", "AIWI-TP-009", "AIWI-TP-010", "AIWI-TP-019", "UPS-038"
)
def test_a_workitem_is_performed_from_claim_to_complete_and_names_what_was_stored(ward, performer):
    uid = ward.schedule()
    running = performer()
    assert_completed(ward, uid, running)
    assert running.steps(uid) == STEPS
    performed = item(ward.client.retrieve(uid), "UnifiedProcedureStepPerformedProcedureSequence")
    started, ended = (text(performed, f"PerformedProcedureStep{which}DateTime") for which in ("Start", "End"))
    assert "" < started <= ended
    (code,) = items(performed, "PerformedWorkitemCodeSequence")
    (station,) = items(performed, "PerformedStationNameCodeSequence")
    assert (text(code, "CodeValue"), text(station, "CodeValue")) == ("QUICK", ward.ae_title)
    parameters = [text(one, "TextValue") for one in items(performed, "PerformedProcessingParametersSequence")]
    assert parameters[:2] == ["quick", "1.0"]
    assert not list((running.folder / "task_performer" / "work").iterdir()), "images and results are not kept"


@pytest.mark.requirement("AIWI-TP-009")
def test_an_archive_that_is_away_at_retrieval_and_again_when_results_are_stored_is_waited_for(
    ward, own_archive, performer
):
    study = ward.images(own_archive.url)
    own_archive.stop()
    uid = ward.schedule(study, "held", archive_url=own_archive.url)
    running = performer("Held", archive_url=own_archive.url)
    eventually(lambda: "images-requested" in running.steps(uid), what="the first try")
    assert ward.state(uid) == "IN PROGRESS"
    own_archive.start()
    inference_begun(ward, study)
    own_archive.kill()
    ward.let_go()
    eventually(lambda: [one for one in running.journal.records() if one.outputs], what="results to be written")
    assert ward.state(uid) == "IN PROGRESS"
    own_archive.start()
    assert_completed(ward, uid, running, own_archive.url)
    assert ward.runs_of(study) == 1


@pytest.mark.requirement("AIWI-TP-009")
def test_an_archive_that_stays_away_makes_a_dead_letter_and_not_a_canceled_workitem(ward, own_archive, performer):
    study = ward.images(own_archive.url)
    own_archive.stop()
    uid = ward.schedule(study, archive_url=own_archive.url)
    running = performer(archive_url=own_archive.url, give_up_seconds=0.3)
    eventually(lambda: [one for one in running.journal.records() if one.dead], what="a dead letter")
    assert ward.state(uid) == "IN PROGRESS"
    eventually(lambda: running.told.events[-1].outcome is Outcome.MAJOR_FAILURE, what="the dead letter to be told")
    eventually(lambda: "set aside" in words_of(ward, uid), what="the dead letter to be seen at the Task Manager")
    following = ward.schedule(ward.images(stored=False), archive_url=own_archive.url)
    eventually(lambda: "images-requested" in running.steps(following), what="the slot to be free for the next")


def words_of(ward, uid):
    found = item(ward.client.retrieve(uid), "ProcedureStepProgressInformationSequence")
    return text(found, "ProcedureStepProgressDescription")


@pytest.mark.requirement("AIWI-TP-010", "AIWI-TP-017", "UPS-038")
def test_a_task_manager_that_is_away_at_completion_is_waited_for(peers, own_manager, new_ward, performer):
    ward = new_ward(peers[0], own_manager)
    study = ward.images()
    uid = ward.schedule(study, "held")
    running = performer("Held", at=ward)
    inference_begun(ward, study)
    own_manager.kill()
    ward.let_go()
    eventually(lambda: "result-stored" in running.steps(uid), what="results to be stored without the Task Manager")
    own_manager.start()
    assert_completed(ward, uid, running)
    assert running.steps(uid) == STEPS


@pytest.mark.requirement("AIWI-TP-011", "UPS-053")
@pytest.mark.parametrize(
    ("engine", "reason"),
    [("Crashes", "110501"), ("Hangs", "110527"), ("RefusesImages", "110522"), ("NamesOthers", "110501")],
)
def test_a_failing_engine_cancels_the_workitem_with_its_reason_and_nothing_is_stored(engine, reason, ward, performer):
    uid = ward.schedule(engine=engine.lower())
    running = performer(engine, wall_seconds=2.5 if engine == "Hangs" else 60)
    assert_canceled(ward, uid, running, reason)
    assert ward.results(uid) == {}


@pytest.mark.requirement("AIWI-TP-012", "UPS-053")
def test_images_that_the_archive_does_not_have_cancel_the_workitem(ward, performer):
    uid = ward.schedule(ward.images(stored=False))
    assert_canceled(ward, uid, performer(), "110523")


@pytest.mark.requirement("AIWI-TP-012", "AIWI-TP-006")
def test_one_missing_image_cancels_the_workitem_before_any_inference(ward, performer):
    study = ward.images()
    workitem = ward.workitem(study)
    (one,) = items(workitem, "InputInformationSequence")
    reference = put(put({}, "ReferencedSOPClassUID", study.instances[0][0]), "ReferencedSOPInstanceUID", new_uid())
    put_items(one, "ReferencedSOPSequence", *items(one, "ReferencedSOPSequence"), reference)
    uid = ward.client.create(workitem)
    running = performer()
    assert_canceled(ward, uid, running, "110523")
    assert ward.runs_of(study) == 0
    assert ward.results(uid) == {}


@pytest.mark.requirement("AIWI-TP-011")
def test_images_of_another_patient_cancel_the_workitem_and_nothing_is_stored(ward, performer):
    study = ward.images()
    uid = ward.client.create(put(ward.workitem(study), "PatientID", "SOMEBODY-ELSE"))
    assert_canceled(ward, uid, performer(), "110521")
    assert ward.results(uid) == {}


@pytest.mark.requirement("AIWI-TP-011")
def test_an_image_that_cannot_be_decoded_cancels_the_workitem(ward, performer):
    study = ward.images(stored=False)
    damaged = pydicom.dcmread(study.paths[0])
    damaged.file_meta.TransferSyntaxUID = RLELossless
    damaged.PixelData = encapsulate([b"no run lengths"])
    damaged.save_as(study.paths[0], enforce_file_format=True)
    with Archive(ward.archive_url) as archive:
        archive.store(study.paths)
    uid = ward.schedule(study, "looks")
    assert_canceled(ward, uid, performer("Looks"), "110521")
    assert ward.results(uid) == {}


@pytest.mark.requirement("AIWI-TP-014", "AIWI-TM-045")
def test_a_cancel_request_during_the_work_is_heard_and_heeded_with_its_reason(ward, performer):
    study = ward.images()
    uid = ward.schedule(study, "held")
    running = performer("Held", cancel_check_seconds=3600)
    inference_begun(ward, study)
    ward.client.request_cancel(uid, code("DCM", "110510"), text="no longer needed")
    ward.await_state(uid, "CANCELED")
    running.await_idle()
    assert ward.reason(uid) == "110510"
    assert ward.results(uid) == {}
    assert "no longer needed" not in running.told_words()


@pytest.mark.requirement("AIWI-TP-014", "AIWI-TM-046")
def test_a_performer_that_does_not_listen_cannot_be_asked_to_cancel(ward, performer):
    study = ward.images()
    uid = ward.schedule(study, "held")
    running = performer("Held", listen=False)
    inference_begun(ward, study)
    with pytest.raises(Conflict, match="takes no events"):
        ward.client.request_cancel(uid, text="no longer needed")
    ward.let_go()
    assert_completed(ward, uid, running)
    assert running.steps(uid) == STEPS


@pytest.mark.requirement("AIWI-TP-014")
def test_work_that_comes_while_nobody_polls_is_begun_when_it_is_announced(ward, performer):
    """Triggered pull (AIW-I 50.4.2.2): the next poll would be in an hour."""
    running = performer(listening_poll_seconds=3600)
    eventually(lambda: running.listens, what="the performer to listen")
    uid = ward.schedule(ward.images())
    assert_completed(ward, uid, running)


@pytest.mark.requirement("AIWI-TP-014")
def test_a_workitem_that_is_canceled_before_its_claim_is_never_performed(ward, performer):
    study = ward.images()
    canceled, wanted = ward.schedule(study), ward.schedule(ward.images(stored=False))
    ward.client.request_cancel(canceled)
    running = performer()
    ward.await_final(wanted)
    assert ward.state(canceled) == "CANCELED"
    assert (ward.runs_of(study), running.steps(canceled)) == (0, [])


@pytest.mark.requirement("AIWI-TP-014")
def test_the_engine_of_a_workitem_that_was_ended_meanwhile_is_ended_too(ward, performer):
    study = ward.images()
    uid = ward.schedule(study, "held")
    running = performer("Held")
    inference_begun(ward, study)
    (record,) = running.journal.records()
    ward.client.cancel(uid, record.transaction_uid)
    running.await_idle()
    assert ward.state(uid) == "CANCELED"
    assert ward.results(uid) == {}


@pytest.mark.requirement("AIWI-TP-009", "AIWI-TP-014")
def test_nothing_is_stored_for_a_workitem_that_was_ended_meanwhile(ward, own_archive, performer):
    study = ward.images(own_archive.url)
    uid = ward.schedule(study, "held", archive_url=own_archive.url)
    running = performer("Held", archive_url=own_archive.url, cancel_check_seconds=3600)
    inference_begun(ward, study)
    own_archive.kill()
    ward.let_go()
    record = eventually(lambda: next((one for one in running.journal.records() if one.outputs), None), what="results")
    ward.client.cancel(uid, record.transaction_uid)
    own_archive.start()
    running.await_idle()
    assert ward.state(uid) == "CANCELED"
    assert ward.results(uid, own_archive.url) == {}


@pytest.mark.requirement("AIWI-TP-009")
def test_an_archive_that_answers_nonsense_makes_a_dead_letter_that_everybody_sees(ward, performer):
    wrong = f"{ward.manager_url}/workitems?x="
    uid = ward.schedule(ward.images(stored=False), archive_url=wrong)
    running = performer(archive_url=wrong)
    eventually(lambda: [one for one in running.journal.records() if one.dead], what="a dead letter")
    eventually(lambda: "set aside" in words_of(ward, uid), what="the dead letter to be seen at the Task Manager")
    assert running.told.events[-1].outcome is Outcome.MAJOR_FAILURE
