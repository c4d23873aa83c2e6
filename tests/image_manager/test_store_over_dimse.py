"""C-STORE and C-ECHO of the Image Manager (PS3.4 Annexes A and B), and the client of the other side."""

import socket
import subprocess
import threading

import pydicom
import pytest
from pydicom.uid import (
    Comprehensive3DSRStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import AE

from actors.shared import dimse
from connectathon.modality import corrupt_file, send_study
from connectathon.waiting import eventually, free_port
from profiles.dicom import get, new_uid, text
from profiles.errors import BadInput, Conflict, Unavailable

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"


@pytest.fixture
def peer(archive_server):
    return ("127.0.0.1", archive_server.dimse_port)


def test_an_echo_is_answered(peer):
    dimse.echo(*peer, "STEPWELL")


def test_a_study_sent_over_dimse_is_found_over_dicomweb_unchanged(peer, archive, study, tmp_path):
    order, paths = study
    send_study(paths, dimse=peer)
    found = archive.search_studies({"StudyInstanceUID": order.study_instance_uid})
    assert get(found[0], "NumberOfStudyRelatedInstances") == len(paths)
    series = text(archive.search_series(order.study_instance_uid)[0], "SeriesInstanceUID")
    back = archive.retrieve_series(order.study_instance_uid, series, tmp_path / "back")
    assert [pydicom.dcmread(path) for path in back] == [pydicom.dcmread(path) for path in paths]


@pytest.mark.requirement("AIR-IM-006")
def test_the_same_instance_over_both_faces_is_one_instance(peer, archive, study):
    order, paths = study
    send_study(paths, dimse=peer)
    archive.store(paths)
    send_study(paths, dimse=peer)
    assert len(archive.search_instances(order.study_instance_uid)) == len(paths)


@pytest.mark.requirement("AIR-IM-001")
@pytest.mark.parametrize(
    ("modality", "sop_class"),
    [
        ("SR", Comprehensive3DSRStorage),
        ("SEG", SegmentationStorage),
        ("SEG", LABEL_MAP),
        ("OT", ParametricMapStorage),
        ("KO", KeyObjectSelectionDocumentStorage),
        ("CT", CTImageStorage),
        ("OT", SecondaryCaptureImageStorage),
    ],
)
def test_result_classes_are_accepted(peer, archive, study, result_file, modality, sop_class):
    send_study([result_file(modality, sop_class)], dimse=peer)
    found = archive.search_instances(study[0].study_instance_uid, filters={"SOPClassUID": sop_class})
    assert len(found) == 1


def test_an_instance_that_breaks_off_is_refused_with_a_failure_status(peer, tmp_path, archive_server):
    class_uid, syntax = CTImageStorage, "1.2.840.10008.1.2.1"
    ae = AE()
    ae.add_requested_context(class_uid, syntax)
    association = ae.associate(*peer)
    before = archive_server.stored_files()
    dataset = pydicom.dcmread(corrupt_file(tmp_path / "broken"))
    dataset.SOPClassUID = class_uid
    dataset.PixelData = b"\0\0"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    status = association.send_c_store(dataset)
    association.release()
    assert status.Status == 0xC001
    assert "Pixel Data" in status.ErrorComment
    assert archive_server.stored_files() == before


def test_the_client_reports_a_refused_instance_as_a_conflict(peer, study, tmp_path):
    dataset = pydicom.dcmread(study[1][0])
    dataset.StudyInstanceUID = ""
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = new_uid()
    dataset.save_as(tmp_path / "nowhere.dcm")
    with pytest.raises(Conflict, match="C000H"):
        send_study([tmp_path / "nowhere.dcm"], dimse=peer)


# pynetdicom 3.0.4 drops the socket of a refused connection without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_client_reports_an_absent_peer_as_unavailable(study):
    with pytest.raises(Unavailable, match="Check that it runs"):
        send_study(study[1], dimse=("127.0.0.1", free_port()))


def test_the_client_refuses_what_is_no_dicom_file(peer, tmp_path):
    (tmp_path / "text").write_text("no DICOM")
    with pytest.raises(BadInput, match=r"PS3\.10"):
        send_study([tmp_path / "text"], dimse=peer)


def test_an_association_is_made_without_nagles_delay(peer):
    ae = AE()
    ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate(*peer, evt_handlers=[dimse.without_delay()])
    connection = association.dul.socket.socket
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    association.release()


class Checkpoint(threading.Event):
    """Where an association's own thread waits while a request is under way; it passes once, and then stands still."""

    def __init__(self):
        super().__init__()
        self.set()
        self.passed, self.goes_on, self.came_again = threading.Event(), threading.Event(), threading.Event()

    def wait(self, timeout=None):
        if self.passed.is_set():
            self.came_again.set()
            return super().wait(timeout)
        answer = super().wait(timeout)
        self.passed.set()
        self.goes_on.wait(60)
        return answer


def test_an_answer_reaches_who_asked_though_the_associations_own_thread_is_late(peer, study):
    kind = (str(pydicom.dcmread(study[1][0]).SOPClassUID), str(ExplicitVRLittleEndian))
    association = dimse.associate([kind], *peer, "STEPWELL", "MODALITY", 10)
    association._reactor_checkpoint = checkpoint = Checkpoint()
    take = association.dimse.get_msg

    def take_late(block=False):
        if block:
            eventually(association.dimse.msg_queue.qsize, what="the answer")
            checkpoint.goes_on.set()
            checkpoint.came_again.wait(60)
        return take(block)

    association.dimse.get_msg = take_late
    checkpoint.passed.wait(60)
    assert association.send_c_store(study[1][0]).Status == 0x0000
    association.release()


@pytest.mark.tier2
def test_dcmtk_stores_and_echoes(peer, archive, study):
    order, paths = study
    called = ["-aec", "STEPWELL", peer[0], str(peer[1])]
    for command in (["echoscu", *called], ["storescu", *called, *map(str, paths)]):
        answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert answer.returncode == 0, answer.stderr
    assert len(archive.search_instances(order.study_instance_uid)) == len(paths)
