"""Answers (HL7 2.5.1 sections 2.9.2 and 2.15)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.hl7 import MessageFinding, MessageRefused, acknowledge, read

NOW = datetime(2027, 1, 4, 9, 30, tzinfo=UTC)
FINDING = MessageFinding("PID-3.1", "PID-3.1 is empty.", "HL7-014 (RAD-4)", "Send it.", 101)


def answer(text, code="AA", findings=()):
    return read(acknowledge(read(text.encode()), code, findings, control_id="9", now=NOW))


@pytest.mark.requirement("HL7-010")
def test_an_answer_goes_back_to_its_sender(omi):
    said = answer(omi)
    assert [said.get(f"MSH-{number}") for number in (3, 4, 5, 6)] == ["AITM", "AI", "RIS", "SITE1"]
    assert [said.get(f"MSH-9.{number}") for number in (1, 2, 3)] == ["ACK", "O23", "ACK"]
    assert (said.get("MSA-1"), said.get("MSA-2")) == ("AA", "R000002")
    assert (said.get("MSH-10"), said.get("MSH-11"), said.get("MSH-12")) == ("9", "P", "2.5.1")
    assert said.get("MSH-18") == "UNICODE UTF-8"


@pytest.mark.requirement("HL7-014", "HL7-015")
def test_from_2_5_on_an_error_says_where_it_is(omi):
    error = answer(omi, "AE", [FINDING]).segment("ERR")
    assert error.raw(2) == "PID^1^3^1^1"
    assert error.raw(3) == "101^Required field missing^HL70357"
    assert error.get(4) == "E"
    assert "HL7-014" in error.get(7)
    assert error.get(8).startswith("PID-3.1:")


@pytest.mark.requirement("HL7-015")
def test_before_2_5_the_text_stands_in_msa_3(orm):
    said = answer(orm, "AE", [FINDING])
    assert said.segment("ERR") is None
    assert said.get("MSA-3") == "PID-3.1 is empty."


@pytest.mark.requirement("HL7-009")
def test_what_cannot_be_read_is_answered_too():
    with pytest.raises(MessageRefused) as caught:
        read(b"\x00garbage")
    refusal = caught.value
    said = read(acknowledge(None, refusal.acknowledgment, refusal.message_findings, control_id="9", now=NOW))
    assert (said.get("MSA-1"), said.get("MSA-2"), said.get("ERR-3")) == ("AE", "", "100")


@pytest.mark.requirement("HL7-012")
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=30))
def test_no_control_character_of_the_message_gets_into_the_answer(control_id):
    text = f"MSH|^~\\&|A\x1cB|C\x0b|||2027||OMI^O23|{control_id}|P|2.5.1\rPID|||1\r"
    raw = acknowledge(read(text.encode()), "AE", [FINDING], control_id="9", now=NOW)
    assert not set(raw) & (set(range(32)) - {0x0D})


@pytest.mark.requirement("HL7-010")
@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|"), max_size=20))
def test_the_control_id_comes_back_byte_for_byte(control_id):
    text = f"MSH|^~\\&|A|B|||2027||OMI^O23|{control_id}|P|2.5.1\rPID|||1\r"
    raw = acknowledge(read(text.encode()), "AA", control_id="9", now=NOW)
    fields = raw.split(b"\r")[1].split(b"|")
    assert (fields[2].decode() if len(fields) > 2 else "") == control_id
