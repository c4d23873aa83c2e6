"""What orders say (IHE RAD TF-2 RAD-4 and RAD-13)."""

from datetime import UTC, datetime

import pytest

from profiles.dicom import Code
from profiles.hl7 import (
    MessageRefused,
    order_action,
    order_from,
    orders_from,
    parse_timestamp,
    read,
    require_acceptable,
    require_complete,
)


def take(message):
    """What a receiver does with an order message."""
    require_acceptable(message)
    orders = orders_from(message)
    require_complete(message, orders)
    return orders


def refused(text, code, path):
    """The message is refused with a code of table 0357 at a field."""
    with pytest.raises(MessageRefused) as caught:
        take(read(text.encode()))
    findings = caught.value.message_findings
    assert (code, path) in [(finding.code, finding.path) for finding in findings], findings
    assert all(finding.remedy and "HL7-" in finding.rule for finding in findings)
    return caught.value


@pytest.mark.requirement("HL7-024", "HL7-025")
def test_an_orm_with_two_pairs_and_one_zds_is_one_order_with_two_steps(orm):
    (order,) = orders_from(read(orm.encode()))
    assert order.study_instance_uid == "1.2.826.0.1.99.1"
    assert [step.identifier for step in order.steps] == ["SPS1", "SPS2"]
    assert [step.modality for step in order.steps] == ["CT", "CT"]
    assert order.steps[1].protocol == Code("PHR", "LP", "High res")
    assert (order.accession.value, order.requested_procedure_id) == ("ACC500", "RP600")
    assert order.priority == "S"
    assert order.admission.value == "V123"
    assert order.referring_physician.name == "Ref^Rita"


def test_an_omi_gives_its_identifiers_with_their_issuers(omi):
    order = order_from(read(omi.encode()))
    assert (order.accession.value, order.accession.namespace) == ("ACC500", "RIS")
    assert (order.placer.namespace, order.filler.value) == ("EHR", "F200")
    assert order.patient.identifier.universal_id == "1.2.826.0.1.99"
    assert order.patient.cx == "4711^^^SITE1&1.2.826.0.1.99&ISO"
    assert order.procedure == Code("MRHEAD", "L", "MR head")
    assert order.key == "filler:F200^RIS"


@pytest.mark.requirement("HL7-026")
def test_order_groups_with_different_studies_are_different_orders(omi):
    second = omi[omi.index("ORC|") :].replace("1.2.826.0.1.99.1^", "1.2.826.0.1.99.2^").replace("ACC500", "ACC501")
    orders = orders_from(read((omi + second).encode()))
    assert [order.study_instance_uid for order in orders] == ["1.2.826.0.1.99.1", "1.2.826.0.1.99.2"]
    assert [order.accession.value for order in orders] == ["ACC500", "ACC501"]


@pytest.mark.requirement("HL7-027")
def test_an_order_with_two_study_uids_is_refused(omi):
    refused(omi.replace("1.2.826.0.1.99.1^RIS|SPS2", "1.2.826.0.1.99.2^RIS|SPS2"), 100, "IPC-3")


@pytest.mark.requirement("HL7-024")
def test_a_zds_that_covers_two_accession_numbers_is_refused(orm):
    refused(orm.replace("ACC500|RP600|SPS2", "ACC501|RP600|SPS2"), 100, "OBR-18")


@pytest.mark.requirement("HL7-054")
def test_suffix_and_prefix_change_places_in_the_name(omi):
    order = order_from(read(omi.replace("Muster^Eva^A", "Doe^Jane^M^Jr^Dr").encode()))
    assert order.patient.name == "Doe^Jane^M^Dr^Jr"


@pytest.mark.requirement("HL7-079")
@pytest.mark.parametrize("birth", ["99991111", "18001231", "20990101", "1961", "soon"])
def test_an_implausible_birth_date_is_stored_empty(omi, birth):
    message = read(omi.replace("19610322", birth).encode())
    assert orders_from(message, datetime(2027, 1, 4, tzinfo=UTC))[0].patient.birth_date == ""


def test_a_cancellation_needs_neither_patient_nor_request(cancel):
    message = read(cancel.encode())
    orders = orders_from(message)
    require_complete(message, orders)
    assert orders[0].cancel_reason == "Doctor canceled procedure"
    assert orders[0].filler.value == "F200"


@pytest.mark.requirement("HL7-014")
@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("4711^^^SITE1&1.2.826.0.1.99&ISO^PI", ""), "PID-3.1"),
        (("ORC|NW|", "ORC||"), "ORC-1"),
        (("PID|", "NTE|"), "PID-3.1"),
    ],
)
def test_a_missing_field_is_named_with_its_segment(omi, change, path):
    refused(omi.replace(*change), 101, path)


@pytest.mark.requirement("HL7-014")
def test_an_order_that_nothing_names_is_refused():
    text = "MSH|^~\\&|A|B|||2027||OMI^O23|1|P|2.5.1\rPID|||1\rORC|NW\rOBR|1\r"
    refused(text, 101, "ORC-2")


@pytest.mark.requirement("HL7-014")
def test_a_new_order_without_study_and_accession_number_is_refused():
    text = "MSH|^~\\&|A|B|||2027||OMI^O23|1|P|2.5.1\rPID|||1\rORC|NW|P1\rOBR|1\r"
    refused(text, 101, "OBR-18")


@pytest.mark.requirement("HL7-042")
def test_an_unknown_order_control_code_is_refused(omi):
    refused(omi.replace("ORC|NW", "ORC|QQ"), 103, "ORC-1")


@pytest.mark.requirement("HL7-042")
def test_a_status_change_without_status_is_refused(omi):
    refused(omi.replace("ORC|NW|P100^EHR|F200^RIS||SC", "ORC|SC|P100^EHR|F200^RIS||"), 101, "ORC-5")


@pytest.mark.requirement("HL7-013")
@pytest.mark.parametrize(
    ("change", "code", "path", "answer"),
    [
        (("OMI^O23^OMI_O23", "QRY^A19"), 200, "MSH-9.1", "AR"),
        (("OMI^O23^OMI_O23", "ADT^A99"), 201, "MSH-9.2", "AR"),
        (("|P|2.5.1", "|X|2.5.1"), 202, "MSH-11", "AR"),
        (("|P|2.5.1", "|P|3.0"), 203, "MSH-12", "AR"),
    ],
)
def test_what_is_not_received_here_is_refused_with_its_code(omi, change, code, path, answer):
    assert refused(omi.replace(*change), code, path).acknowledgment == answer


@pytest.mark.requirement("HL7-022")
def test_the_structure_component_of_msh_9_is_not_needed(omi):
    message = read(omi.replace("OMI^O23^OMI_O23", "OMI^O23").encode())
    require_acceptable(message)
    require_complete(message, orders_from(message))


@pytest.mark.requirement("HL7-023")
def test_unknown_segments_and_further_fields_change_nothing(omi):
    more = omi.replace("PV1||O", "ZXX|what^ever\rPV1||O" + "|" * 80 + "x")
    assert order_from(read(more.encode())) == order_from(read(omi.encode()))
    assert "ZXX|what^ever" in read(more.encode()).text


@pytest.mark.requirement("HL7-021")
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r\r", "\r\n\r\n"])
def test_all_line_ends_read_the_same(omi, ending):
    assert order_from(read(omi.replace("\r", ending).encode())) == order_from(read(omi.encode()))


@pytest.mark.requirement("HL7-036", "HL7-038", "HL7-039")
@pytest.mark.parametrize(
    ("control", "status", "action"),
    [
        ("NW", "SC", "create"),
        ("NW", "", "create"),
        ("NW", "CA", "cancel"),
        ("CA", "SC", "cancel"),
        ("DC", "", "cancel"),
        ("SC", "CM", "status"),
        ("SC", "HD", "hold"),
        ("SC", "DC", "cancel"),
        ("RL", "SC", "release"),
        ("XO", "CM", "update"),
        ("SN", "", "note"),
        ("ZZ", "SC", None),
        ("SC", "ZZ", None),
    ],
)
def test_order_control_and_status_decide_what_happens(control, status, action):
    assert order_action(control, status) == action


@pytest.mark.requirement("HL7-056")
@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("20270104", datetime(2027, 1, 4, tzinfo=UTC)),
        ("202701040930+0100", datetime(2027, 1, 4, 8, 30, tzinfo=UTC)),
        ("20270104093000.1234-0500", datetime(2027, 1, 4, 14, 30, 0, 123400, tzinfo=UTC)),
        ("2027", datetime(2027, 1, 1, tzinfo=UTC)),
        ("20271304", None),
        ("1970-01-01", None),
        ("", None),
    ],
)
def test_timestamps_of_every_precision(value, moment):
    assert parse_timestamp(value) == moment
