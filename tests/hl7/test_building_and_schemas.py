"""What we send, built by hl7apy, and read back by python-hl7 (design decision D11)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectathon.fiction import DemoOrder, new_order
from connectathon.ris import build_order
from profiles.errors import BadInput
from profiles.hl7 import orders_from, read, require_acceptable, require_complete
from profiles.hl7.building import SegmentContent, build, components, subcomponents
from profiles.hl7.validation import schema_findings

NOW = datetime(2027, 1, 4, 9, 30, tzinfo=UTC)
TEXT = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_categories=["Cc"]), min_size=1)


@pytest.mark.parametrize("kind", ["OMI^O23", "ORM^O01"])
def test_the_simulated_ris_sends_what_the_receiver_needs(kind):
    ordered = new_order()
    message = read(build_order(ordered, kind, priority="S", now=NOW))
    require_acceptable(message)
    orders = orders_from(message)
    require_complete(message, orders)
    (order,) = orders
    assert order.study_instance_uid == ordered.study_instance_uid
    assert order.accession.value == ordered.accession_number
    assert (order.placer.value, order.filler.value) == (ordered.placer_order_number, ordered.filler_order_number)
    assert order.requested_procedure_id == ordered.requested_procedure_id
    assert order.patient.name == ordered.patient_name
    assert order.patient.identifier.namespace == ordered.issuer
    assert order.priority == "S"
    assert order.procedure.meaning == ordered.procedure_description
    assert [step.modality for step in order.steps] == ["MR"]


@pytest.mark.requirement("HL7-065")
@given(TEXT, TEXT)
def test_any_text_survives_building_and_reading(family, description):
    order = DemoOrder(patient_name="A^B", procedure_description=description, placer_order_number=family)
    found = orders_from(read(build_order(order, now=NOW)))[0]
    assert found.procedure.meaning == (description.strip() or found.procedure.value)
    assert found.placer.value == family.strip()


def test_another_kind_of_message_is_refused_with_a_choice():
    with pytest.raises(BadInput, match="ORM"):
        build_order(new_order(), "ADT^A08")


def test_parts_of_fields_are_escaped():
    assert components("a^b", "", "c&d") == "a\\S\\b^^c\\T\\d"
    assert subcomponents("a", "b&c", "") == "a&b\\T\\c"


def test_segments_stand_where_the_structure_has_them():
    made = build("OMI_O23", "2.5.1", [SegmentContent("MSH", {9: "OMI^O23"}), SegmentContent("ORC", {1: "NW"})])
    assert made.split(b"\r")[1] == b"ORC|NW"


@pytest.mark.requirement("HL7-023")
def test_the_schema_of_our_own_orders_is_kept():
    order = new_order()
    assert schema_findings(read(build_order(order, now=NOW))) == []


@pytest.mark.requirement("HL7-023")
def test_a_deviation_from_the_schema_is_a_warning(omi):
    findings = schema_findings(read(omi.replace("PID|||4711", "PID|||").encode()))
    assert all(finding.severity == "W" for finding in findings)
    missing = schema_findings(read(omi[: omi.index("IPC|")].encode()))
    assert any("IPC" in finding.message for finding in missing)
