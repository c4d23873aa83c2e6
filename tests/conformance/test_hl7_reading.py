"""What the judge reads of HL7: files of one or many messages, line ends, character sets, and anything else."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance import Severity, check
from conformance.hl7 import check_acknowledgement, check_files, check_message
from conformance.hl7.frames import frames
from conformance.hl7.message import read
from tests.conformance.hl7_good import ACK, ADMIT, CANCEL, GOOD, MERGE, OMI, ORM, RESULT
from tests.conformance.test_hl7_rules import ANSWERS, CHANGES, OCTETS, changed, dollars, framed

ALL = [text.encode() for text in GOOD.values()]
#: what stands in the good messages and is of a patient or could be
OF_PATIENTS = ("Muster", "Eva", "4711", "9001", "19610322", "ACC500", "cough", "Nodule")


def rules(findings):
    return sorted({found.rule for found in findings})


def only(raw):
    (frame,) = frames(raw)
    return read(frame)


@pytest.mark.requirement("HL7-021")
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("name", GOOD)
def test_line_ends_of_files_make_no_difference(name, end):
    text = GOOD[name].replace("\r", end)
    assert check_message(text.encode(), name) == []
    assert [one.fields for one in only(text.encode()).segments] == [
        one.fields for one in only(GOOD[name].encode()).segments
    ]


@pytest.mark.parametrize(
    "whole", [framed(*ALL), b"".join(ALL), b"\r\n".join(ALL)], ids=["framed", "bare", "blank-lines"]
)
def test_a_file_may_hold_many_messages(whole):
    assert len([frame for frame in frames(whole) if read(frame)]) == len(ALL)
    assert check_message(whole, "many") == []


def test_lines_of_the_batch_protocol_belong_to_no_message():
    whole = b"FHS|^~\\&|RIS\rBHS|^~\\&|RIS\r" + OMI.encode() + ORM.encode() + b"BTS|2\rFTS|1\r"
    assert check_message(whole, "batch") == []


def test_a_finding_in_one_of_many_messages_says_in_which():
    (found,) = check_message(framed(ORM.encode(), OMI.replace("ORC|NW|", "ORC|QQ|").encode()), "many")
    assert found.path == "message 2: ORC-1"


def test_a_finding_says_in_which_segment_field_and_component():
    (found,) = check_message(OMI.replace("SPS2^RIS|CT|", "SPS2^RIS|RAD|").encode(), "order")
    assert (found.path, found.severity) == ("IPC[2]-5", Severity.WARNING)
    (found,) = check_message(OMI.replace("4711^^^SITE1&1.2.826.0.1.99&ISO", "4711").encode(), "order")
    assert (found.path, found.severity) == ("PID-3.4", Severity.ERROR)


@pytest.mark.requirement("HL7-018")
def test_a_message_is_read_with_the_delimiters_that_it_declares():
    unusual = dollars(OMI)
    assert only(unusual.encode()).header.part(9, 2) == "O23"
    assert rules(check_message(unusual.encode(), "dollars")) == ["HL7-018-USUAL"]


@pytest.mark.requirement("HL7-016")
@pytest.mark.parametrize(
    ("declared", "codec", "name"),
    [
        ("8859/1", "latin-1", "Müller"),
        ("8859/15", "iso8859_15", "Œuvre"),
        ("8859/5", "iso8859_5", "Иванова"),
        ("UNICODE UTF-8", "utf-8", "山田"),
        ("GB 18030-2000", "gb18030", "王"),
        ("KS X 1001", "euc_kr", "김"),
        ("BIG-5", "big5", "陳"),
        ("ASCII", "ascii", "Muller"),
    ],
)
def test_names_in_the_declared_character_set_are_well(declared, codec, name):
    text = OMI.replace("UNICODE UTF-8", declared).replace("Muster", name)
    assert check_message(text.encode(codec), "name") == []
    assert only(text.encode(codec)).first("PID").part(5) == name


def test_a_folder_is_judged_file_by_file(tmp_path):
    (tmp_path / "good.hl7").write_bytes(framed(OMI.encode()))
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/bad.hl7").write_bytes(ADMIT.replace("PV1||O\r", "").encode())
    (tmp_path / "deeper/binary.hl7").write_bytes(bytes(range(256)))
    found = check("hl7", [tmp_path])
    assert {(one.file.rsplit("/", 1)[1], one.rule) for one in found} == {
        ("bad.hl7", "HL7-S2-SEQUENCE"),
        ("binary.hl7", "HL7-001"),
        ("binary.hl7", "HL7-004"),
        ("binary.hl7", "HL7-009"),
    }


def test_a_file_that_cannot_be_read_is_one_finding(tmp_path):
    loop = tmp_path / "loop.hl7"
    loop.symlink_to(loop)
    (found,) = check_files([loop])
    assert (found.rule, found.message) == ("HL7-009", "the file cannot be read (OSError)")


@pytest.mark.requirement("HL7-010")
@pytest.mark.parametrize(("sent", "answer"), [(OMI, GOOD["ACK"]), (OMI, GOOD["REFUSAL"]), (ORM, GOOD["OLD_REFUSAL"])])
def test_good_answers_break_no_rule(sent, answer):
    assert check_acknowledgement(framed(answer.encode()), framed(sent.encode()), "answer") == []


def test_an_answer_in_the_enhanced_mode_is_well_when_it_was_asked_for():
    asked = OMI.replace("|P|2.5.1||||||", "|P|2.5.1|||AL|NE||")
    assert check_acknowledgement(ACK.replace("MSA|AA|", "MSA|CA|").encode(), asked.encode(), "answer") == []


def test_an_answer_that_is_no_message_is_one_finding():
    assert rules(check_acknowledgement(b"OK", OMI.encode(), "answer")) == ["HL7-009"]
    assert rules(check_acknowledgement(ACK.encode(), b"nothing that could be answered", "answer")) == []


def test_nothing_of_a_patient_is_in_any_finding():
    broken = [changed(GOOD[kind], old, new).encode() for _, _, kind, old, new in CHANGES]
    broken += [content for _, content in OCTETS.values() if len(content) < 1_000_000]
    broken += [b"Muster, Eva 4711\r" + OMI.encode(), (OMI + "Muster|Eva|4711\rMUSTER\r").encode()]
    broken += [OMI.replace("|F\r", "|Muster\r").replace("|SC|", "|Eva|").replace("|P|", "|Nodule|").encode()]
    said = json.dumps([[one.path, one.message] for raw in broken for one in check_message(raw, "message")])
    assert len(said) > 1000
    assert not [word for word in OF_PATIENTS if word.lower() in said.lower()]


def test_nothing_of_a_message_is_in_a_finding_of_its_answer():
    for _, _, old, new in ANSWERS:
        answer = changed(ACK, old, new or "")
        said = json.dumps([one.message for one in check_acknowledgement(answer.encode(), OMI.encode(), "answer")])
        assert not [word for word in OF_PATIENTS if word in said]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(ALL),
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(b'\r\n\x0b\x1c|^~\\&#"0AZ\xff\x80\0 ')), max_size=12),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 60)), max_size=4),
)
def test_whatever_is_done_to_a_message_the_judge_answers(content, writes, cuts):
    raw = bytearray(content)
    for place, octet in writes:
        raw[place % len(raw)] = octet
    for place, length in cuts:
        del raw[place % max(1, len(raw)) : place % max(1, len(raw)) + length]
    findings = check_message(bytes(raw), "broken")
    findings += check_acknowledgement(bytes(raw), OMI.encode(), "broken")
    findings += check_acknowledgement(ACK.encode(), bytes(raw), "broken")
    assert "HARNESS" not in rules(findings)


@given(st.binary(max_size=300))
def test_any_octets_are_judged(raw):
    assert "HARNESS" not in rules(check_message(b"MSH|" + raw, "octets") + check_message(raw, "octets"))


@pytest.mark.requirement("HL7-006")
def test_a_long_message_is_judged_whole():
    observation = RESULT[RESULT.index("OBX|2") : RESULT.index("OBX|3")]
    many = "".join(observation.replace("1.1", f"1.{number}") for number in range(2, 4_000))
    text = RESULT.replace("OBX|3", many + "OBX|3")
    assert check_message(text.encode(), "long") == []


def test_a_merge_of_several_patients_is_judged_patient_by_patient():
    second = "PID|||5000^^^SITE1^PI||Other^Eva\rMRG|5000^^^SITE1^PI\r"
    (found,) = check_message((MERGE + second).encode(), "merge")
    assert (found.rule, found.path) == ("HL7-045", "MRG[2]-1")


def test_a_cancel_needs_no_details_of_the_order():
    assert check_message(CANCEL.encode(), "cancel") == []
