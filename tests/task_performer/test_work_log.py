"""What a performer tells besides its work: that it takes any, and that images did not come."""

from datetime import UTC, datetime

import pytest
import structlog

from actors.task_performer.reporting import WorkLog, available
from profiles.air import AlgorithmIdentification
from profiles.errors import Unavailable
from profiles.sole import Outcome, Thread

NOW = datetime(2031, 5, 6, tzinfo=UTC)
THREAD = Thread("MRN1^^^CLINIC", "A1", study_instance_uid="1.2.3", workitem_uid="1.2.9")


class Told:
    def __init__(self, failing=False):
        self.events, self.audited, self.failing = [], [], failing

    def report(self, event):
        if self.failing:
            raise Unavailable("the spool is full")
        self.events.append(event)

    def audit_soon(self, event):
        self.audited.append(event)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def log(told):
    return WorkLog(told, THREAD, "AIPERF1", AlgorithmIdentification("mask", "1.0", "Maker"), lambda: NOW)


@pytest.mark.requirement("SOLE-088")
def test_that_a_performer_takes_work_is_told_from_its_start_to_its_end_whichever_that_is(told):
    def broken():
        assert [(one.step, one.performer) for one in told.events] == [("service-up", "AIPERF1")]
        raise KeyError

    with pytest.raises(KeyError), available(told, "AIPERF1", lambda: NOW):
        broken()
    assert [one.step for one in told.events] == ["service-up", "service-down"]
    assert len({one.occurrence for one in told.events}) == 1


def test_a_performer_works_though_its_availability_cannot_be_told():
    with structlog.testing.capture_logs() as logs, available(Told(failing=True), "AIPERF1", lambda: NOW):
        pass
    assert [one["event"] for one in logs] == ["availability-not-reported"] * 2


@pytest.mark.requirement("SOLE-073")
def test_images_that_do_not_come_are_a_transfer_that_failed_and_the_reason_goes_on_to_who_retries(log, told):
    with pytest.raises(Unavailable, match="away"), log.transferring("https://pacs.example.org:8443/dicom-web"):
        raise Unavailable("the archive is away")
    (audited,) = told.audited
    assert (audited.kind, audited.outcome, audited.caller) == (
        "images-received",
        Outcome.SERIOUS_FAILURE,
        "pacs.example.org:8443",
    )
    assert (audited.patient_id, audited.studies) == ("MRN1^^^CLINIC", ("1.2.3",))


def test_images_that_come_are_told_by_the_archive(log, told):
    with log.transferring("http://pacs/dicom-web"):
        pass
    assert told.audited == []
