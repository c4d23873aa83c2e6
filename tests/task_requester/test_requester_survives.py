"""kill -9 at every named step, full and read-only storage, and bad starts: real processes, archive and Task Manager."""

import numpy as np
import pytest

from actors.shared.dicomweb import Archive
from actors.shared.ups_client import UpsClient
from actors.task_requester.orders_store import order_thread, orders_by_accession, quarantine
from actors.task_requester.steps import Step
from connectathon.fiction import new_order
from connectathon.modality import Head, write_series
from connectathon.ris import build_order, send_order
from connectathon.waiting import eventually
from profiles.aiwi import content_findings
from profiles.dicom import item, items, text


def small_head():
    """24 slices of noise that call themselves a head; no engine looks at them here."""
    voxels = np.random.default_rng(0).integers(0, 500, (24, 16, 16), dtype=np.int16)
    return Head("small", "T1w (noise)", voxels, np.diag([1.0, 1.0, 1.0, 1.0]))


def store_images(archive_url, order, folder):
    """The study of an order arrives at the archive."""
    paths = write_series(small_head(), order, folder, slice_axis=0)
    with Archive(archive_url) as archive:
        archive.store(paths)
    return paths


def workitems_of(manager_url, order):
    with UpsClient(manager_url, ae_title="TEST") as client:
        return client.search({"ReferencedRequestSequence.AccessionNumber": order.accession_number})


def send(requester, message, **limits):
    return send_order("127.0.0.1", requester.settings["mllp_port"], message, **limits)


@pytest.mark.requirement("HL7-011", "AIWI-TR-004", "AIWI-TR-005", "AIWI-TR-013")
@pytest.mark.parametrize("step", list(Step), ids=str)
def test_a_kill_at_any_step_loses_no_order_and_makes_no_second_workitem(
    step, task_requester, archive_and_manager, tmp_path
):
    archive_url, manager_url = archive_and_manager
    order = new_order()
    requester = task_requester(archive_url=archive_url, task_manager_url=manager_url).start()
    paths = store_images(archive_url, order, tmp_path / "study")
    requester.arm(step)
    message = build_order(order)
    at_intake = step in {Step.MESSAGE_RECEIVED, Step.MESSAGE_STORED}
    if at_intake:
        with pytest.raises(Exception, match="did not answer"):
            send(requester, message, limit_seconds=0)
    else:
        assert send(requester, message).code == "AA"
    requester.await_death()
    requester.start()
    if at_intake:
        assert send(requester, message).code == "AA"

    def published():
        states = [found["state"] for found in orders_by_accession(requester.data_dir, order.accession_number)]
        return states == ["published"]

    eventually(published, what="the order to be published")
    (workitem,) = workitems_of(manager_url, order)
    assert content_findings({**workitem, "00081195": {"vr": "UI"}, "00741002": {"vr": "SQ"}}) == []
    (series,) = items(workitem, "InputInformationSequence")
    assert len(items(series, "ReferencedSOPSequence")) == len(paths)
    url = text(item(series, "WADORSRetrievalSequence"), "RetrieveURL")
    assert url.startswith(f"{archive_url}/studies/{order.study_instance_uid}/series/")
    assert text(workitem, "PatientID") == order.patient_id
    assert text(workitem, "StudyInstanceUID") == order.study_instance_uid
    assert len(quarantine(requester.data_dir)) == 0


@pytest.mark.requirement("HL7-011")
def test_a_full_disk_is_answered_ar_and_nothing_is_half_stored(task_requester):
    requester = task_requester().start(largest_file=600_000)
    answers = []

    def refused():
        message = build_order(new_order()) + b"NTE|1||" + b"x" * 20_000 + b"\r"
        answers.append(send(requester, message))
        return answers[-1].code == "AR"

    eventually(refused, what="the disk to be full")
    assert answers[-1].errors == ("207",)
    assert "again" in answers[-1].text
    requester.stop()
    (line, *_) = requester.logged("message-not-stored")
    assert "Free space" in line["reason"]
    requester.start()
    taken = [answer.code == "AA" for answer in answers]
    eventually(lambda: [bool(order_thread(requester.data_dir, answer.control_id)) for answer in answers] == taken)
    order = new_order()
    assert send(requester, build_order(order)).code == "AA"


def test_a_read_only_data_directory_is_told_at_start(task_requester, tmp_path):
    requester = task_requester()
    (requester.data_dir / "task_requester").mkdir(mode=0o500)
    requester.launch()
    assert requester.process.wait(60) == 1
    said = requester.log.read_text()
    assert "cannot be written" in said or "cannot be used" in said, said
    assert "Traceback" not in said


def test_a_read_only_store_is_told_at_start_and_works_again_once_it_is_writable(task_requester):
    requester = task_requester().start()
    requester.stop()
    store = requester.data_dir / "task_requester" / "orders.sqlite"
    store.chmod(0o400)
    requester.launch()
    assert requester.process.wait(60) == 1
    said = requester.log.read_text()
    assert "cannot be written" in said
    assert "Traceback" not in said
    for file in store.parent.glob("orders.sqlite*"):  # SQLite gives its side files the mode of the store
        file.chmod(0o600)
    requester.start()
    assert send(requester, build_order(new_order())).code == "AA"


def test_a_port_in_use_and_a_bad_rule_file_are_told_at_start(task_requester, tmp_path):
    first = task_requester().start()
    second = task_requester("other", mllp_port=first.settings["mllp_port"]).launch()
    assert second.process.wait(60) == 1
    assert str(first.settings["mllp_port"]) in second.log.read_text()
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "x"\nwhen = "weight > 1"\n[[rule]]\nname = "y"\n')
    third = task_requester("third", rules=str(rules)).launch()
    assert third.process.wait(60) == 1
    said = third.log.read_text()
    assert "rule x" in said
    assert "rule y" in said
    assert "Traceback" not in said
