"""Every row of HL7 table 0357 that this receiver answers with: MSA-1, the place in ERR-2, and the message kept."""

import sqlite3

import pytest

from actors.shared.mllp_client import MllpClient
from actors.task_requester.orders_store import quarantine, quarantined_message
from connectathon.fiction import new_order
from connectathon.ris import build_order
from connectathon.waiting import eventually
from profiles.hl7 import error_codes, read


def swap(old, new, name):
    """A change that replaces the first occurrence."""

    def change(raw):
        assert old in raw
        return raw.replace(old, new, 1)

    change.__name__ = name
    return change


def field(segment, number, value, name):
    """A change of one field."""

    def change(raw):
        lines = raw.split(b"\r")
        place = next(index for index, line in enumerate(lines) if line.startswith(segment))
        parts = lines[place].split(b"|")
        parts += [b""] * (number + 1 - len(parts))
        parts[number] = value
        lines[place] = b"|".join(parts)
        return b"\r".join(lines)

    change.__name__ = name
    return change


ROWS = [
    (100, "AE", "OBR^1", swap(b"\rORC|NW", b"\rZRC|NW", "OBR before ORC")),
    (100, "AE", "IPC^1^3^1", swap(b"\rIPC|", b"\rIPC|A1|RP1|1.2.3\rIPC|", "two studies in one order")),
    (101, "AE", "PID^1^3^1^1", field(b"PID", 3, b"", "no patient identifier")),
    (101, "AE", "ORC^1^1^1", field(b"ORC", 1, b"", "no order control")),
    (101, "AE", "ORC^1^5^1", field(b"ORC", 1, b"SC", "status change without status")),
    (101, "AE", "MSH^1^10^1", field(b"MSH", 9, b"", "no control id")),
    (101, "AE", "MSH^1^9^1^1", field(b"MSH", 8, b"^O23", "no message type")),
    (101, "AE", "MSH^1^12^1", field(b"MSH", 11, b"", "no version")),
    (102, "AE", "IPC^1^3^1", field(b"IPC", 3, b"1.02.x", "no UID")),
    (102, "AE", "TQ1^1^7^1", field(b"TQ1", 7, b"20261399", "no date")),
    (102, "AE", "MSH^1^18^1", swap(b"FICTIONAL", b"F\xe4CTIONAL", "Latin-1 declared as UTF-8")),
    (103, "AE", "ORC^1^1^1", field(b"ORC", 1, b"??", "unknown order control")),
    (200, "AR", "MSH^1^9^1^1", swap(b"OMI^O23^OMI_O23", b"MDM^T02", "unknown type")),
    (201, "AR", "MSH^1^9^1^2", swap(b"OMI^O23^OMI_O23", b"OMI^O99", "unknown event")),
    (202, "AR", "MSH^1^11^1", swap(b"|P|2.5.1", b"|X|2.5.1", "unknown processing id")),
    (203, "AR", "MSH^1^12^1", swap(b"|P|2.5.1", b"|P|3.0", "unknown version")),
]


@pytest.mark.requirement("HL7-009", "HL7-013", "HL7-014", "HL7-015", "HL7-016", "HL7-027", "HL7-042", "HL7-056")
@pytest.mark.parametrize(
    ("code", "answered", "place", "change"), ROWS, ids=[f"{row[0]} {row[3].__name__}" for row in ROWS]
)
def test_each_fault_has_its_answer_with_its_place(department, code, answered, place, change):
    running, order = department(), new_order()
    raw = build_order(order)
    if change.__name__ == "status change without status":
        raw = field(b"ORC", 5, b"", "no status")(raw)
    raw = change(raw)
    with MllpClient("127.0.0.1", running.settings.mllp_port) as client:
        answer = read(client.send(raw))
        errors = [(one.raw(2), one.get(3)) for one in answer.all("ERR")]
        assert (answer.get("MSA-1"), errors) == (answered, [(place, str(code))])
        assert read(client.send(build_order(new_order()))).get("MSA-1") == "AA"
    (kept,) = quarantine(running.data_dir)
    assert quarantined_message(running.data_dir, kept["number"]) == raw
    assert running.orders(order.accession_number) == []


@pytest.mark.requirement("HL7-080")
def test_a_sender_that_is_not_known_is_rejected_not_found_faulty(department):
    answer = department(senders=("OTHER|SITE",)).send(build_order(new_order()))
    assert (answer.code, answer.errors) == ("AR", ("103",))


@pytest.mark.requirement("HL7-053")
def test_a_key_of_another_patient_has_code_205(department):
    running, order = department(), new_order()
    running.send(build_order(order))
    raw = build_order(order).replace(order.patient_id.encode(), b"SOMEBODY-ELSE")
    answer = running.send(raw)
    assert (answer.code, answer.errors) == ("AE", ("205",))


@pytest.mark.requirement("HL7-011")
def test_a_store_that_somebody_else_holds_has_code_206_and_takes_the_message_later(department):
    running, order, other = department(), new_order(), new_order()
    assert running.send(build_order(order)).code == "AA"
    assert running.orders(order.accession_number)
    holder = sqlite3.connect(running.data_dir / "task_requester" / "orders.sqlite", isolation_level=None)
    change = build_order(order, control="XO", control_id="C1")
    try:
        holder.execute("BEGIN IMMEDIATE")
        answer = running.send(change)
        assert (answer.code, answer.errors) == ("AR", ("206",))
        assert running.send(build_order(other)).code == "AA", "a new order needs nothing that is held"
        holder.execute("ROLLBACK")
    finally:
        holder.close()
    assert running.send(change).code == "AA"
    assert running.orders(other.accession_number)


@pytest.mark.requirement("HL7-011")
def test_a_store_that_is_broken_has_code_207(department):
    running = department()
    running.requester._database._engine.dispose()
    file = running.data_dir / "task_requester" / "orders.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE message RENAME TO elsewhere")
    connection.close()
    answer = running.send(build_order(new_order()))
    assert (answer.code, answer.errors) == ("AR", ("207",))


@pytest.mark.requirement("HL7-015")
def test_every_code_of_the_table_is_met_here_or_by_the_patients():
    met = {row[0] for row in ROWS} | {205, 206, 207}
    assert set(error_codes()) - met == {0, 204}


@pytest.mark.requirement("HL7-030")
def test_two_hospitals_may_use_one_control_id(department):
    running = department(reused_control_id="refuse")
    orders = [new_order(), new_order()]
    raws = [build_order(order, control_id="1") for order in orders]
    raws[1] = raws[1].replace(b"MSH|^~\\&|RIS|", b"MSH|^~\\&|OTHER|", 1)
    assert [running.send(raw).code for raw in raws] == ["AA", "AA"]
    assert [running.state(order.accession_number) for order in orders] == ["pending", "pending"]


@pytest.mark.requirement("HL7-029")
def test_a_thousand_repeats_are_one_order_and_one_message(department):
    running, order = department(), new_order()
    raw = build_order(order)
    with MllpClient("127.0.0.1", running.settings.mllp_port) as client:
        assert len({client.send(raw) for _ in range(1000)}) == 1
    assert len(running.orders(order.accession_number)) == 1


@pytest.mark.requirement("HL7-005")
def test_fifty_megabytes_are_refused_by_name_and_the_next_message_is_taken(department):
    running, order = department(), new_order()
    raw = build_order(order, control_id="HUGE") + b"OBX|1|ED|PDF||" + b"A" * (50 * 2**20) + b"\r"
    with MllpClient("127.0.0.1", running.settings.mllp_port) as client:
        answer = read(client.send(raw))
        assert (answer.get("MSA-1"), answer.get("MSA-2"), answer.get("ERR-3")) == ("AE", "HUGE", "102")
        assert read(client.send(build_order(order))).get("MSA-1") == "AA"


@pytest.mark.requirement("HL7-004", "HL7-009")
def test_a_sender_that_breaks_off_leaves_the_listener_alive(department):
    running, order = department(), new_order()
    for piece in (b"\x0b" + build_order(order)[:80], b"\x0b", b"\x1c\r", b"\x0b" + build_order(order)):
        client = MllpClient("127.0.0.1", running.settings.mllp_port)
        client._socket.sendall(piece)
        client.close()
    assert running.send(build_order(order)).code == "AA"
    eventually(lambda: running.state(order.accession_number) == "pending", what="the order to be there")


@pytest.mark.requirement("HL7-026", "HL7-013")
@pytest.mark.parametrize("kind", [b"OMI^O23^OMI_O23", b"OMG^O19^OMG_O19"])
def test_several_orders_in_one_message_are_all_taken(department, kind):
    running, orders = department(), [new_order(), new_order()]
    first, second = (build_order(order) for order in orders)
    raw = first.replace(b"OMI^O23^OMI_O23", kind) + second[second.index(b"ORC|") :]
    assert running.send(raw).code == "AA"
    assert [running.state(order.accession_number) for order in orders] == ["pending", "pending"]


@pytest.mark.requirement("HL7-014", "HL7-026")
def test_of_several_orders_all_are_taken_or_none_and_the_faulty_one_is_named(department):
    running, orders = department(), [new_order(), new_order()]
    first, second = (build_order(order) for order in orders)
    answer = running.send(first + second[second.index(b"ORC|") :].replace(b"ORC|NW", b"ORC|??"))
    assert (answer.code, answer.errors) == ("AE", ("103",))
    assert read(answer.raw).segment("ERR").raw(2) == "ORC^2^1^1"
    assert [running.orders(order.accession_number) for order in orders] == [[], []]


@pytest.mark.requirement("HL7-023", "HL7-024")
def test_segments_of_a_site_are_kept_and_change_nothing(department):
    running, order = department(), new_order()
    raw = build_order(order) + b"ZDS|" + order.study_instance_uid.encode() + b"^RIS^Application^DICOM\rZXX|our own|1\r"
    assert running.send(raw).code == "AA"
    assert running.orders(order.accession_number)[0]["study_instance_uid"] == order.study_instance_uid
    assert quarantined_message(running.data_dir, 1) == raw


@pytest.mark.requirement("HL7-014")
def test_a_new_order_without_request_and_without_study_is_refused(department):
    order = new_order()
    raw = build_order(order)
    answer = department().send(raw[: raw.index(b"TQ1|")])
    assert (answer.code, answer.errors) == ("AE", ("101",))
    assert read(answer.raw).segment("ERR").raw(2) == "OBR^1^18^1"


@pytest.mark.requirement("HL7-021")
@pytest.mark.parametrize("ends", [(b"\n", b"\n"), (b"\r\n", b"\r\n"), (b"\r\n", b"\r")], ids=["LF", "CRLF", "mixed"])
def test_other_line_ends_are_taken(department, ends):
    running, order = department(), new_order()
    lines = build_order(order).rstrip(b"\r").split(b"\r")
    raw = b"".join(line + ends[number % 2] for number, line in enumerate(lines))
    assert running.send(raw).code == "AA"
    assert running.state(order.accession_number) == "pending"


@pytest.mark.requirement("HL7-041")
@pytest.mark.parametrize("control", ["SN", "NA"])
def test_numbers_that_are_asked_for_or_assigned_make_no_workitem(department, images, worklist, control):
    running, order, other = department(), new_order(), new_order()
    for one in (order, other):
        images.put(one.study_instance_uid, 30, accession=one.accession_number)
    assert running.send(build_order(order, control=control, status="")).code == "AA"
    running.send(build_order(other))
    running.await_state(other.accession_number, "published")
    assert [one for one in worklist.workitems.values() if order.study_instance_uid in str(one)] == []
