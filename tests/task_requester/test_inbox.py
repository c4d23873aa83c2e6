"""What is answered at once, what waits for what, and what a crash leaves of it (decision 0010)."""

import threading
from datetime import timedelta

import pytest

from actors.shared.mllp import Frame
from actors.shared.refusals import RefusalLog
from actors.task_requester.database import Database
from actors.task_requester.inbox import Inbox, Letter
from actors.task_requester.intake import Intake
from actors.task_requester.ledger import Ledger
from actors.task_requester.orders_store import orders_by_accession, quarantine
from actors.task_requester.recording import Told
from actors.task_requester.settings import Settings
from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.errors import Unavailable
from profiles.hl7 import orders_from, read
from tests.task_requester.workshop import NOW


class Desk:
    """An intake with its inbox whose letters are worked out only when a test says so."""

    def __init__(self, folder, **settings):
        self.folder, self.directory = folder, folder / "task_requester"
        self.database = Database(self.directory)
        self.inbox = Inbox(self.directory)
        arguments = (self.database, Settings(**settings), lambda: None, lambda: NOW, lambda: "1", RefusalLog())
        self.intake = Intake(*arguments, self.inbox)

    def send(self, message):
        return self.intake.take(Frame(message), "test")

    def work_out(self):
        while letter := self.inbox.oldest():
            self.intake.work_out(letter)

    def states(self, order):
        return [found["state"] for found in orders_by_accession(self.folder, order.accession_number)]

    def close(self):
        self.inbox.close()
        self.database.close()


@pytest.fixture
def desk(tmp_path):
    """Makes the desk; another one takes up what the last one left."""
    made = []

    def make(**settings):
        if made:
            made.pop().close()
        made.append(Desk(tmp_path, **settings))
        return made[0]

    yield make
    made[0].close()


@pytest.mark.requirement("HL7-011", "HL7-028")
def test_a_new_order_is_answered_when_it_is_on_disk_and_worked_out_afterwards(desk):
    order, front = new_order(), desk()
    assert b"|AA|" in front.send(build_order(order))
    assert (front.inbox.count, front.states(order)) == (1, [])
    front.work_out()
    assert (front.inbox.count, front.states(order)) == (0, ["pending"])


@pytest.mark.requirement("HL7-011", "HL7-029")
def test_what_was_answered_before_a_crash_is_there_after_it_once(desk):
    order = new_order()
    message = build_order(order)
    answer = desk().send(message)
    after = desk()
    assert after.inbox.count == 1
    assert after.send(message) == answer
    assert (after.inbox.count, after.states(order)) == (0, ["pending"])


@pytest.mark.requirement("HL7-011")
def test_an_order_that_could_not_be_looked_up_leaves_nothing_to_wait_for(desk, monkeypatch):
    order, front = new_order(), desk()

    def locked(*_):
        raise Unavailable("The order store is locked.")

    with monkeypatch.context() as failing:
        failing.setattr(Inbox, "is_known", locked)
        assert b"|AR|" in front.send(build_order(order))
    assert front.inbox.count == 0
    assert b"|AA|" in front.send(build_order(order))
    assert front.inbox.count == 1


@pytest.mark.requirement("HL7-011", "HL7-029")
def test_a_crash_before_a_letter_was_taken_out_makes_no_second_order(desk):
    order, front = new_order(), desk()
    front.send(build_order(order))
    letter = front.inbox.oldest()
    front.intake._store(Frame(letter.content), read(letter.content), None, "test", letter)
    front = desk()
    front.work_out()
    assert front.states(order) == ["pending"]


@pytest.mark.requirement("HL7-053", "HL7-035")
@pytest.mark.parametrize("is_worked_out", [True, False], ids=["known", "waiting"])
def test_what_is_told_of_a_known_order_is_answered_after_its_effects(is_worked_out, desk):
    order, front = new_order(), desk()
    front.send(build_order(order))
    if is_worked_out:
        front.work_out()
    stolen = build_order(order).replace(order.patient_id.encode(), b"SOMEBODY-ELSE")
    assert b"|AE|" in front.send(stolen)
    assert b"|AA|" in front.send(build_order(order, control="CA", now=NOW + timedelta(days=9999)))
    assert (front.inbox.count, front.states(order)) == (0, ["canceled"])


@pytest.mark.requirement("HL7-014", "HL7-042")
def test_a_fault_of_the_message_itself_is_answered_at_once(desk):
    front = desk()
    assert b"|AE|" in front.send(build_order(new_order()).replace(b"ORC|NW", b"ORC|??"))
    assert front.inbox.count == 0


@pytest.mark.requirement("HL7-047", "HL7-050")
@pytest.mark.parametrize(
    "settings",
    [{"merged_identifiers": "refuse"}, {"demographics_from_orders": ("RIS|STEPWELL-DEMO",)}],
    ids=["merged", "demographics"],
)
def test_where_an_answer_depends_on_patients_nothing_is_answered_before(settings, desk):
    order, front = new_order(), desk(**settings)
    assert b"|AA|" in front.send(build_order(order))
    assert (front.inbox.count, front.states(order)) == (0, ["pending"])


@pytest.mark.requirement("HL7-053", "HL7-073")
def test_what_turns_out_to_be_refused_after_its_answer_is_in_the_quarantine(desk):
    order, front = new_order(), desk()
    message = build_order(order)
    front.send(message)
    (theirs,) = orders_from(read(message.replace(order.patient_id.encode(), b"SOMEBODY-ELSE")))
    Ledger(front.database, lambda: NOW).record(Told(theirs, "images", "arrival", NOW))
    front.work_out()
    (waiting,) = quarantine(front.folder)
    assert "205" in waiting["reason"] or "another patient" in waiting["reason"]
    assert front.inbox.count == 0


@pytest.mark.requirement("HL7-011")
def test_a_message_that_cannot_be_worked_out_waits_for_a_person_and_not_in_the_way(desk, monkeypatch):
    front = desk()
    front.send(build_order(new_order()))

    def fail(*_arguments, **_settings):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("actors.task_requester.intake.record", fail)
        front.work_out()
    assert len(quarantine(front.folder)) == 1
    assert front.inbox.count == 0


@pytest.mark.requirement("HL7-011")
def test_while_nothing_can_be_worked_out_nothing_is_answered_before_it_is(desk):
    front = desk()
    front.inbox.is_stalled = True
    order = new_order()
    assert b"|AA|" in front.send(build_order(order))
    assert (front.inbox.count, front.states(order)) == (0, ["pending"])


@pytest.mark.requirement("HL7-011")
def test_many_senders_at_a_time_are_all_on_disk_when_they_are_answered(desk):
    front, orders = desk(), [new_order() for _ in range(24)]

    def send(part):
        for order in part:
            assert b"|AA|" in front.send(build_order(order))

    threads = [threading.Thread(target=send, args=(orders[place::8],)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    front = desk()
    assert front.inbox.count == len(orders)
    front.work_out()
    assert [front.states(order) for order in orders] == [["pending"]] * len(orders)


@pytest.mark.requirement("HL7-011")
def test_a_letter_that_cannot_be_written_gives_its_names_back(desk):
    inbox = desk().inbox
    letter = Letter(b"x", b"y", "test", "2026-01-01T00:00:00+00:00", frozenset({"filler:1"}))
    inbox._durable.execute("PRAGMA query_only = 1")
    assert inbox.reserve(letter.names)
    with pytest.raises(Unavailable, match="Free space"):
        inbox.put(letter)
    inbox._durable.execute("PRAGMA query_only = 0")
    assert inbox.count == 0
    assert inbox.reserve(letter.names)
    inbox.release(letter.names)
