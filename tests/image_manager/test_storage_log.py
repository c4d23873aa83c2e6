"""The operational log follows the index: nothing is lost by a crash, and told again it is the same event."""

import pytest

from actors.image_manager.reporting import StorageLog
from actors.image_manager.service import ImageManager


class Kept(list):
    """A reporter that keeps what it is told; it may fail."""

    failing = False

    def report(self, event):
        if self.failing:
            raise OSError("the spool is away")
        self.append(event)


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def manager(tmp_path, clock):
    manager = ImageManager(tmp_path / "archive", clock)
    yield manager
    manager.close()


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def log(manager, kept, clock):
    return StorageLog(manager.index, kept, 2.0, clock)


def store(manager, paths):
    received = [manager.files.new_path() for _ in paths]
    for source, target in zip(paths, received, strict=True):
        target.write_bytes(source.read_bytes())
    return manager.store(received)


def test_a_study_is_told_once_and_only_when_it_was_quiet(manager, log, kept, clock, another_study):
    order, paths = another_study()
    store(manager, paths[:3])
    assert log.tell() == 0
    clock.now += 1.5
    store(manager, paths[3:])
    clock.now += 1.5
    assert log.tell() == 0
    clock.now += 1
    assert log.tell() == 1
    assert log.tell() == 0
    (event,) = kept
    assert (event.step, event.details["InstanceCount"]) == ("images-stored", "6")
    assert event.at.timestamp() == 1_000_001.5
    assert event.thread.study_instance_uid == order.study_instance_uid
    assert event.thread.accession_number == order.accession_number
    assert event.thread.patient_id == f"{order.patient_id}^^^STEPWELL-DEMO"
    assert order.patient_name not in repr(event)


def test_images_that_come_later_are_told_as_another_occurrence(manager, log, kept, clock, study):
    store(manager, study[1][:3])
    clock.now += 3
    log.tell()
    store(manager, study[1][3:])
    clock.now += 3
    log.tell()
    assert [event.details["InstanceCount"] for event in kept] == ["3", "6"]
    assert len({event.occurrence for event in kept}) == 2


def test_a_study_stored_again_is_not_told_again(manager, log, kept, clock, study):
    for _ in range(2):
        store(manager, study[1])
        clock.now += 3
        log.tell()
    assert len(kept) == 1


def test_each_result_is_told_once_and_is_no_image(manager, log, kept, clock, study, result_file):
    store(manager, study[1])
    clock.now += 3
    log.tell()
    results = [result_file(modality, name=f"{modality}.dcm") for modality in ("SEG", "SR")]
    receipts = store(manager, results)
    clock.now += 3
    assert log.tell() == 2
    assert log.tell() == 0
    assert [event.step for event in kept] == ["images-stored", "result-stored", "result-stored"]
    assert [event.results[0].sop_instance_uid for event in kept[1:]] == [one.sop_instance for one in receipts]


def test_what_could_not_be_told_is_told_after_a_restart_as_the_same_event(tmp_path, log, kept, clock, manager, study):
    store(manager, study[1])
    clock.now += 3
    kept.failing = True
    with pytest.raises(OSError, match="spool"):
        log.tell()
    again = ImageManager(tmp_path / "archive", clock)
    kept.failing = False
    StorageLog(again.index, kept, 2.0, clock).tell()
    again.close()
    assert [event.occurrence for event in kept] == ["6"]
