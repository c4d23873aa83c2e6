"""Results of completed workitems go back to who ordered them (orders.md 11.1): sent until answered, in order, once."""

from dataclasses import replace

import pytest
from sqlmodel import select

from actors.shared.reporting import source_for
from actors.shared.settings import CommonSettings
from actors.task_requester.database import WorkitemRow
from actors.task_requester.results_back.alerts import acknowledge
from actors.task_requester.results_back.channels import answer_of
from actors.task_requester.results_back.desk import Desk
from actors.task_requester.results_back.settings import ResultsSettings
from actors.task_requester.results_back.store import OutgoingRow
from conformance.hl7 import check_message
from connectathon.fiction import new_order
from profiles.errors import Conflict, Unavailable
from profiles.sole.audit import encode_audit
from tests.task_requester.results_scene import Receiver, ResultArchive, complete, found, images_of, results_back
from tests.task_requester.workshop import Workshop


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.stop()


class Scene:
    """A workshop with one workitem, a receiver, and what tells the results."""

    def __init__(self, tmp_path, images, worklist, events, receiver, url=""):
        where = (url, url) if url else (tmp_path / "task_requester", tmp_path)
        self.shop = Workshop(*where, images, worklist)
        self.receiver, self.archive, self.folder = receiver, ResultArchive(), tmp_path
        self.audited = []
        self.back = results_back(self.shop, self.archive, events, audit=self.audited.append, receiver=receiver.address)
        self.desk = Desk(self.shop.database, self.shop.now)

    def ordered(self, order=None, control="NW", **details):
        """Take an order, and let its images come; its newest open workitem."""
        before = set(self.shop.worklist.open())
        self.shop.send(control, order=order, **details).arrive(order=order).work(4)
        (uid,) = set(self.shop.worklist.open()) - before
        return uid

    def completed(self, order=None, results=None, **details):
        uid = self.ordered(order)
        order = order or self.shop.order
        images = images_of(order, self.folder / order.accession_number)
        complete(uid, self.shop.worklist, self.archive, images, results or found(), **details)
        return uid

    def turn(self, seconds=0.0):
        self.shop.passed += seconds
        self.back.turn()
        return self.receiver.ids()

    def states(self):
        return [one["state"] for one in self.desk.messages(every=True)]

    def close(self):
        self.back.close()
        self.shop.database.close()


@pytest.fixture
def scene(tmp_path, images, worklist, events, receiver):
    made = Scene(tmp_path, images, worklist, events, receiver)
    yield made
    made.close()


@pytest.mark.requirement("HL7-064", "HL7-066")
def test_a_completed_workitem_is_told_once_as_unverified(scene):
    uid = scene.completed()
    scene.turn()
    assert len(scene.turn(600)) == 1
    (message,) = scene.receiver.messages
    assert check_message(message.text.encode(), "result") == []
    assert message.get("OBR-25") == "R"
    assert {one.get(11) for one in message.all("OBX")} <= {"R", "O"}
    assert message.get("OBR-18") == scene.shop.order.accession_number
    assert message.get("PID-3") == scene.shop.order.patient_id
    assert uid in [one.get(5) for one in message.all("OBX")]


@pytest.mark.requirement("HL7-066", "HL7-072")
def test_results_are_told_from_postgresql_too(tmp_path, images, worklist, events, receiver, postgres_url):
    scene = Scene(tmp_path, images, worklist, events, receiver, postgres_url)
    try:
        receiver.script = ["drop", "AE"]
        scene.completed(results=found(urgent=True))
        scene.turn()
        scene.turn(10)
        (shown,) = scene.desk.messages()
        scene.desk.resend(shown["number"])
        scene.turn()
        scene.desk.withdraw(shown["number"])
        first, second, third, withdrawn = scene.turn()
        assert first == second == third != withdrawn
        (alert,) = scene.desk.alerts()
        acknowledge(scene.shop.database, alert["number"], "dr.reader", clock=scene.shop.now, audit=scene.audited.append)
        assert scene.desk.alerts() == []
    finally:
        scene.close()


def test_nothing_is_told_before_the_workitem_is_completed_and_of_a_cancelled_one_never(scene):
    uid = scene.ordered()
    scene.turn()
    scene.shop.worklist.states[uid] = "CANCELED"
    assert scene.turn(600) == []
    scene.shop.worklist.states[uid] = "COMPLETED"
    assert scene.turn(600) == []


@pytest.mark.requirement("HL7-066")
def test_a_message_without_an_answer_is_sent_again_with_the_same_control_id(scene):
    scene.receiver.script = ["drop", "drop"]
    scene.completed()
    assert len(scene.turn()) == 1
    assert len(scene.turn(3.9)) == 1
    assert len(scene.turn(0.2)) == 2
    assert len(scene.turn(7.0)) == 2
    assert len(set(scene.turn(1.1))) == 1
    assert len(scene.receiver.messages) == 3
    assert len({one.text for one in scene.receiver.messages}) == 1
    assert scene.states() == ["sent"]
    assert len(scene.turn(600)) == 3


@pytest.mark.requirement("HL7-066")
def test_a_receiver_that_is_away_gets_the_message_when_it_is_back(scene):
    scene.receiver.stop()
    scene.completed()
    scene.turn()
    assert scene.states() == ["waiting"]
    again = Receiver(scene.receiver.port)
    try:
        scene.turn(10)
        assert len(again.messages) == 1
    finally:
        again.stop()


@pytest.mark.requirement("HL7-066")
@pytest.mark.parametrize("answer", ["AE", "AE 207", "CE", "AR 200", "AR 201", "AR 202", "CR 203"])
def test_a_refused_message_is_parked_until_a_person_sends_it_again(scene, answer):
    scene.receiver.script = [answer]
    scene.completed()
    scene.turn()
    assert len(scene.turn(600)) == 1
    (shown,) = scene.desk.messages()
    assert (shown["state"], shown["reason"].partition(":")[0]) == ("parked", answer.split()[0])
    scene.desk.resend(shown["number"])
    first, second = scene.turn()
    assert first == second
    assert scene.desk.messages() == []
    with pytest.raises(Conflict, match="only a parked one"):
        scene.desk.resend(shown["number"])


@pytest.mark.requirement("HL7-066")
@pytest.mark.parametrize("answer", ["AR", "AR 207", "AR 206", "CR"])
def test_a_receiver_that_cannot_take_a_message_just_now_gets_it_again_and_others_meanwhile(scene, answer):
    """AR says that it is not the message's fault (HL7 2.5.1 section 2.9.2.2; orders.md 11.1)."""
    scene.receiver.script = [answer]
    first = scene.completed()
    other = new_order()
    scene.completed(other)
    assert len(scene.turn()) == 2
    assert scene.receiver.messages[1].get("OBR-18") == other.accession_number
    assert scene.states() == ["waiting", "sent"]
    assert len(set(scene.turn(10))) == 2
    assert scene.states() == ["sent", "sent"]
    assert [int(event.outcome) for event in scene.audited if first in str(event.target)] == [4, 0]


@pytest.mark.requirement("HL7-073")
def test_the_audit_trail_is_told_of_each_answered_message_and_of_no_patient(scene):
    scene.receiver.script = ["AE"]
    uid = scene.completed()
    scene.turn()
    (shown,) = scene.desk.messages()
    scene.desk.resend(shown["number"])
    scene.turn()
    assert [int(event.outcome) for event in scene.audited] == [4, 0]
    assert len({event.occurrence for event in scene.audited}) == 2
    for event in scene.audited:
        written = str(encode_audit(event, source_for("task_requester", CommonSettings(), "1")))
        assert shown["control_id"] in written
        assert uid in written
        assert scene.shop.order.patient_id not in written


@pytest.mark.requirement("HL7-066")
def test_an_unanswered_message_holds_back_later_ones_of_its_patient_only(scene):
    first, other = scene.shop.order, new_order()
    again = replace(
        new_order(), **{name: getattr(first, name) for name in first.__dataclass_fields__ if "patient" in name}
    )
    assert first.patient_id == again.patient_id != other.patient_id
    scene.receiver.script = ["drop"]
    for order in (first, again, other):
        scene.completed(order)
    numbers = [order.accession_number for order in (first, again, other)]
    for seconds in (0, 0, 0, 10):
        scene.turn(seconds)
    sent = [one.get("OBR-18") for one in scene.receiver.messages]
    assert sent == [numbers[0], numbers[2], numbers[0], numbers[1]]
    assert scene.states() == ["sent"] * 3


@pytest.mark.requirement("HL7-072")
def test_the_result_of_a_later_workitem_for_the_same_order_corrects_the_earlier_one(scene):
    uid = scene.completed()
    scene.turn()
    with scene.shop.database.write() as session:
        row = session.get_one(WorkitemRow, uid)
        session.add(WorkitemRow(**{**row.model_dump(), "uid": f"{uid}.2", "revision": 2, "replaces": uid}))
    scene.shop.worklist.workitems[f"{uid}.2"] = scene.shop.worklist.workitems[uid]
    images = images_of(scene.shop.order, scene.folder / "again")
    complete(f"{uid}.2", scene.shop.worklist, scene.archive, images, found(present=False))
    assert len(scene.turn()) == 2
    earlier, later = scene.receiver.messages
    assert (earlier.get("OBR-25"), later.get("OBR-25")) == ("R", "C")
    assert later.get("OBR-3") == earlier.get("OBR-3")
    assert check_message(later.text.encode(), "result") == []


def test_a_message_that_nobody_got_yet_is_made_anew_when_the_patient_was_merged(scene):
    scene.receiver.script = ["drop"]
    scene.completed()
    scene.turn()  # tried once: it stays as it is
    with scene.shop.database.write() as session:
        row = session.exec(select(OutgoingRow)).one()
        row.attempts, row.patient, row.next_at = 0, "MERGED^^^HOSP", ""
        session.add(row)
    scene.turn(60)
    (shown,) = scene.desk.messages(every=True)
    assert shown["state"] == "sent"
    assert scene.receiver.messages[-1].get("PID-3") == scene.shop.order.patient_id


@pytest.mark.requirement("HL7-072")
def test_a_sent_result_is_withdrawn_as_wrong_and_only_once(scene):
    scene.completed()
    scene.turn()
    (shown,) = scene.desk.messages(every=True)
    scene.desk.withdraw(shown["number"])
    first, second = scene.turn()
    assert first != second
    message = scene.receiver.messages[-1]
    assert check_message(message.text.encode(), "result") == []
    assert message.get("OBR-25") == "C"
    assert {one.get(11) for one in message.all("OBX")} == {"W"}
    with pytest.raises(Conflict, match="withdrawn already"):
        scene.desk.withdraw(shown["number"])


def test_a_result_of_another_patient_than_the_orders_waits_for_a_person(scene):
    uid = scene.completed(patient_id="SOMEBODY-ELSE")
    assert scene.turn() == []
    (shown,) = scene.desk.untold()
    assert shown["workitem_uid"] == uid
    assert "another patient" in shown["reason"]
    assert "SOMEBODY-ELSE" not in shown["reason"]
    for made in scene.archive.objects.values():
        made.PatientID = scene.shop.order.patient_id
    scene.desk.look_again(uid)
    assert len(scene.turn()) == 1


def test_an_archive_that_is_away_delays_a_result(scene):
    scene.archive.away = True
    scene.completed()
    assert scene.turn() == []
    assert scene.desk.untold() == []
    scene.archive.away = False
    assert len(scene.turn(60)) == 1


def test_results_that_are_gone_or_damaged_wait_for_a_person_and_hold_up_no_other(scene):
    gone, damaged = scene.completed(), scene.completed(new_order())
    good = new_order()
    first, *_, last = scene.archive.objects
    del scene.archive.objects[first]
    del scene.archive.objects[last].SOPClassUID
    scene.completed(good)
    scene.turn()
    assert [one.get("OBR-18") for one in scene.receiver.messages] == [good.accession_number]
    assert {one["workitem_uid"] for one in scene.desk.untold()} == {gone, damaged}
    assert all(one["reason"] for one in scene.desk.untold())


@pytest.mark.parametrize("address", ["ris", "ris:0", "ris:99999", ":2575"])
def test_an_address_without_host_or_port_is_refused_at_start(address):
    with pytest.raises(ValueError, match="no host:port"):
        ResultsSettings(receiver=address)


def test_a_character_set_that_hl7_does_not_know_is_refused_at_start():
    with pytest.raises(ValueError, match="0211"):
        ResultsSettings(charset="KLINGON")


@pytest.mark.parametrize("answer", [b"MSH|^~\\&|A|B|C|D|20260301||ACK|1|P|2.5.1\rMSA|AA|OTHER\r", b"noise"])
def test_an_answer_to_something_else_is_no_answer(answer):
    with pytest.raises(Unavailable):
        answer_of(answer, "MINE")
