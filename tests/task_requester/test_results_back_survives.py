"""kill -9 of the requester between a completed workitem and the receiver's answer: nothing lost, nothing doubled."""

from datetime import UTC, datetime

import pydicom
import pytest
from sqlmodel import select

from actors.shared.dicomweb import Archive
from actors.shared.ups_client import UpsClient
from actors.task_performer.journal import Output
from actors.task_performer.performed import performed
from actors.task_requester.quarantine import open_store
from actors.task_requester.results_back.steps import Step
from actors.task_requester.results_back.store import LookRow, MessageState, OutgoingRow
from connectathon.fiction import new_order
from connectathon.ris import build_order
from connectathon.waiting import eventually
from profiles.air import context_from_workitem, encode
from profiles.dicom import Code, new_uid
from tests.task_requester.results_scene import ALGORITHM, Receiver, found
from tests.task_requester.test_requester_survives import send, store_images, workitems_of


def perform(archive_url, manager_url, order, images, folder):
    """Claim the workitem of an order, store a result, and complete it, as a performer does."""
    (scheduled,) = workitems_of(manager_url, order)
    uid, transaction = scheduled["00080018"]["Value"][0], new_uid()
    now, station = datetime.now(UTC), Code("AI", "L", "AI")
    with UpsClient(manager_url, ae_title="AI") as client, Archive(archive_url) as archive:
        workitem = client.retrieve(uid)
        client.claim(uid, transaction)
        context = context_from_workitem(workitem, images, station=station, now=now, seed=uid)
        outputs, paths = [], []
        for made in encode(found(), context, ALGORITHM):
            paths.append(folder / f"{made.SOPInstanceUID}.dcm")
            made.save_as(paths[-1], enforce_file_format=True)
            outputs.append(
                Output(
                    file=paths[-1].name,
                    modality=str(made.Modality),
                    study_instance_uid=str(made.StudyInstanceUID),
                    series_instance_uid=str(made.SeriesInstanceUID),
                    sop_class_uid=str(made.SOPClassUID),
                    sop_instance_uid=str(made.SOPInstanceUID),
                )
            )
        archive.store(paths)
        done = performed(
            workitem,
            outputs,
            station=station,
            algorithm=ALGORITHM,
            archive=archive_url,
            started_at=now,
            ended_at=now,
        )
        client.update(uid, done, transaction)
        client.complete(uid, transaction)


def outgoing(requester):
    database = open_store(requester.data_dir)
    try:
        with database.read() as session:
            return list(session.exec(select(OutgoingRow)))
    finally:
        database.close()


@pytest.mark.requirement("HL7-066")
@pytest.mark.parametrize("step", list(Step), ids=str)
def test_a_kill_at_any_step_loses_no_result_and_sends_none_under_two_control_ids(
    step, task_requester, archive_and_manager, tmp_path
):
    archive_url, manager_url = archive_and_manager
    order, receiver = new_order(), Receiver()
    try:
        requester = task_requester(
            archive_url=archive_url,
            task_manager_url=manager_url,
            results={"receiver": receiver.address, "poll_seconds": 0.1, "slowest_poll_seconds": 0.2},
        ).start()
        paths = store_images(archive_url, order, tmp_path / "study")
        images = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
        requester.arm(step)
        assert send(requester, build_order(order)).code == "AA"
        eventually(lambda: workitems_of(manager_url, order), what="the workitem")
        perform(archive_url, manager_url, order, images, tmp_path)
        requester.await_death()
        requester.start()

        def sent():
            rows = outgoing(requester)
            return rows and all(row.state == MessageState.SENT for row in rows)

        eventually(sent, what="the result to be sent")
        requester.stop()
    finally:
        receiver.stop()
    assert len(set(receiver.ids())) == 1
    assert len(receiver.ids()) == (2 if step is Step.MESSAGE_ANSWERED else 1)
    assert len({one.text for one in receiver.messages}) == 1


@pytest.mark.requirement("HL7-066")
def test_the_end_of_a_workitem_is_heard_and_needs_no_polling(task_requester, archive_and_manager, tmp_path):
    archive_url, manager_url = archive_and_manager
    order, receiver = new_order(), Receiver()
    try:
        requester = task_requester(
            archive_url=archive_url,
            task_manager_url=manager_url,
            ae_title="HEARS",
            results={"receiver": receiver.address, "poll_seconds": 7200, "slowest_poll_seconds": 7200},
        ).start()
        eventually(lambda: requester.logged("listening-for-results"), what="the subscription")
        paths = store_images(archive_url, order, tmp_path / "study")
        assert send(requester, build_order(order)).code == "AA"
        eventually(lambda: workitems_of(manager_url, order), what="the workitem")
        uid = workitems_of(manager_url, order)[0]["00080018"]["Value"][0]

        def looked_at():
            database = open_store(requester.data_dir)
            try:
                with database.read() as session:
                    row = session.get(LookRow, uid)
                    return row is not None and row.looks > 0
            finally:
                database.close()

        eventually(looked_at, what="the workitem to be looked at while it waits")
        images = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
        perform(archive_url, manager_url, order, images, tmp_path)
        eventually(receiver.ids, what="the result to be told")
        requester.stop()
    finally:
        receiver.stop()
    assert len(receiver.ids()) == 1
