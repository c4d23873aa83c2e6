"""``stepwell orders``: refused messages are looked at, mended, sent again through the listener, and set aside."""

import json
import os
import sqlite3

import pytest
from typer.testing import CliRunner

from actors.task_requester.orders_store import quarantined_message
from connectathon.fiction import new_order
from connectathon.ris import build_order
from connectathon.waiting import free_port
from profiles.errors import BadInput, Conflict, NotFound, Unavailable
from stepwell.cli import app


class Desk:
    """A person at the command line beside a running Task Requester."""

    def __init__(self, department, folder):
        self.running = department()
        self.config = folder / "stepwell.toml"
        self.configure(self.running.settings.mllp_port)

    def configure(self, port):
        self.config.write_text(
            f'[stepwell]\ndata_dir = "{self.running.data_dir}"\n[task_requester]\nmllp_port = {port}\n',
            encoding="utf-8",
        )

    def say(self, *arguments):
        """What a command answers; its exit status and words."""
        return CliRunner().invoke(app, ["orders", *arguments, "--config", str(self.config)])

    def done(self, *arguments):
        answer = self.say(*arguments)
        assert answer.exit_code == 0, (answer.output, answer.exception)
        lines = answer.output.splitlines(keepends=True)
        return "".join(line for line in lines if "module=actors" not in line)  # logged by the listener meanwhile

    def listed(self, *arguments):
        return json.loads(self.done("list", "--json", *arguments))

    def refuse(self, order, old=b"ORC|NW", new=b"ORC|??"):
        """Have an order refused; the number that the list gives it."""
        assert self.running.send(build_order(order).replace(old, new)).code in {"AE", "AR"}
        return str(self.listed()[0]["number"])

    def audited(self):
        """The audit events that the commands have recorded."""
        with sqlite3.connect(self.running.data_dir / "orders_desk" / "event-spool.sqlite") as connection:
            found = [bytes(content).decode() for (content,) in connection.execute("SELECT content FROM message")]
        connection.close()
        return [one for one in found if "Order Record" in one]


@pytest.fixture
def desk(department, tmp_path):
    return Desk(department, tmp_path)


@pytest.mark.requirement("HL7-042", "HL7-053")
def test_a_refused_message_is_listed_with_sender_and_reason(desk):
    order = new_order()
    number = desk.refuse(order)
    (listed,) = desk.listed()
    assert (str(listed["number"]), listed["answer_code"], listed["kind"]) == (number, "AE", "OMI^O23")
    assert listed["sender"] == f"RIS|{order.issuer}"
    assert "ORC-1" in listed["reason"]
    assert "ORC-1" in desk.done("list")


@pytest.mark.requirement("HL7-073")
def test_a_repository_that_is_away_is_no_matter_of_who_only_looks(desk):
    number = desk.refuse(new_order())
    words = desk.config.read_text(encoding="utf-8").replace("[task_requester]", SYSLOG + "[task_requester]")
    desk.config.write_text(words, encoding="utf-8")
    for command in (("list",), ("show", number)):
        said = desk.say(*command)
        assert (said.exit_code, said.stderr.count("{")) == (0, 0), said.stderr
    assert not (desk.running.data_dir / "orders_desk").exists()


@pytest.mark.requirement("HL7-042")
def test_the_field_that_was_refused_is_marked_and_the_patient_is_not_shown(desk):
    order = new_order()
    number = desk.refuse(order)
    shown = desk.done("show", number)
    assert ">> ORC-1        ??" in shown
    assert shown.count(">>") == 1
    assert order.patient_id not in shown
    assert order.patient_name.split("^")[0] not in shown
    assert order.patient_id in desk.done("show", number, "--with-patient")
    fields = {one["place"]: one for one in json.loads(desk.done("show", number, "--json"))["fields"]}
    assert (fields["ORC-1"]["named"], fields["PID-3"]["value"]) == (True, "(hidden)")


@pytest.mark.requirement("HL7-014")
def test_a_field_that_the_message_lacks_is_shown_as_absent(desk):
    assert desk.running.send(build_order(new_order()).partition(b"ORC|")[0]).errors == ("101",)
    assert ">> ORC          (absent)" in desk.done("show", "1")


@pytest.mark.requirement("HL7-024")
def test_a_segment_in_the_wrong_place_is_marked_as_a_whole(desk):
    shown = desk.done("show", desk.refuse(new_order(), b"ORC|", b"ZRC|"))
    assert {line[3:6] for line in shown.splitlines() if line.startswith(">>")} == {"OBR"}


@pytest.mark.requirement("HL7-009")
def test_what_is_no_message_is_shown_as_bytes(desk):
    number = desk.refuse(new_order(), b"MSH|", b"XXX|")
    assert "bytes" in desk.done("show", number)
    assert "XXX|" in desk.done("show", number, "--with-patient")
    answer = desk.say("mend", number, "--set", "ORC-1=NW", "--yes")
    assert isinstance(answer.exception, BadInput)


@pytest.mark.requirement("HL7-042", "HL7-073")
def test_a_mended_message_goes_the_way_of_every_message_and_the_refused_one_says_so(desk):
    order = new_order()
    number = desk.refuse(order)
    refused = quarantined_message(desk.running.data_dir, int(number))
    said = desk.done("mend", number, "--set", "ORC-1=NW", "--yes")
    assert "ORC-1: ?? -> NW" in said
    assert desk.running.state(order.accession_number) == "pending"
    assert desk.listed() == []
    (settled,) = desk.listed("--all")
    assert "ORC-1" in settled["settled"]
    assert quarantined_message(desk.running.data_dir, int(number)) == refused
    instead = int(settled["settled"].rsplit(" ", 1)[1])
    assert quarantined_message(desk.running.data_dir, instead) == refused.replace(b"ORC|??", b"ORC|NW")
    (audited,) = desk.audited()
    assert f"message {number}" in audited
    assert order.patient_id not in audited


def test_a_message_is_mended_once(desk):
    number = desk.refuse(new_order())
    desk.done("mend", number, "--set", "ORC-1=NW", "--yes")
    assert isinstance(desk.say("mend", number, "--set", "ORC-1=NW", "--yes").exception, Conflict)
    assert isinstance(desk.say("dismiss", number, "--reason", "done").exception, Conflict)


def test_a_mended_message_that_is_refused_takes_the_place_of_the_first(desk):
    number = desk.refuse(new_order())
    answer = desk.say("mend", number, "--set", "ORC-1=!!", "--yes")
    assert answer.exit_code == 1
    assert "answered AE" in answer.output
    (left,) = desk.listed()
    assert left["number"] != int(number)


@pytest.mark.requirement("HL7-016")
def test_a_wrong_character_set_is_put_right_without_touching_the_bytes(desk):
    order = new_order()
    number = desk.refuse(order, b"FICTIONAL^", b"F\xc4CTIONAL^")
    desk.done("mend", number, "--set", "MSH-18=8859/1", "--yes")
    assert desk.running.state(order.accession_number) == "pending"


def test_the_values_of_a_patient_are_not_printed_while_mending(desk):
    number = desk.refuse(new_order())
    said = desk.done("mend", number, "--set", "PID-3.1=OTHER", "--set", "ORC-1=NW", "--yes")
    assert "PID-3.1: (hidden) -> (hidden)" in said
    assert "OTHER" not in said


def test_a_message_can_be_mended_in_a_file(desk, tmp_path):
    order, file = new_order(), tmp_path / "mended.hl7"
    number = desk.refuse(order)
    desk.done("mend", number, "--set", "ORC-1=NW", "--out", str(file))
    assert desk.listed()
    file.write_bytes(file.read_bytes().replace(b"\r", os.linesep.encode()))
    desk.done("mend", number, "--file", str(file), "--yes")
    assert desk.running.state(order.accession_number) == "pending"


def test_a_person_who_does_not_confirm_sends_nothing(desk):
    order = new_order()
    number = desk.refuse(order)
    assert desk.say("mend", number, "--set", "ORC-1=NW").exit_code == 1
    assert desk.running.orders(order.accession_number) == []


def test_messages_are_sent_again_as_they_came_once_the_cause_is_gone(department, tmp_path, desk):
    orders = [new_order(), new_order()]
    desk.running.stop()
    closed = department(senders=("OTHER|SITE",))
    for order in orders:
        assert closed.send(build_order(order)).errors == ("103",)
    closed.stop()
    desk.running = department()
    desk.configure(desk.running.settings.mllp_port)
    assert len(desk.listed()) == 2
    desk.done("resend", "--all", "--yes")
    assert [desk.running.state(order.accession_number) for order in orders] == ["pending", "pending"]
    assert desk.listed("--all") == []


def test_a_message_that_nobody_needs_is_set_aside_with_a_reason(desk):
    number = desk.refuse(new_order())
    desk.done("dismiss", number, "--reason", "a test of the RIS")
    assert desk.listed() == []
    assert "a test of the RIS" in desk.done("show", number)


def test_nothing_is_decided_when_the_listener_is_away(desk):
    number = desk.refuse(new_order())
    desk.configure(free_port())
    assert isinstance(desk.say("resend", number, "--yes").exception, Unavailable)
    assert len(desk.listed()) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["show", "999"], NotFound),
        (["mend", "999", "--set", "ORC-1=NW"], NotFound),
        (["mend", "1"], BadInput),
        (["mend", "1", "--set", "ORC-1"], BadInput),
        (["mend", "1", "--set", "nonsense=1"], BadInput),
        (["mend", "1", "--set", "MSH-2=1"], BadInput),
        (["mend", "1", "--set", "PV2-1=1"], BadInput),
        (["mend", "1", "--set", "ORC-1=a|b"], BadInput),
        (["mend", "1", "--file", "/nonexistent"], NotFound),
        (["resend"], BadInput),
    ],
)
def test_what_cannot_be_done_is_said_in_words(desk, arguments, error):
    assert desk.refuse(new_order()) == "1"
    assert isinstance(desk.say(*arguments).exception, error)


def test_a_message_that_was_taken_is_not_mended(desk):
    desk.running.send(build_order(new_order()))
    assert isinstance(desk.say("show", "1").exception, Conflict)


def test_without_an_order_store_the_configuration_is_asked_for(tmp_path):
    config = tmp_path / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{tmp_path / "empty"}"\n[task_requester]\n', encoding="utf-8")
    answer = CliRunner().invoke(app, ["orders", "list", "--config", str(config)])
    assert isinstance(answer.exception, Unavailable)


SYSLOG = '[stepwell.syslog]\nhost = "127.0.0.1"\nport = 9\n'
DIALECT = """
[[dialect]]
sender = "RIS|STEPWELL-DEMO"
[[dialect.field]]
to = "IPC-1.1"
from = ["ORC-4"]
pattern = "ACC-(.*)"
"""


def elsewhere(order):
    """The order with its accession number where only this RIS puts it."""
    raw, accession = build_order(order), order.accession_number.encode()
    return raw.replace(b"IPC|" + accession, b"IPC|").replace(b"^RIS||SC", b"^RIS|ACC-" + accession + b"|SC")


@pytest.mark.requirement("HL7-080")
def test_the_listener_understands_the_dialect_of_a_sender_and_keeps_what_it_said(department, tmp_path):
    file = tmp_path / "dialects.toml"
    file.write_text(DIALECT, encoding="utf-8")
    running, order = department(dialects=file), new_order()
    message = elsewhere(order)
    assert running.send(message).code == "AA"
    assert running.state(order.accession_number) == "pending"
    assert quarantined_message(running.data_dir, 1) == message
    assert running.send(message).code == "AA"
    assert len(running.orders(order.accession_number)) == 1


@pytest.mark.requirement("HL7-080")
def test_a_dry_run_shows_what_would_be_taken_from_where_and_sends_nothing(desk, tmp_path):
    order, file, dialects = new_order(), tmp_path / "order.hl7", tmp_path / "dialects.toml"
    file.write_bytes(elsewhere(order))
    dialects.write_text(DIALECT, encoding="utf-8")
    said = desk.done("map", str(file), "--dialect", str(dialects))
    assert "ORC-4 -> IPC-1.1" in said
    assert order.patient_id not in said
    shown = json.loads(desk.done("map", str(file), "--dialect", str(dialects), "--json", "--with-patient"))
    assert shown["moved"] == [{"to": "IPC-1.1", "from": "ORC-4"}]
    found = {one["field"]: (one["value"], one["place"]) for one in shown["orders"][0]}
    assert found["accession number"] == (order.accession_number, "IPC-1.1")
    assert found["patient id"] == (order.patient_id, "PID-3.1")
    assert "none for this sender" in desk.done("map", str(file))
    assert desk.running.orders(order.accession_number) == []
