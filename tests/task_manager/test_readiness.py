"""Inputs that arrive make a workitem READY (Input Readiness State, aiw-i.md 4 and 9), asked of a real archive."""

import copy
import dataclasses
import json
from datetime import UTC, datetime

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import InstanceAvailabilityNotification
from websockets.sync.client import connect

from actors.shared.dicomweb import Archive
from actors.task_manager import readiness
from actors.task_manager.readiness import look_for_inputs
from connectathon.bad_peers.forking import fork
from connectathon.fiction import new_order
from connectathon.modality import load_head, write_series
from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem
from profiles.dicom import get, new_uid, put, put_items
from profiles.errors import Unavailable
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.inputs import inputs_of
from workitems.model import Change, Channel, EventKind
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist

READINESS = "InputReadinessState"


def now():
    return datetime.now(UTC)


class RunningArchive:
    """An Image Manager in a process of its own; the archive that a site names in archive_url."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}/dicom-web"
        self.process = None

    def start(self):
        settings = json.dumps({"port": self.port, "dimse_port": free_port()})
        arguments = ["good", "image_manager", str(self.folder / "archive"), settings]
        self.process = fork(arguments, self.folder / "archive.log")
        ready = self.folder / "archive" / "run" / "image_manager.json"

        def is_ready():
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "archive.log").read_text())
            return ready.exists()

        eventually(is_ready, what="the archive to be ready")
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)


@pytest.fixture(scope="module")
def archive_server(tmp_path_factory):
    running = RunningArchive(tmp_path_factory.mktemp("archive")).start()
    yield running
    running.stop()


@pytest.fixture
def archive(archive_server):
    with Archive(archive_server.url) as client:
        yield client


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture
def make_study(head, tmp_path):
    """Makes two series of three slices of one study: order and files."""

    def make():
        order = dataclasses.replace(new_order(), study_instance_uid=new_uid())
        series = []
        for number in (1, 2):
            folder = tmp_path / f"{order.accession_number}-{number}"
            series.append(write_series(head, order, folder, slice_axis=0, slices=slice(80, 83)))
        return order, series

    return make


def waiting_for(series, order, state="UNAVAILABLE"):
    """A workitem whose inputs are those series."""
    workitem = put(new_workitem(order, now=now()), READINESS, state)
    groups = []
    for paths in series:
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
        group = put(put({}, "TypeOfInstances", "DICOM"), "StudyInstanceUID", str(headers[0].StudyInstanceUID))
        put(group, "SeriesInstanceUID", str(headers[0].SeriesInstanceUID))
        references = [
            put(
                put({}, "ReferencedSOPClassUID", str(one.SOPClassUID)),
                "ReferencedSOPInstanceUID",
                str(one.SOPInstanceUID),
            )
            for one in headers
        ]
        put_items(group, "ReferencedSOPSequence", *references)
        retrieval = put({}, "RetrieveAETitle", "STEPWELL")
        groups.append(put_items(group, "DICOMRetrievalSequence", retrieval))
    return put_items(workitem, "InputInformationSequence", *groups)


@pytest.fixture
def worklist(tmp_path):
    store = Store(sqlite_url(tmp_path / "w.sqlite"))
    made = Worklist(store, now)
    made.store = store
    yield made
    store.close()


def state_of(worklist, uid):
    return get(worklist.retrieve(uid), READINESS)


@pytest.mark.requirement("UPS-137", "AIWI-TM-066")
@pytest.mark.parametrize("page", [1, 2, 1000])
def test_a_workitem_is_ready_when_the_last_of_its_inputs_is_there_and_not_before(
    page, worklist, archive, make_study, monkeypatch
):
    monkeypatch.setattr(readiness, "_PAGE", page)
    order, series = make_study()
    uid = worklist.create(waiting_for(series, order)).uid
    worklist.subscriptions.subscribe("WATCHER", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
    for arriving in (series[0], series[1][:2]):
        archive.store(arriving)
        look_for_inputs(worklist, worklist.store, archive)
        assert state_of(worklist, uid) == "UNAVAILABLE"
    archive.store(series[1][2:])
    for _ in range(2):  # asked again: it is told once
        look_for_inputs(worklist, worklist.store, archive)
    assert state_of(worklist, uid) == "READY"
    [delivery] = worklist.store.deliveries_after(0, 10, "WATCHER")
    assert delivery.event.kind is EventKind.READINESS
    assert get(delivery.event.content, READINESS) == "READY"


def test_a_claimed_workitem_that_waits_for_its_inputs_becomes_ready_too_and_keeps_its_claim(
    worklist, archive, make_study
):
    order, series = make_study()
    archive.store([path for paths in series for path in paths])
    uid, transaction = worklist.create(waiting_for(series, order)).uid, new_uid()
    worklist.change_state(uid, "IN PROGRESS", transaction)
    look_for_inputs(worklist, worklist.store, archive)
    held = worklist.find(uid)
    assert (get(held.content, READINESS), held.transaction_uid) == ("READY", transaction)


def test_an_incomplete_list_stays_incomplete_until_its_requester_says_otherwise(worklist, archive, make_study):
    order, series = make_study()
    archive.store([path for paths in series for path in paths])
    uid = worklist.create(waiting_for(series, order, "INCOMPLETE")).uid
    look_for_inputs(worklist, worklist.store, archive)
    assert state_of(worklist, uid) == "INCOMPLETE"
    worklist.update(uid, put({}, READINESS, "UNAVAILABLE"), None)
    look_for_inputs(worklist, worklist.store, archive)
    assert state_of(worklist, uid) == "READY"


@pytest.mark.parametrize(
    "change",
    [
        lambda group: put(group, "TypeOfInstances", "CDA"),
        lambda group: put_items(group, "ReferencedSOPSequence"),
        lambda group: put(group, "SeriesInstanceUID"),
        lambda group: put(group, "StudyInstanceUID"),
        lambda group: put_items(group, "ReferencedSOPSequence", {}),
    ],
)
def test_inputs_of_which_nobody_can_tell_whether_they_are_there_are_not_guessed(change, make_study):
    order, series = make_study()
    workitem = waiting_for(series, order)
    assert {uid for uids in inputs_of(workitem).values() for uid in uids} == {
        pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for paths in series for path in paths
    }
    first, second = copy.deepcopy(workitem["00404021"]["Value"])
    assert inputs_of(put_items(workitem, "InputInformationSequence", first, change(second))) is None
    assert inputs_of(put_items(workitem, "InputInformationSequence")) is None


def test_a_workitem_that_cannot_be_asked_for_does_not_keep_the_others_waiting(worklist, archive, make_study):
    order, series = make_study()
    archive.store([path for paths in series for path in paths])
    odd = waiting_for(series, order)
    put(odd["00404021"]["Value"][0], "SeriesInstanceUID", "not a UID")
    odd_uid, uid = "2.25.1", "2.25.2"
    for name, dataset in ((odd_uid, odd), (uid, waiting_for(series, order))):
        workitem = worklist.new_workitem(dataset, name)
        assert worklist.apply(Change(workitem, 0, worklist.creation_events(workitem)))
    look_for_inputs(worklist, worklist.store, archive)
    assert state_of(worklist, odd_uid) == "UNAVAILABLE"
    assert state_of(worklist, uid) == "READY"


def test_an_archive_that_is_away_is_told_and_asked_again(worklist, make_study):
    order, series = make_study()
    worklist.create(waiting_for(series, order))
    with Archive(f"http://127.0.0.1:{free_port()}/dicom-web") as away, pytest.raises(Unavailable):
        look_for_inputs(worklist, worklist.store, away)


def notify(port, study, series):
    """Instance Availability Notification (RAD-49) as an archive sends it: statuses of the answers."""
    ae = AE(ae_title="ARCHIVE")
    ae.add_requested_context(InstanceAvailabilityNotification)
    association = ae.associate("127.0.0.1", port, ae_title="STEPWELL_TM")
    try:
        for dataset in (notification(study, series), notification(study, [])):
            status, _ = association.send_n_create(dataset, InstanceAvailabilityNotification, new_uid())
            yield status.Status
    finally:
        association.release()


def notification(study, series):
    dataset = Dataset()
    dataset.StudyInstanceUID = study
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.ReferencedSeriesSequence = []
    for paths in series:
        group = Dataset()
        group.ReferencedSOPSequence = []
        for path in paths:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            group.SeriesInstanceUID, one = header.SeriesInstanceUID, Dataset()
            one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
            one.InstanceAvailability, one.RetrieveAETitle = "ONLINE", "STEPWELL"
            group.ReferencedSOPSequence.append(one)
        dataset.ReferencedSeriesSequence.append(group)
    return dataset


def test_a_notification_of_the_archive_makes_a_workitem_ready_at_once(mortal_task_manager, archive_server, make_study):
    """Without it the archive would be asked in an hour (RAD-49, the Instance Availability Option)."""
    manager, port = mortal_task_manager, free_port()
    manager.settings = {"archive_url": archive_server.url, "archive_poll_seconds": 3600, "dimse_port": port}
    manager.start()
    order, series = make_study()
    uid = manager.create(waiting_for(series, order))
    with Archive(archive_server.url) as archive:
        archive.store([path for paths in series for path in paths])
    assert list(notify(port, order.study_instance_uid, series)) == [0x0000, 0x0120]
    eventually(lambda: get(manager.retrieve(uid), READINESS) == "READY", what="the workitem to be ready")


@pytest.mark.requirement("UPS-137", "AIWI-TM-066")
def test_a_task_manager_tells_its_subscribers_over_their_socket_when_inputs_arrive(task_managers, tmp_path, make_study):
    """The archive is away at first; nothing else is needed than that it comes back with the images."""
    server = RunningArchive(tmp_path)
    managers = task_managers(archive_url=server.url, archive_poll_seconds=0.2)
    manager, (order, series) = managers[0], make_study()
    uid = manager.create(waiting_for(series, order))
    eventually(lambda: manager.logged("readiness-failed"), what="the log to say that the archive is away")
    with connect(f"ws{manager.base.removeprefix('http')}/subscribers/WATCHER") as socket:
        assert manager.http.post(f"/workitems/{uid}/subscribers/WATCHER").status_code == 201
        assert json.loads(socket.recv(60))["00404041"]["Value"] == ["UNAVAILABLE"]
        server.start()
        try:
            with Archive(server.url) as archive:
                archive.store([path for paths in series for path in paths])
            told = json.loads(socket.recv(60))
        finally:
            server.stop()
    assert told["00001000"]["Value"] == [uid]
    assert (told["00404041"]["Value"], told["00741000"]["Value"]) == (["READY"], ["SCHEDULED"])
    arrived = [line["workitem"] for one in managers for line in one.logged("inputs-arrived")]
    assert arrived == [uid]
