"""From order and images to one workitem, in every order of arrival (orders.md 9; RAD-80)."""

from datetime import UTC, datetime, timedelta

import pytest
import structlog

from actors.shared.mllp import Frame
from actors.shared.refusals import RefusalLog
from actors.task_requester.database import Database
from actors.task_requester.following import Follower
from actors.task_requester.intake import Intake
from actors.task_requester.ledger import Ledger
from actors.task_requester.orders_store import order_thread, orders_by_accession
from actors.task_requester.rules import load_rules
from actors.task_requester.settings import Settings
from connectathon.fiction import new_order
from connectathon.ris import build_order
from connectathon.waiting import eventually
from profiles.aiwi import content_findings
from profiles.dicom import get_code, item, items, text
from profiles.errors import BadInput, Conflict, Unavailable


def accession_of(workitem):
    """The accession number in a workitem's request."""
    return text(item(workitem, "ReferencedRequestSequence"), "AccessionNumber")


@pytest.fixture
def logged():
    """What is logged during the test."""
    with structlog.testing.capture_logs() as lines:
        yield lines


def arrive(images, order, count=30, **details):
    """The study of an order arrives at the archive."""
    images.put(order.study_instance_uid, count, accession=order.accession_number, **details)


@pytest.mark.requirement("AIWI-TR-001", "AIWI-TR-002", "AIWI-TR-003", "AIWI-TR-004", "HL7-028")
def test_order_then_images_make_one_ready_workitem(department, images, worklist, events):
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order)
    running.await_state(order.accession_number, "published")
    ((uid, workitem),) = worklist.workitems.items()
    assert content_findings(workitem) == []
    assert accession_of(workitem) == order.accession_number
    assert text(workitem, "InputReadinessState") == "READY"
    assert get_code(workitem, "ScheduledWorkitemCodeSequence").value == "BRAINSEG"
    (series,) = items(workitem, "InputInformationSequence")
    assert len(items(series, "ReferencedSOPSequence")) == 30
    assert events.steps() == ["order-received", "order-filled", "images-available"]
    assert events.events[2].details["InstanceCount"] == "30"
    (thread,) = order_thread(running.data_dir, uid)
    assert [(row["uid"], row["state"]) for row in thread["workitems"]] == [(uid, "created")]
    assert "an MR of the head" in thread["explanation"]


def test_images_then_order_make_one_workitem(department, images, worklist):
    running, order = department(), new_order()
    arrive(images, order)
    running.send(build_order(order))
    running.await_state(order.accession_number, "published")
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("HL7-051")
def test_an_order_without_study_uid_finds_its_images_by_accession_number(department, images, worklist):
    running, order = department(), new_order()
    arrive(images, order, patient_id=order.patient_id)
    message = build_order(order).replace(order.study_instance_uid.encode() + b"^RIS", b"")
    running.send(message)
    stored = running.await_state(order.accession_number, "published")
    assert stored["study_instance_uid"] == order.study_instance_uid
    (workitem,) = worklist.workitems.values()
    assert text(workitem, "StudyInstanceUID") == order.study_instance_uid


class Following:
    """A Follower over one order, with a clock that only the test moves."""

    def __init__(self, data_dir, images):
        self.settings = Settings(quiet_seconds=2.0, poll_seconds=0.5)
        self.images, self._order, self._data_dir, self._passed = images, new_order(), data_dir, 0.0
        self._began = datetime(2026, 3, 1, tzinfo=UTC)
        self.database = Database(data_dir / "task_requester")
        self._intake = Intake(self.database, self.settings, lambda: None, self._now, lambda: "1", RefusalLog())
        self.ledger = Ledger(self.database, self._now)
        self.follower = Follower(
            self.ledger, images, load_rules(None), self.settings, clock=self._now, monotonic=lambda: self._passed
        )
        self.send()

    def _now(self):
        return self._began + timedelta(seconds=self._passed)

    def send(self, **changes):
        self._intake.take(Frame(build_order(self._order, **changes)), "test")

    def arrive(self, count):
        arrive(self.images, self._order, count)

    def order(self):
        (found,) = orders_by_accession(self._data_dir, self._order.accession_number)
        return found

    def pass_time(self, seconds, step=0.25):
        """Let time pass, looking at every step; how many orders were decided."""
        return sum(self._step(step) for _ in range(int(seconds / step)))

    def until_decided(self):
        """Let time pass until the order is decided."""
        while not self.pass_time(1):
            pass

    def _step(self, seconds):
        self._passed += seconds
        return self.follower.look()


@pytest.fixture
def following(tmp_path, images):
    """A Follower over one order; the test moves its clock."""
    made = Following(tmp_path, images)
    yield made
    made.database.close()


@pytest.mark.requirement("HL7-060", "AIWI-TR-009")
def test_a_study_is_complete_only_once_its_images_stand_still(following):
    for count in range(20, 26):
        following.arrive(count)
        assert following.pass_time(1.75) == 0
    assert following.pass_time(1) == 1
    assert following.order()["state"] == "planned"


@pytest.mark.requirement("HL7-060")
def test_while_the_archive_is_away_no_study_is_quiet(following, images):
    following.arrive(20)
    assert following.pass_time(1) == 0
    images.away = True
    following.pass_time(10)
    images.away = False
    assert following.pass_time(1) == 0
    following.arrive(24)
    assert following.pass_time(5) == 1
    assert following.order()["image_count"] == 24


def await_logged(logged, event):
    """Wait until an event was logged."""
    eventually(lambda: any(line["event"] == event for line in logged), what=f"{event} to be logged")


@pytest.mark.requirement("HL7-062")
def test_results_and_documents_make_no_study_ready(department, images, worklist, logged):
    running, order = department(), new_order()
    arrive(images, order, 1, modality="SR")
    arrive(images, order, 1, modality="SEG", series="2")
    running.send(build_order(order))
    await_logged(logged, "study-awaited")
    assert running.state(order.accession_number) == "pending"
    arrive(images, order, 30, series="3")
    running.await_state(order.accession_number, "published")
    (workitem,) = worklist.workitems.values()
    assert [text(one, "SeriesInstanceUID")[-2:] for one in items(workitem, "InputInformationSequence")] == [".3"]


def test_an_order_whose_study_never_comes_stays_pending_and_visible(department, logged):
    running, order = department(), new_order()
    running.send(build_order(order))
    await_logged(logged, "study-awaited")
    assert running.state(order.accession_number) == "pending"


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"modality": "CT"}, "modalities is ['CT']"),
        ({"body_part": "KNEE"}, "body_parts is ['KNEE']"),
        ({"count": 3}, "images is 3"),
    ],
)
def test_a_study_that_no_rule_wants_ends_visibly(department, images, worklist, details, words):
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order, **{"count": 30, **details})
    stored = running.await_state(order.accession_number, "no-rule")
    assert words in stored["explanation"]
    assert worklist.requests == 0


@pytest.mark.requirement("HL7-063", "AIWI-TR-009")
def test_images_that_come_after_no_rule_held_are_decided_on_too(department, images, worklist, events):
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order, 13)
    assert "images is 13" in running.await_state(order.accession_number, "no-rule")["explanation"]
    arrive(images, order, 24)
    assert running.await_state(order.accession_number, "published")["image_count"] == 24
    (workitem,) = worklist.workitems.values()
    (series,) = items(workitem, "InputInformationSequence")
    assert len(items(series, "ReferencedSOPSequence")) == 24
    eventually(lambda: events.steps().count("images-available") == 2, what="the new number of images to be reported")
    assert [event.details.get("InstanceCount") for event in events.events] == [None, None, "13", "24"]


@pytest.mark.requirement("HL7-063")
def test_images_that_came_while_the_requester_was_stopped_are_decided_on_too(department, images, worklist):
    first, order = department(), new_order()
    first.send(build_order(order))
    arrive(images, order, 13)
    first.await_state(order.accession_number, "no-rule")
    first.stop()
    arrive(images, order, 24)
    department().await_state(order.accession_number, "published")
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("HL7-032", "HL7-063")
def test_late_images_of_a_cancelled_order_make_no_workitem(following, images):
    following.arrive(3)
    following.until_decided()
    following.send(control="CA", status="CA")
    following.arrive(30)
    following.pass_time(600)
    assert (following.order()["state"], following.order()["image_count"]) == ("canceled", 3)


@pytest.mark.requirement("HL7-063")
def test_a_study_that_no_rule_wants_is_asked_for_ever_more_seldom_and_then_no_more(following, images):
    following.arrive(3)
    following.until_decided()
    images.searches = 0
    following.pass_time(following.settings.late_images_seconds + 10, step=10)
    assert 20 < images.searches < 100
    images.searches = 0
    following.arrive(30)
    following.pass_time(600)
    assert (following.order()["state"], images.searches) == ("no-rule", 0)


@pytest.mark.requirement("HL7-063")
def test_late_images_prolong_the_time_for_which_others_are_looked_for(following):
    following.arrive(3)
    following.until_decided()
    for count in (10, 19, 30):
        following.pass_time(following.settings.late_images_seconds * 0.6, step=10)
        following.arrive(count)
    following.pass_time(following.settings.late_images_seconds * 0.2, step=10)
    assert (following.order()["state"], following.order()["image_count"]) == ("planned", 30)


@pytest.mark.requirement("HL7-060", "HL7-063")
def test_late_images_are_decided_on_only_once_they_stand_still(following):
    following.arrive(13)
    following.until_decided()
    for count in range(14, 25):
        following.arrive(count)
        following.pass_time(1)
        assert following.order()["image_count"] == 13
    following.pass_time(5)
    assert (following.order()["state"], following.order()["image_count"]) == ("planned", 24)


@pytest.mark.requirement("AIWI-TR-005", "HL7-053")
def test_images_of_another_patient_make_no_workitem_until_they_are_corrected(department, images, worklist):
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order, patient_id="SOMEBODY-ELSE")
    stored = running.await_state(order.accession_number, "mismatch")
    assert "another Patient ID" in stored["explanation"]
    assert worklist.requests == 0
    images.studies[order.study_instance_uid]["patient_id"] = order.patient_id
    running.await_state(order.accession_number, "published")


@pytest.mark.requirement("AIWI-TR-006", "HL7-057")
def test_a_stat_order_makes_a_workitem_of_high_priority(department, images, worklist):
    running, order = department(), new_order()
    running.send(build_order(order, priority="S"))
    arrive(images, order)
    running.await_state(order.accession_number, "published")
    (workitem,) = worklist.workitems.values()
    assert text(workitem, "ScheduledProcedureStepPriority") == "HIGH"


@pytest.mark.requirement("AIWI-TR-007")
def test_creation_is_tried_again_until_the_task_manager_acknowledges_it(department, images, worklist):
    worklist.refusals = [Unavailable("The Task Manager answered 503.")] * 3
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order)
    running.await_state(order.accession_number, "published")
    assert (worklist.requests, len(worklist.workitems)) == (4, 1)


@pytest.mark.requirement("AIWI-TR-007")
@pytest.mark.parametrize("refusal", [BadInput("The Task Manager answered 400: no."), Conflict("409: no.")])
def test_a_refusal_is_no_endless_loop_and_is_shown(department, images, worklist, refusal):
    worklist.refusals = [refusal]
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order)
    stored = running.await_state(order.accession_number, "refused")
    assert refusal.message in stored["explanation"]
    assert worklist.requests == 1


def test_an_archive_that_is_away_delays_and_loses_nothing(department, images, worklist, logged):
    images.away = True
    running, order = department(), new_order()
    assert running.send(build_order(order)).code == "AA"
    await_logged(logged, "archive-away")
    images.away = False
    arrive(images, order)
    running.await_state(order.accession_number, "published")
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("HL7-032", "HL7-033", "AIWI-TR-011")
def test_cancelling_the_order_of_a_published_workitem_asks_for_its_cancellation(department, images, worklist):
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order)
    running.await_state(order.accession_number, "published")
    running.send(build_order(order, control="CA", status="CA"))
    eventually(lambda: worklist.cancellations, what="the request for cancellation")
    ((uid, reason, _),) = worklist.cancellations
    assert (uid in worklist.workitems, reason) == (True, "110500")
    assert running.state(order.accession_number) == "canceled"


@pytest.mark.requirement("HL7-034", "AIWI-TR-012")
def test_a_refused_cancellation_is_noted_once_and_the_sender_is_not_troubled(department, images, worklist):
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order)
    running.await_state(order.accession_number, "published")
    worklist.cancel_refusal = Conflict("The Task Manager answered 409: it is COMPLETED already.")
    assert running.send(build_order(order, control="CA", status="CA")).code == "AA"

    def noted():
        (thread,) = order_thread(running.data_dir, order.accession_number)
        return "COMPLETED already" in thread["workitems"][0]["cancel_outcome"]

    eventually(noted, what="the outcome of the request")


def test_a_workitem_that_was_not_created_yet_is_withdrawn_with_its_order(department, images, worklist):
    worklist.refusals = [Unavailable("The Task Manager is away.")] * 1000
    running, order = department(), new_order()
    running.send(build_order(order))
    arrive(images, order)
    running.await_state(order.accession_number, "planned")
    running.send(build_order(order, control="CA", status="CA"))

    def withdrawn():
        (thread,) = order_thread(running.data_dir, order.accession_number)
        return [row["state"] for row in thread["workitems"]] == ["withdrawn"]

    eventually(withdrawn, what="the workitem to be withdrawn")
    assert worklist.workitems == {}


@pytest.mark.requirement("AIWI-TR-013", "HL7-061")
def test_work_is_taken_up_after_a_restart_and_done_once(department, images, worklist):
    worklist.refusals = [Unavailable("The Task Manager is away.")] * 1000
    first, order = department(), new_order()
    first.send(build_order(order))
    arrive(images, order)
    first.await_state(order.accession_number, "planned")
    worklist.refusals = []
    second = department()
    second.await_state(order.accession_number, "published")
    second.send(build_order(order))
    assert len(worklist.workitems) == 1


def test_two_studies_of_one_accession_number_make_a_workitem_each(department, images, worklist):
    running, order = department(), new_order()
    arrive(images, order)
    images.put("1.2.3.4.5", 40, accession=order.accession_number)
    running.send(build_order(order).replace(order.study_instance_uid.encode() + b"^RIS", b""))
    running.await_state(order.accession_number, "published")
    assert {text(one, "StudyInstanceUID") for one in worklist.workitems.values()} == {
        "1.2.3.4.5",
        order.study_instance_uid,
    }
