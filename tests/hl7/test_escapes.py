"""HL7 escapes (HL7 2.5.1 section 2.7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.hl7 import Delimiters, escape, read, unescape

DELIMITERS = st.sampled_from([Delimiters(), Delimiters("$", "%", "@", "!", "?")])


@pytest.mark.requirement("HL7-019", "HL7-065")
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r")), DELIMITERS)
def test_what_is_escaped_is_read_back(text, delimiters):
    encoded = escape(text, delimiters)
    assert not set(encoded) & {delimiters.field, delimiters.component, delimiters.repetition, "\r", "\n"}
    assert unescape(encoded, delimiters) == text


@pytest.mark.requirement("HL7-019")
@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("6\\S\\4 mm", "6^4 mm"),
        ("a\\T\\b\\F\\c\\R\\d", "a&b|c~d"),
        ("C:\\E\\temp", "C:\\temp"),
        ("\\E\\R\\E\\", "\\R\\"),
        ("one\\.br\\two", "one\ntwo"),
        ("\\X4142\\", "AB"),
        ("\\XC3A4\\", "ä"),
        ("\\Zab\\", "\\Zab\\"),
        ("\\H\\bold\\N\\", "bold"),
        ("\\X4\\", "\\X4\\"),
        ("open \\S", "open \\S"),
        ("\\s\\", "\\s\\"),
        ("\\.sp2\\", "\n\n"),
    ],
)
def test_escapes_are_decoded_once_and_unknown_ones_stay(encoded, text):
    assert unescape(encoded) == text


@pytest.mark.requirement("HL7-019")
def test_an_escaped_delimiter_does_not_split_a_field():
    message = read(b"MSH|^~\\&|A|B\rPID|||1||Do\\S\\e\\T\\Co^Jane\r")
    assert message.get("PID-5.1") == "Do^e&Co"
    assert message.get("PID-5.2") == "Jane"


@pytest.mark.requirement("HL7-018")
def test_other_delimiters_than_the_usual_ones_work():
    message = read(b"MSH$%@!?$RIS$$$$20270101$$ORM%O01$1$P$2.3.1\rPID$$$4711%%%SITE?1.2?ISO@88\r")
    assert message.kind == ("ORM", "O01")
    assert message.get("PID-3") == "4711"
    assert message.get("PID-3.4.2") == "1.2"
    assert message.segment("PID").get(3, repetition=2) == "88"
