"""Messages in over real sockets: what is answered, what is kept, and what it does to orders."""

import dataclasses
import threading
from datetime import UTC, datetime, timedelta

import pytest

from actors.shared.mllp_client import MllpClient
from actors.task_requester.orders_store import order_thread, quarantine, quarantined_message
from connectathon.fiction import new_order
from connectathon.ris import build_order
from connectathon.waiting import eventually
from profiles.hl7 import read

NOW = datetime(2027, 1, 4, 9, 30, tzinfo=UTC)


@pytest.mark.requirement("HL7-028", "AIWI-TR-013")
@pytest.mark.parametrize("kind", ["OMI^O23", "ORM^O01"])
def test_a_new_order_is_answered_aa_and_awaits_its_study(department, events, kind):
    running, order = department(), new_order()
    answer = running.send(build_order(order, kind, control_id="C1"))
    assert (answer.code, answer.control_id, answer.errors) == ("AA", "C1", ())
    (stored,) = running.orders(order.accession_number)
    assert stored["state"] == "pending"
    assert stored["placer_order_number"] == order.placer_order_number
    assert stored["study_instance_uid"] == order.study_instance_uid
    assert (stored["message_control_id"], stored["acknowledged"]) == ("C1", "AA")
    assert events.steps() == ["order-received", "order-filled"]
    thread = events.events[0].thread
    assert thread.accession_number == order.accession_number
    assert thread.patient_id == f"{order.patient_id}^^^{order.issuer}"


@pytest.mark.requirement("HL7-029")
def test_the_same_message_again_gets_the_same_answer_and_makes_no_second_order(department, events):
    running, order = department(), new_order()
    message = build_order(order)
    first, second = running.send(message), running.send(message)
    assert first.raw == second.raw
    assert len(running.orders(order.accession_number)) == 1
    assert events.steps() == ["order-received", "order-filled"]


@pytest.mark.requirement("HL7-029")
def test_a_message_with_a_renewed_time_is_still_the_same(department):
    running, order = department(), new_order()
    first = build_order(order, control_id="C1", now=NOW)
    moved = first.replace(b"|20270104093000+0000||OMI", b"|20270104093500+0000||OMI")
    assert moved != first
    assert running.send(first).raw == running.send(moved).raw


@pytest.mark.requirement("HL7-029")
def test_the_same_order_under_a_new_control_id_is_recognised(department, events):
    running, order = department(), new_order()
    answers = [running.send(build_order(order)) for _ in range(3)]
    assert {answer.code for answer in answers} == {"AA"}
    (thread,) = order_thread(running.data_dir, order.accession_number)
    assert [message["effect"] for message in thread["messages"]] == [
        "new order",
        "known already; nothing changed",
        "known already; nothing changed",
    ]
    assert events.steps() == ["order-received", "order-filled"]


@pytest.mark.requirement("HL7-030")
def test_a_control_id_that_was_used_before_is_processed_as_counters_restart(department):
    running = department()
    one, other = new_order(), new_order()
    assert running.send(build_order(one, control_id="1")).code == "AA"
    assert running.send(build_order(other, control_id="1")).code == "AA"
    assert running.state(one.accession_number) == running.state(other.accession_number) == "pending"


@pytest.mark.requirement("HL7-030")
def test_a_site_can_have_reused_control_ids_refused(department):
    running = department(reused_control_id="refuse")
    one, other = new_order(), new_order()
    running.send(build_order(one, control_id="1"))
    answer = running.send(build_order(other, control_id="1"))
    assert (answer.code, answer.errors) == ("AE", ("205",))
    assert running.orders(other.accession_number) == []


@pytest.mark.requirement("HL7-009", "HL7-013", "HL7-014", "HL7-016", "HL7-042")
@pytest.mark.parametrize(
    ("change", "code", "error"),
    [
        (lambda raw: b"garbage", "AE", "100"),
        (lambda raw: b"", "AE", "100"),
        (lambda raw: raw.replace(b"MSH|", b"PID|", 1), "AE", "100"),
        (lambda raw: raw.replace(b"OMI^O23", b"XYZ^Q99"), "AR", "200"),
        (lambda raw: raw.replace(b"OMI^O23^OMI_O23", b"ADT^A99"), "AR", "201"),
        (lambda raw: raw.replace(b"ORC|NW", b"ORC|??"), "AE", "103"),
        (lambda raw: raw.replace(b"FICTIONAL", b"F\xe4CTIONAL"), "AE", "102"),
        (lambda raw: raw[: raw.index(b"ORC|")], "AE", "101"),
    ],
)
def test_what_cannot_be_taken_is_refused_kept_and_harms_nothing(department, change, code, error):
    running, order = department(), new_order()
    broken = change(build_order(order, control_id="C7"))
    with MllpClient("127.0.0.1", running.settings.mllp_port) as client:
        answer = read(client.send(broken))
        assert (answer.get("MSA-1"), answer.get("ERR-3")) == (code, error)
        if broken.startswith(b"MSH"):
            assert answer.get("MSA-2") == "C7"
        assert read(client.send(build_order(order))).get("MSA-1") == "AA"
    kept, *_ = quarantine(running.data_dir)
    assert kept["answer_code"] == code
    assert "HL7-" in kept["reason"]
    assert quarantined_message(running.data_dir, kept["number"]) == broken


def test_a_refused_message_can_be_sent_again_and_is_kept_once(department):
    broken = build_order(new_order()).replace(b"ORC|NW", b"ORC|??")
    running = department()
    assert [running.send(broken).code for _ in range(3)] == ["AE"] * 3
    assert len(quarantine(running.data_dir)) == 1


def test_a_refused_message_is_taken_once_its_cause_is_removed(department):
    order = new_order()
    message = build_order(order)
    assert department(senders=("OTHER|SITE",)).send(message).errors == ("103",)
    running = department()
    assert running.send(message).code == "AA"
    assert running.state(order.accession_number) == "pending"
    assert quarantine(running.data_dir) == []


@pytest.mark.requirement("HL7-078")
def test_messages_that_are_not_acted_upon_are_kept_or_refused_as_the_site_says(department):
    adt = b"MSH|^~\\&|A|B|||2027||ADT^A03|1|P|2.5\rEVN||2027\rPID|||1\rPV1||O\r"
    assert department().send(adt).code == "AA"
    assert department(unused_events="refuse").send(adt.replace(b"|1|P", b"|2|P")).errors == ("201",)


@pytest.mark.requirement("HL7-005")
def test_a_message_over_the_limit_is_refused_with_its_control_id(department):
    running = department(max_message_bytes=2048)
    answer = running.send(build_order(new_order(), control_id="BIG") + b"NTE|1||" + b"x" * 10000 + b"\r")
    assert (answer.code, answer.control_id, answer.errors) == ("AE", "BIG", ("102",))


@pytest.mark.requirement("HL7-053")
def test_an_accession_number_of_another_patient_is_refused(department):
    running, order = department(), new_order()
    running.send(build_order(order))
    stolen = dataclasses.replace(order, patient_id="SOMEBODY-ELSE", filler_order_number="F2", placer_order_number="P2")
    answer = running.send(build_order(stolen))
    assert (answer.code, answer.errors) == ("AE", ("205",))
    assert len(running.orders(order.accession_number)) == 1


@pytest.mark.requirement("HL7-032")
def test_a_pending_order_is_cancelled_by_its_numbers_alone(department):
    running, order = department(), new_order()
    running.send(build_order(order))
    cancel = f"MSH|^~\\&|RIS|X|||2027||ORM^O01|9|P|2.3.1\rORC|CA||{order.filler_order_number}^RIS||CA\r"
    assert running.send(cancel.encode()).code == "AA"
    assert running.state(order.accession_number) == "canceled"


@pytest.mark.requirement("HL7-035")
def test_an_order_that_was_cancelled_before_it_came_makes_no_workitem(department, images, worklist):
    running, order = department(), new_order()
    running.send(build_order(order, control="CA", status="CA", now=NOW))
    running.send(build_order(order, now=NOW - timedelta(minutes=5)))
    assert running.state(order.accession_number) == "canceled"
    other = new_order()
    running.send(build_order(other))
    images.put(order.study_instance_uid, 30, accession=order.accession_number)
    images.put(other.study_instance_uid, 30, accession=other.accession_number)
    running.await_state(other.accession_number, "published")
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("HL7-035")
def test_an_order_that_is_newer_than_its_cancellation_is_taken(department):
    running, order = department(), new_order()
    running.send(build_order(order, control="CA", status="CA", now=NOW))
    running.send(build_order(order, now=NOW + timedelta(hours=1)))
    assert running.state(order.accession_number) == "pending"


def test_a_resent_order_never_reopens_a_cancelled_one(department):
    running, order = department(), new_order()
    running.send(build_order(order, now=NOW))
    running.send(build_order(order, control="CA", status="CA", now=NOW + timedelta(minutes=1)))
    running.send(build_order(order, now=NOW + timedelta(hours=1)))
    assert running.state(order.accession_number) == "canceled"


@pytest.mark.requirement("HL7-039")
def test_a_held_order_waits_until_it_is_released(department, images, worklist):
    running, order = department(), new_order()
    running.send(build_order(order))
    running.send(build_order(order, control="HD", status="HD"))
    assert running.state(order.accession_number) == "held"
    images.put(order.study_instance_uid, 30, accession=order.accession_number)
    running.send(build_order(order, control="RL"))
    running.await_state(order.accession_number, "published")
    assert len(worklist.workitems) == 1


def test_a_status_before_its_order_waits_for_it(department):
    running, order = department(), new_order()
    status = f"MSH|^~\\&|RIS|X|||2027||ORM^O01|9|P|2.3.1\rORC|SC||{order.filler_order_number}^RIS||IP\r"
    assert running.send(status.encode()).code == "AA"
    running.send(build_order(order))
    assert running.state(order.accession_number) == "pending"


@pytest.mark.requirement("HL7-031")
def test_an_older_change_does_not_undo_a_newer_one(department):
    running, order = department(), new_order()
    newer = dataclasses.replace(order, procedure_description="MR head with contrast")
    running.send(build_order(order, now=NOW))
    running.send(build_order(newer, control="XO", now=NOW + timedelta(minutes=2)))
    running.send(build_order(order, control="XO", now=NOW + timedelta(minutes=1)))
    (thread,) = order_thread(running.data_dir, order.accession_number)
    assert [message["effect"] for message in thread["messages"]] == [
        "new order",
        "changed",
        "older than what is known; kept, without effect",
    ]


@pytest.mark.requirement("HL7-011")
def test_an_order_is_safe_though_its_event_cannot_be_spooled_and_is_told_later(department, events):
    running, order = department(), new_order()
    events.failing = True
    assert running.send(build_order(order)).code == "AA"
    events.failing = False
    eventually(lambda: events.steps() == ["order-received", "order-filled"], what="the event to be told")


@pytest.mark.requirement("HL7-061", "AIWI-TR-013")
def test_the_same_order_on_many_connections_at_once_is_one_order(department):
    running, order = department(), new_order()
    message = build_order(order)
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(running.send(message).code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == ["AA"] * 8
    assert len(running.orders(order.accession_number)) == 1


@pytest.mark.requirement("HL7-073")
def test_logs_name_no_patient(department, capfd):
    running, order = department(), new_order()
    running.send(build_order(order))
    assert running.orders(order.accession_number)
    running.send(build_order(order).replace(b"ORC|NW", b"ORC|??"))
    said = capfd.readouterr()
    assert order.patient_name.split("^")[0] not in said.out + said.err
    assert order.patient_id not in said.out + said.err
    assert order.accession_number in said.out + said.err


def test_there_is_no_order_where_there_is_no_store(tmp_path):
    assert order_thread(tmp_path, "A1") == quarantine(tmp_path) == []
    with pytest.raises(KeyError):
        quarantined_message(tmp_path, 1)
