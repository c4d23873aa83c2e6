"""What holds for one sender and not for others (orders.md 7)."""

import re

import pytest
from pydantic import ValidationError

from actors.shared.mllp import BETWEEN_FRAMES, Frame
from actors.task_requester.replaying import reproject
from actors.task_requester.senders import sender_of
from actors.task_requester.settings import Settings
from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.dicom import text
from profiles.hl7 import read, with_derived_study
from profiles.hl7.values import EntityIdentifier, ImagingOrder
from tests.task_requester.workshop import Workshop

ORDER = new_order()
RIS = sender_of(build_order(ORDER))


@pytest.fixture
def make(tmp_path, worklist, images):
    made = []

    def shop(**settings):
        folder = tmp_path / str(len(made))
        made.append(Workshop(folder / "task_requester", folder, images, worklist, **settings))
        return made[-1]

    yield shop
    for one in made:
        one.database.close()


def answers(shop, raw):
    """MSA-1 of each answer, and the codes in ERR."""
    found = shop.intake.take(Frame(raw), "test")
    messages = [read(one) for one in found.split(BETWEEN_FRAMES)] if found else []
    return [one.get("MSA-1") for one in messages], [one.get(3) for one in messages[0].all("ERR")] if messages else []


def changed(raw, number, value):
    """A message with another field of MSH."""
    header, _, rest = raw.partition(b"\r")
    fields = header.split(b"|") + [b""] * 20
    fields[number - 1] = value
    return b"|".join(fields).rstrip(b"|") + b"\r" + rest


LATIN = "Müller".encode("latin-1")
NO_STUDY = build_order(ORDER).replace(ORDER.study_instance_uid.encode(), b"")
REFUSALS = [
    ("receivers", ("AI|HERE",), build_order(ORDER), "AR", "103"),
    ("versions", ("2.3.1",), build_order(ORDER), "AR", "203"),
    ("processing_ids", ("T",), build_order(ORDER), "AR", "202"),
    ("max_message_bytes", 1024, build_order(ORDER) + b"NTE|1||" + b"x" * 2048 + b"\r", "AE", "102"),
    ("default_charset", "ascii", changed(build_order(ORDER) + b"NTE|1||" + LATIN + b"\r", 18, b""), "AE", "102"),
    ("missing_study_uid", "refuse", NO_STUDY, "AE", "101"),
    ("unused_events", "refuse", changed(build_order(ORDER), 9, b"ADT^A03"), "AR", "201"),
]


@pytest.mark.requirement("HL7-080", "HL7-051", "HL7-013", "HL7-078")
@pytest.mark.parametrize(("name", "value", "raw", "code", "error"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_what_holds_for_one_sender_holds_for_no_other(make, name, value, raw, code, error):
    assert answers(make(senders={RIS: {name: value}}), raw) == ([code], [error])
    assert answers(make(senders={RIS: {}, "OTHER|SITE": {name: value}}), raw) == (["AA"], [])
    assert answers(make(senders={"*": {name: value}}), raw) == ([code], [error])
    assert answers(make(**{name: value}), raw) == ([code], [error])


@pytest.mark.requirement("HL7-080")
def test_a_sender_that_is_not_named_is_refused_unless_the_rest_is():
    raw = build_order(ORDER)
    assert Settings(senders=[RIS]).of(RIS) == Settings(senders=[RIS])
    assert Settings(senders={RIS: {"versions": ["2.3.1"]}}).model_dump()["senders"] == {RIS: {"versions": ("2.3.1",)}}
    assert sender_of(b"\r\nMSH$*~\\&$RIS*1$SITE*2$X\rORC$NW\r") == "RIS|SITE"
    assert [sender_of(raw[:7]), sender_of(b"PID|1"), sender_of(b"")] == [""] * 3


@pytest.mark.requirement("HL7-080")
@pytest.mark.parametrize(
    "values",
    [
        {"senders": ("RIS",)},
        {"senders": ("|SITE",)},
        {"senders": {"RIS|SITE": {"host": "127.0.0.1"}}},
        {"senders": {"RIS|SITE": {"default_charset": "klingon"}}},
        {"senders": {"RIS|SITE": {"acknowledgments": "never"}}},
        {"senders": {"RIS|SITE": {"receivers": ["AI"]}}},
        {"dialects": "/nonexistent.toml"},
    ],
    ids=str,
)
def test_a_wrong_sender_or_dialect_file_is_told_before_anything_starts(values):
    with pytest.raises(ValidationError):
        Settings(**values)


ENHANCED = [
    ("", "", ["AA"], ["AE"]),
    ("AL", "NE", ["CA"], ["CE"]),
    ("AL", "", ["CA"], ["CE"]),
    ("ER", "NE", [], ["CE"]),
    ("SU", "ER", ["CA"], ["AE"]),
    ("AL", "AL", ["CA", "AA"], ["CE", "AE"]),
    ("NE", "AL", ["AA"], ["AE"]),
    ("NE", "NE", [], []),
]


@pytest.mark.requirement("HL7-010", "HL7-080")
@pytest.mark.parametrize(("accept", "application", "taken", "refused"), ENHANCED)
def test_a_sender_in_the_enhanced_mode_gets_the_answers_that_it_asks_for(make, accept, application, taken, refused):
    shop = make(senders={RIS: {"acknowledgments": "enhanced"}})
    raw = changed(changed(build_order(ORDER), 15, accept.encode()), 16, application.encode())
    assert answers(shop, raw)[0] == taken
    assert answers(shop, raw)[0] == taken, "the same again for the same message"
    assert answers(shop, raw.replace(b"ORC|NW", b"ORC|??"))[0] == refused
    assert answers(make(), raw)[0] == ["AA"]


@pytest.mark.requirement("HL7-009", "HL7-080")
def test_two_answers_go_out_in_frames_of_their_own_and_none_leaves_the_connection_alive(department):
    running = department(senders={RIS: {"acknowledgments": "enhanced"}})
    raw = changed(changed(build_order(ORDER, control_id="C1"), 15, b"AL"), 16, b"AL")
    silent = changed(changed(build_order(new_order()), 15, b"NE"), 16, b"NE")
    from actors.shared.mllp import framed
    from actors.shared.mllp_client import MllpClient

    with MllpClient("127.0.0.1", running.settings.mllp_port) as client:
        client._socket.sendall(framed(silent) + framed(raw))
        found = b""
        while found.count(b"\x1c\r") < 2:
            found += client._socket.recv(65536)
    assert re.findall(rb"MSA\|(..)\|(\w+)", found) == [(b"CA", b"C1"), (b"AA", b"C1")]


@pytest.mark.requirement("HL7-051")
@pytest.mark.parametrize("policy", ["wait", "derive"])
def test_an_order_without_study_waits_for_images_of_its_accession_number_and_theirs_is_its_study(make, policy):
    shop = make(missing_study_uid=policy)
    shop.order = ORDER
    shop.take(NO_STUDY)
    waiting = shop.thread()
    assert (waiting["study_instance_uid"], waiting["state"]) == ("", "pending")
    assert waiting["derived_study_uid"].startswith("2.25.") is (policy == "derive")
    reproject(shop.database, shop.settings)
    assert shop.thread()["derived_study_uid"] == waiting["derived_study_uid"]
    shop.arrive(patient_id=ORDER.patient_id).work()
    found = shop.thread()
    assert (found["study_instance_uid"], found["derived_study_uid"]) == (ORDER.study_instance_uid, "")
    ((_, workitem),) = shop.worklist.open().items()
    assert text(workitem, "StudyInstanceUID") == ORDER.study_instance_uid


@pytest.mark.requirement("HL7-051")
def test_a_study_is_derived_from_the_requested_procedure_else_the_accession_number_of_its_sender():
    order = ImagingOrder(sender="RIS|A", requested_procedure_id="R1", accession=EntityIdentifier("A1"))
    derived = [
        with_derived_study(ImagingOrder(**values)).derived_study_uid
        for values in (
            {"sender": "RIS|A", "requested_procedure_id": "R1"},
            {"sender": "RIS|B", "requested_procedure_id": "R1"},
            {"sender": "RIS|A", "accession": EntityIdentifier("A1")},
        )
    ]
    assert with_derived_study(order).derived_study_uid == derived[0]
    assert len(set(derived)) == 3
    for nothing in ({}, {"study_instance_uid": "1.2", "requested_procedure_id": "R1"}):
        assert with_derived_study(ImagingOrder(**nothing)).derived_study_uid == ""


@pytest.mark.requirement("HL7-051", "HL7-077")
def test_an_order_that_was_taken_is_read_though_it_would_be_refused_today(make):
    shop = make()
    shop.order = ORDER
    shop.take(NO_STUDY)
    assert reproject(shop.database, Settings(missing_study_uid="refuse")) == 1
