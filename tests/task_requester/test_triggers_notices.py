"""MPPS and IAN ask for work once the archive has what they list (orders.md 9.3)."""

from datetime import timedelta
from threading import Lock

import pytest
import structlog
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import InstanceAvailabilityNotification, ModalityPerformedProcedureStep

from actors.shared.refusals import RefusalLog
from actors.task_requester.triggers.announced import Announcements
from actors.task_requester.triggers.arrivals import Arrivals
from actors.task_requester.triggers.dimse import Gateway, dimse_server
from actors.task_requester.triggers.notices import CLASSES, Notices
from actors.task_requester.triggers.settings import Triggers
from connectathon.waiting import free_port
from profiles.dicom import new_uid
from tests.task_requester.workshop import Workshop


def dataset(**elements):
    """A dataset; lists are sequences."""
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def references(study, numbers, **more):
    """Items that name instances of the study's only series."""
    sop_class = "1.2.840.10008.5.1.4.1.1.4"
    return [
        dataset(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=f"{study}.1.{number}", **more)
        for number in numbers
    ]


def step(order):
    """An MPPS at its begin."""
    scheduled = dataset(StudyInstanceUID=order.study_instance_uid, AccessionNumber=order.accession_number)
    return dataset(
        PerformedProcedureStepStatus="IN PROGRESS",
        PatientID=order.patient_id,
        PatientName=order.patient_name,
        Modality="MR",
        ScheduledStepAttributesSequence=[scheduled],
        PerformedSeriesSequence=[],
    )


def end(order, count, status="COMPLETED"):
    """What N-SET says at the end."""
    images = references(order.study_instance_uid, range(1, count + 1))
    series = dataset(SeriesInstanceUID=f"{order.study_instance_uid}.1", ReferencedImageSequence=images)
    return dataset(PerformedProcedureStepStatus=status, PerformedSeriesSequence=[series])


def notice(order, count, state="ONLINE"):
    """An IAN."""
    listed = references(order.study_instance_uid, range(1, count + 1), InstanceAvailability=state)
    series = dataset(SeriesInstanceUID=f"{order.study_instance_uid}.1", ReferencedSOPSequence=listed)
    return dataset(StudyInstanceUID=order.study_instance_uid, ReferencedSeriesSequence=[series])


class Desk:
    """A workshop with its DIMSE face, and a modality that talks to it."""

    def __init__(self, tmp_path, images, worklist, **settings):
        self.shop = Workshop(tmp_path / "requester", tmp_path, images, worklist, **settings)
        self.order, self.told, self.folder = self.shop.order, [], tmp_path
        self.announcements = self.waiting()
        (tmp_path / "steps").mkdir()
        self.notices = Notices(self.announcements, tmp_path / "steps", 60.0, self.shop.now, Lock())

    def waiting(self):
        return Announcements(
            self.folder / "announced", self._record, self.shop.images, refusals=RefusalLog(), clock=self.shop.now
        )

    def _record(self, told):
        self.shop.ledger.record(told)
        self.told.append(told)

    def create(self, sop_class, content, uid=None):
        return self.peer.send_n_create(content, sop_class, uid or new_uid())[0].Status

    def change(self, uid, content):
        return self.peer.send_n_set(content, ModalityPerformedProcedureStep, uid)[0].Status

    def arrive(self, count):
        self.shop.arrive(count, patient_id=self.order.patient_id)

    def look(self, seconds=0.0):
        """Let time pass; how many events there were until now."""
        self.shop.passed += seconds
        self.announcements.look()
        return len(self.told)


@pytest.fixture
def desk(tmp_path, images, worklist):
    made, port = Desk(tmp_path, images, worklist, quiet_without_status_seconds=900), free_port()
    arrivals = Arrivals(
        tmp_path / "arriving", made._record, Triggers(), refusals=RefusalLog(), clock=made.shop.now, monotonic=float
    )
    gateway = Gateway(None, arrivals, {"STEPWELL_TR": ""}, tmp_path, RefusalLog())
    with dimse_server(gateway, "127.0.0.1", Triggers(dimse_port=port), made.notices.handlers, CLASSES):
        ae = AE(ae_title="MODALITY")
        for sop_class in (ModalityPerformedProcedureStep, InstanceAvailabilityNotification):
            ae.add_requested_context(sop_class)
        made.peer = ae.associate("127.0.0.1", port, ae_title="STEPWELL_TR")
        assert made.peer.is_established
        yield made
        made.peer.release()
    made.shop.database.close()


@pytest.mark.requirement("HL7-058")
def test_a_completed_step_waits_for_the_instances_that_it_lists(desk, worklist):
    uid = new_uid()
    assert desk.create(ModalityPerformedProcedureStep, step(desk.order), uid) == 0x0000
    assert desk.change(uid, end(desk.order, 30)) == 0x0000
    assert desk.look() == 0
    desk.arrive(29)
    assert desk.look(5) == 0
    desk.arrive(30)
    assert desk.look(5) == 1
    (told,) = desk.told
    assert (told.action, told.origin, told.order.status) == ("status", "mpps", "CM")
    assert told.order.accession.value == desk.order.accession_number
    desk.shop.work()
    assert len(worklist.open()) == 1, "the strong signal needs no long quiet time"
    assert desk.look(100) == 1


@pytest.mark.requirement("HL7-058")
def test_a_discontinued_step_asks_for_nothing(desk):
    uid = new_uid()
    desk.create(ModalityPerformedProcedureStep, step(desk.order), uid)
    assert desk.change(uid, end(desk.order, 30, "DISCONTINUED")) == 0x0000
    desk.arrive(30)
    assert desk.look(100) == 0


@pytest.mark.requirement("HL7-058")
def test_steps_follow_their_states(desk):
    uid, running = new_uid(), step(desk.order)
    assert desk.change(uid, end(desk.order, 1)) == 0x0112
    assert desk.create(ModalityPerformedProcedureStep, end(desk.order, 1), uid) == 0x0106
    assert desk.create(ModalityPerformedProcedureStep, running, uid) == 0x0000
    assert desk.create(ModalityPerformedProcedureStep, running, uid) == 0x0111
    assert desk.change(uid, dataset(PerformedProcedureStepID="1")) == 0x0000
    assert desk.change(uid, end(desk.order, 1)) == 0x0000
    assert desk.change(uid, end(desk.order, 1)) == 0x0110


@pytest.mark.requirement("HL7-059")
def test_a_notice_of_all_images_is_a_strong_signal(desk, worklist):
    desk.arrive(30)
    assert desk.create(InstanceAvailabilityNotification, notice(desk.order, 30)) == 0x0000
    assert desk.look() == 1
    (told,) = desk.told
    assert (told.action, told.origin, told.order.status) == ("images", "ian", "CM")
    assert told.order.patient.identifier.value == desk.order.patient_id, "as the archive says: an IAN names no patient"
    desk.shop.work()
    assert len(worklist.open()) == 1


@pytest.mark.requirement("HL7-059")
def test_a_notice_of_fewer_images_than_there_are_leaves_the_quiet_time(desk, worklist):
    desk.arrive(30)
    desk.create(InstanceAvailabilityNotification, notice(desk.order, 10))
    assert desk.look() == 1
    assert desk.told[0].order.status == ""
    desk.shop.work()
    assert worklist.open() == {}


@pytest.mark.requirement("HL7-059")
def test_images_that_are_nearline_are_given_time(desk):
    desk.arrive(30)
    desk.create(InstanceAvailabilityNotification, notice(desk.order, 30, "NEARLINE"))
    assert desk.look(59) == 0
    assert desk.look(2) == 1


@pytest.mark.requirement("HL7-059")
@pytest.mark.parametrize("state", ["OFFLINE", "UNAVAILABLE"])
def test_images_that_cannot_be_had_ask_for_nothing(desk, state):
    desk.arrive(30)
    assert desk.create(InstanceAvailabilityNotification, notice(desk.order, 30, state)) == 0x0000
    assert desk.look(100) == 0


@pytest.mark.requirement("HL7-059")
def test_an_empty_notice_is_refused(desk):
    assert desk.create(InstanceAvailabilityNotification, notice(desk.order, 0)) == 0x0120


@pytest.mark.requirement("HL7-059")
def test_notices_of_one_study_are_added_up_and_survive_a_restart(desk):
    desk.create(InstanceAvailabilityNotification, notice(desk.order, 10))
    desk.create(InstanceAvailabilityNotification, notice(desk.order, 30))
    desk.announcements = desk.waiting()
    assert desk.look() == 0
    desk.shop.images.away = True
    assert desk.look(40) == 0
    desk.shop.images.away = False
    desk.arrive(30)
    assert desk.look(40) == 1
    assert desk.waiting().look() == 0


@pytest.mark.requirement("HL7-059")
def test_images_that_never_come_are_given_up(desk):
    desk.arrive(5)
    desk.create(InstanceAvailabilityNotification, notice(desk.order, 30))
    with structlog.testing.capture_logs() as logged:
        assert desk.look(timedelta(days=2).total_seconds()) == 0
    assert [one["missing"] for one in logged if one["event"] == "announced-images-missing"] == [25]
    desk.arrive(30)
    assert desk.look(100) == 0


@pytest.mark.requirement("HL7-053", "HL7-059")
def test_a_notice_for_another_patient_is_refused_once(desk):
    desk.shop.send()
    desk.shop.arrive(30, patient_id="SOMEBODY-ELSE")
    desk.create(InstanceAvailabilityNotification, notice(desk.order, 30))
    with structlog.testing.capture_logs() as logged:
        desk.look()
    assert "notice-refused" in [one["event"] for one in logged]
    assert "SOMEBODY-ELSE" not in str(logged)
    assert desk.look(100) == 0


@pytest.mark.requirement("HL7-058")
def test_a_notice_that_cannot_be_kept_is_answered_with_a_failure(desk):
    (desk.folder / "announced").rmdir()
    assert desk.create(InstanceAvailabilityNotification, notice(desk.order, 30)) == 0x0213
