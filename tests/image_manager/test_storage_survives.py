"""What was acknowledged is there after kill -9, and what was not leaves nothing; full and unwritable storage."""

import contextlib
import errno
import os
import resource
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydicom.uid import CTImageStorage
from pynetdicom import AE

from actors.image_manager.files import InstanceFiles
from actors.image_manager.service import ImageManager
from actors.image_manager.steps import Step
from actors.shared.dicomweb import Archive
from actors.shared.reporting import SPOOL_FILE
from connectathon.modality import send_study
from connectathon.waiting import eventually
from profiles.dicom import get
from profiles.errors import Unavailable
from sole_logging.spool import Spool

STORING = [step for step in Step if step is not Step.REPORTED]


def archive_of(running):
    return Archive(running.dicomweb)


def assert_index_and_files_agree(running, study_uid, count):
    with archive_of(running) as archive:
        assert len(archive.search_instances(study_uid)) == count
    assert len(running.stored_files()) == count
    assert list((running.data_dir / "image_manager" / "incoming").iterdir()) == []


@pytest.mark.parametrize("step", STORING)
def test_a_kill_while_storing_leaves_all_or_nothing_and_storing_again_gives_one_copy(image_manager, study, step):
    order, paths = study
    image_manager.arm(step)
    with archive_of(image_manager) as archive, pytest.raises(Unavailable):
        archive.store(paths)
    image_manager.wait_killed()
    image_manager.start()
    assert_index_and_files_agree(image_manager, order.study_instance_uid, len(paths) if step is Step.INDEXED else 0)
    with archive_of(image_manager) as archive:
        archive.store(paths)
    assert_index_and_files_agree(image_manager, order.study_instance_uid, len(paths))


UNFINISHED = (
    "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
    'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\n\r\n--b\r\n\r\n'
)


def test_a_sender_that_goes_away_within_the_body_leaves_nothing(image_manager, study):
    incoming = image_manager.data_dir / "image_manager" / "incoming"
    with socket.create_connection(("127.0.0.1", image_manager.port)) as connection:
        connection.sendall(UNFINISHED.encode() + study[1][0].read_bytes())
        eventually(lambda: any(incoming.iterdir()), what="the part to arrive")
    eventually(lambda: not any(incoming.iterdir()), what="the part to be deleted")
    assert_index_and_files_agree(image_manager, study[0].study_instance_uid, 0)
    assert "Traceback" not in (image_manager.data_dir.parent / "data.log").read_text()


def test_the_same_study_from_several_senders_at_once_is_stored_once(image_manager, study):
    order, paths = study

    def send(_number):
        with archive_of(image_manager) as archive:
            archive.store(paths)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))
    assert_index_and_files_agree(image_manager, order.study_instance_uid, len(paths))


def test_a_kill_while_a_body_streams_in_leaves_nothing(image_manager, study):
    incoming = image_manager.data_dir / "image_manager" / "incoming"
    with socket.create_connection(("127.0.0.1", image_manager.port)) as connection:
        connection.sendall(UNFINISHED.encode() + study[1][0].read_bytes())
        eventually(lambda: any(incoming.iterdir()), what="the part to arrive")
        image_manager.kill()
    image_manager.start()
    assert_index_and_files_agree(image_manager, study[0].study_instance_uid, 0)


def test_acknowledged_instances_survive_kill_9_over_dimse_too(image_manager, study):
    order, paths = study
    send_study(paths, dimse=("127.0.0.1", image_manager.dimse_port))
    image_manager.kill()
    image_manager.start()
    assert_index_and_files_agree(image_manager, order.study_instance_uid, len(paths))


def test_a_storage_limit_is_answered_with_507_and_nothing_half_stored(image_manager, study):
    """The process may write files of 120,000 bytes only; a slice has more."""
    order, paths = study
    resource.prlimit(image_manager.process.pid, resource.RLIMIT_FSIZE, (120_000, resource.RLIM_INFINITY))
    with archive_of(image_manager) as archive, pytest.raises(Unavailable, match=r"full.*Free space") as refused:
        archive.store(paths)
    assert "507" in refused.value.message
    status = store_over_dimse(image_manager.dimse_port, paths[0])
    assert status.Status == 0xA700
    assert "full" in status.ErrorComment
    assert_index_and_files_agree(image_manager, order.study_instance_uid, 0)


def store_over_dimse(port, path):
    ae = AE()
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1")
    association = ae.associate("127.0.0.1", port)
    status = association.send_c_store(path)
    association.release()
    return status


def test_a_directory_that_cannot_be_written_is_named_at_start(tmp_path, new_image_manager):
    tmp_path.joinpath("closed").mkdir(mode=0o555)
    running = new_image_manager(tmp_path / "closed")
    running.launch()
    assert running.process.wait(60) == 1
    said = (tmp_path / "closed.log").read_text()
    assert "Permission denied" in said
    assert "data_dir" in said
    assert "Traceback" not in said


def test_a_directory_that_becomes_unwritable_is_answered_with_503_and_nothing_half_stored(image_manager, study):
    order, paths = study
    studies = image_manager.data_dir / "image_manager" / "studies"
    studies.chmod(0o555)
    with archive_of(image_manager) as archive, pytest.raises(Unavailable, match="cannot be written"):
        archive.store(paths)
    studies.chmod(0o755)
    assert_index_and_files_agree(image_manager, order.study_instance_uid, 0)
    with archive_of(image_manager) as archive:
        archive.store(paths)
    assert_index_and_files_agree(image_manager, order.study_instance_uid, len(paths))


def test_a_disk_that_fills_up_while_files_are_moved_takes_back_those_that_were(tmp_path, study, monkeypatch):
    """The third directory sync fails as on a full disk."""
    manager = ImageManager(tmp_path / "archive")
    received = []
    for path in study[1]:
        received.append(manager.files.new_path())
        received[-1].write_bytes(path.read_bytes())
    original = InstanceFiles.file

    def full(files, moves):
        original(files, list(moves)[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(InstanceFiles, "file", full)
    with pytest.raises(Unavailable) as refused:
        manager.store(received)
    assert refused.value.row.http == 507
    assert refused.value.row.dimse == "A700"
    assert [path for path in (tmp_path / "archive" / "studies").rglob("*") if path.is_file()] == []
    assert list(manager.files.incoming.iterdir()) == []
    manager.close()


def test_a_port_in_use_is_named_at_start(image_manager, tmp_path, new_image_manager):
    second = new_image_manager(tmp_path / "second")
    second.data_dir.mkdir()
    second.dimse_port = image_manager.dimse_port
    second.launch()
    assert second.process.wait(60) == 1
    said = (tmp_path / "second.log").read_text()
    assert str(image_manager.dimse_port) in said
    assert "Traceback" not in said


def test_a_stopped_archive_is_unavailable_to_its_clients(image_manager, study):
    image_manager.stop()
    with archive_of(image_manager) as archive, pytest.raises(Unavailable, match="cannot be reached"):
        archive.store(study[1])


def test_a_retrieval_that_breaks_off_leaves_no_file(image_manager, study, tmp_path):
    order, paths = study
    with archive_of(image_manager) as archive:
        archive.store(paths)
        found = archive.search_series(order.study_instance_uid)
        assert get(found[0], "NumberOfSeriesRelatedInstances") == len(paths)
        series = str(get(found[0], "SeriesInstanceUID"))
        lost = image_manager.stored_files()[3]
        lost.unlink()
        with pytest.raises(Unavailable):
            archive.retrieve_series(order.study_instance_uid, series, tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_ct_is_no_mr(image_manager, study):
    """A context that was not proposed is refused by pynetdicom before anything is sent."""
    ae = AE()
    ae.add_requested_context(CTImageStorage)
    association = ae.associate("127.0.0.1", image_manager.dimse_port)
    with pytest.raises(ValueError, match="presentation context"):
        association.send_c_store(study[1][0])
    association.release()


def spooled(running):
    """How many events of the code for stored images (sole.md 5.3) wait in the spool."""
    with contextlib.closing(Spool(running.data_dir / "image_manager" / SPOOL_FILE)) as spool:
        return sum(b"RID45871" in message.content for message in spool.after(0, 1000))


def test_each_quiet_study_is_one_event_in_the_spool_though_the_process_is_killed_while_reporting(
    image_manager, study, another_study
):
    image_manager.arm(Step.REPORTED)
    with archive_of(image_manager) as archive:
        archive.store(study[1])
        image_manager.wait_killed()
        assert spooled(image_manager) == 1
        image_manager.start()
        archive.store(study[1])
        archive.store(another_study()[1])
        eventually(lambda: spooled(image_manager) == 2, what="the second study to be reported")
