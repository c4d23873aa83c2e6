"""Character sets (MSH-18, HL7 table 0211)."""

import pytest

from profiles.hl7 import MessageRefused, order_from, read

NAMES = {
    "8859/1": ("iso8859_1", "Müller^Jörg"),
    "8859/2": ("iso8859_2", "Wałęsa^Łucja"),
    "8859/5": ("iso8859_5", "Иванова^Анна"),
    "UNICODE UTF-8": ("utf_8", "山田^太郎"),
    "GB 18030-2000": ("gb18030", "王^小东"),
    "KS X 1001": ("euc_kr", "김^희중"),
    "utf8": ("utf_8", "Ångström^Åsa"),
}


@pytest.mark.requirement("HL7-016", "HL7-017")
@pytest.mark.parametrize(("declared", "codec", "name"), [(k, *v) for k, v in NAMES.items()])
def test_a_name_arrives_in_every_character_set(omi, declared, codec, name):
    text = omi.replace("UNICODE UTF-8", declared).replace("Muster^Eva^A", name)
    assert order_from(read(text.encode(codec))).patient.name == name


@pytest.mark.requirement("HL7-016")
def test_bytes_that_are_not_of_the_declared_set_are_refused(omi):
    with pytest.raises(MessageRefused) as caught:
        read(omi.replace("Muster", "Müller").encode("iso8859_1"))
    (finding,) = caught.value.message_findings
    assert (finding.code, finding.path, caught.value.acknowledgment) == (102, "MSH-18", "AE")


@pytest.mark.requirement("HL7-016")
def test_an_unknown_character_set_is_refused(omi):
    with pytest.raises(MessageRefused, match="EBCDIC"):
        read(omi.replace("UNICODE UTF-8", "EBCDIC").encode())


@pytest.mark.requirement("HL7-016")
@pytest.mark.parametrize("codec", ["utf_8", "cp1252"])
def test_an_undeclared_set_is_utf_8_or_else_the_default(omi, codec):
    text = omi.replace("UNICODE UTF-8", "").replace("Muster", "Müller")
    assert order_from(read(text.encode(codec))).patient.name == "Müller^Eva^A"
