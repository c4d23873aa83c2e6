"""What senders put elsewhere is found by a file of dialects, which is judged as a whole before anything starts."""

import pytest

from profiles.errors import BadInput
from profiles.hl7 import orders_from, read
from profiles.hl7.dialect import translate
from profiles.hl7.dialect_file import dialect_of, load_dialects, translated
from profiles.hl7.provenance import origins


@pytest.fixture
def dialects(tmp_path):
    """Reads the text of a dialect file."""

    def make(text, sender="RIS|SITE1"):
        file = tmp_path / "dialects.toml"
        file.write_text(f"[[dialect]]\nsender = '{sender}'\n{text}", encoding="utf-8")
        return load_dialects(file)

    return make


def spoken(message, dialects):
    """The orders of a message, and what its dialect moved."""
    message = read(message.encode())
    message, taken = translate(message, dialect_of(message, dialects))
    return orders_from(message), [(one.source, one.to) for one in taken]


@pytest.mark.requirement("HL7-080")
def test_the_accession_number_is_taken_from_where_the_sender_puts_it(orm, dialects):
    file = dialects("[[dialect.field]]\nto = 'OBR-18'\nfrom = ['OBR-99', 'OBR-3.1']\n")
    (order,), taken = spoken(orm.replace("||ACC500|", "|||"), file)
    assert order.accession.value == "F200"
    assert taken == [("OBR-3.1", "OBR-18"), ("OBR[2]-3.1", "OBR[2]-18")]


@pytest.mark.requirement("HL7-080", "HL7-024")
def test_a_study_in_an_observation_gets_a_segment_where_it_belongs(orm, dialects):
    file = dialects("[[dialect.field]]\nto = 'ZDS-1.1'\nfrom = ['OBX-5']\nwhere = { 'OBX-3.1' = 'STUDYUID' }\n")
    observed = "OBX|1|ST|OTHER||9.9\rOBX|2|ST|STUDYUID||1.2.3\r"
    lines = [line for line in orm.split("\r") if line and not line.startswith("ZDS")]
    orders, taken = spoken("\r".join([*lines, observed]), file)
    assert taken == [("OBX[2]-5", "ZDS-1.1")]
    assert [(order.study_instance_uid, len(order.steps)) for order in orders] == [("1.2.3", 2)]


@pytest.mark.requirement("HL7-080", "HL7-057")
@pytest.mark.parametrize(("sent", "read_as"), [("EMERGENCY", "S"), ("WHENEVER", "R"), ("", "R")])
def test_the_codes_of_a_sender_become_those_of_the_tables(omi, dialects, sent, read_as):
    file = dialects(
        "[[dialect.field]]\nto = 'TQ1-9.1'\nfrom = ['TQ1-9.1']\ndefault = 'R'\n"
        "values = { EMERGENCY = 'S', '*' = 'R' }\n"
    )
    (order,), _ = spoken(omi.replace("S^STAT^HL70485", sent), file)
    assert order.priority == read_as


@pytest.mark.requirement("HL7-080")
@pytest.mark.parametrize(("sent", "accession"), [("SITE1-77", "77"), ("77", "ACC500")])
def test_a_part_of_a_value_is_taken_by_its_pattern(omi, dialects, sent, accession):
    file = dialects("[[dialect.field]]\nto = 'IPC-1.1'\nfrom = ['ORC-4']\npattern = 'SITE1-(\\d+)'\n")
    (order,), _ = spoken(omi.replace("F200^RIS||SC", f"F200^RIS|{sent}|SC"), file)
    assert order.accession.value == accession


@pytest.mark.requirement("HL7-080", "HL7-055")
def test_a_default_fills_only_what_the_sender_left_empty(omi, dialects):
    file = dialects("[[dialect.field]]\nto = 'IPC-1.2'\ndefault = 'HOUSE'\nkeep = true\n")
    assert spoken(omi, file)[1] == []
    (order,), _ = spoken(omi.replace("ACC500^RIS", "ACC500"), file)
    assert (order.accession.value, order.accession.namespace) == ("ACC500", "HOUSE")


@pytest.mark.requirement("HL7-080")
def test_a_value_from_the_patient_segment_reaches_every_order(omi, dialects):
    file = dialects("[[dialect.field]]\nto = 'ORC-21'\nfrom = ['PV1-3.4']\n")
    second = omi[omi.index("ORC|") :].replace("1.2.826.0.1.99.1", "1.2.826.0.1.99.2").replace("P100", "P101")
    orders, _ = spoken((omi + second).replace("PV1||O", "PV1||O|RAD^^^NORTH"), file)
    assert [order.requesting_service for order in orders] == ["NORTH", "NORTH"]


@pytest.mark.requirement("HL7-080", "HL7-016")
def test_values_keep_their_character_set_and_their_separators(orm, dialects):
    file = dialects("[[dialect.field]]\nto = 'OBR-13.1'\nfrom = ['PV1-8.2']\n")
    message = read(orm.replace("88^Ref^Rita", "88^M\xfc\\S\\ller^Rita").encode("latin-1"))
    changed, _ = translate(message, dialect_of(message, file))
    assert changed.codec == message.codec
    assert changed.get("OBR-13") == "M\xfc^ller"


@pytest.mark.requirement("HL7-080")
def test_a_sender_without_a_dialect_is_read_as_rad_4_has_it(omi, dialects):
    assert dialect_of(read(omi.encode()), dialects("", "OTHER|SITE")) is None
    assert dialect_of(read(omi.encode()), dialects("", "*")).sender == "*"


@pytest.mark.requirement("HL7-080")
def test_only_orders_are_translated(omi, dialects, tmp_path):
    dialects("[[dialect.field]]\nto = 'PID-3.1'\ndefault = 'X'\n")
    message = read(omi.replace("OMI^O23^OMI_O23", "ADT^A08").encode())
    assert translated(message, tmp_path / "dialects.toml") is message
    assert translated(message, None) is message


@pytest.mark.requirement("HL7-080")
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[dialect.field]]\nto = 'nonsense'\ndefault = 'x'\n", "no place in a message"),
        ("[[dialect.field]]\nto = 'MSH-10'\ndefault = 'x'\n", "no dialect changes it"),
        ("[[dialect.field]]\nto = 'OBR-18'\n", "'from', 'default'"),
        ("[[dialect.field]]\nto = 'OBR-18'\nfrom = ['OBR-3']\npattern = '('\n", "pattern"),
        ("[[dialect.field]]\nto = 'OBR-18'\nfrom = ['OBR-3']\nwhere = { 'OBX-3' = 'A' }\n", "'where'"),
        ("[[dialect.field]]\nto = 'OBR-18'\ndefault = 'x'\nelse = 'y'\n", "else"),
        ("missing_study_uid = 'wait'\n", "missing_study_uid"),
        ("[[dialect]]\nsender = 'RIS|SITE1'\n", "two dialects for one sender"),
        ("[[dialect]]\nsender = 'nobody'\n", "sender"),
        ("nonsense", "no TOML"),
    ],
)
def test_a_fault_of_the_file_is_named(dialects, text, named):
    with pytest.raises(BadInput, match=named):
        dialects(text)


@pytest.mark.requirement("HL7-080")
def test_all_faults_of_the_file_are_told_at_once(dialects):
    with pytest.raises(BadInput) as caught:
        dialects("[[dialect.field]]\nto = 'nonsense'\ndefault = 'x'\n[[dialect.field]]\nto = 'MSH-9'\ndefault = 'x'\n")
    assert len(caught.value.findings) == 2


@pytest.mark.requirement("HL7-080")
def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        load_dialects(tmp_path / "none.toml")


@pytest.mark.requirement("HL7-055", "HL7-057")
def test_each_value_of_an_order_has_its_place(orm, omi):
    for text, accession, study, priority in (
        (orm, "OBR-18.1", "ZDS-1.1", "ORC-7.6"),
        (omi, "IPC-1.1", "IPC-3.1", "TQ1-9.1"),
    ):
        message = read(text.encode())
        (order,) = orders_from(message)
        found = {one.field: one for one in origins(message, order)}
        assert (found["accession number"].place, found["accession number"].value) == (accession, "ACC500")
        assert (found["Study Instance UID"].place, found["priority"].place) == (study, priority)
        assert (found["patient id"].value, found["patient id"].is_of_patient) == ("4711", True)
        assert (found["admission id"].value == "") == (found["admission id"].place == "PV1-19.1 PID-18.1")
