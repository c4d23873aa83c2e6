"""OMI^O23 XO that raises a priority (RAD-13; aiw-i.md 6.7)."""

from datetime import UTC, datetime

import pytest

from conformance.hl7 import check_message
from profiles.hl7 import EntityIdentifier, ImagingOrder, Patient, orders_from, read
from profiles.hl7.raising import priority_raise
from profiles.hl7.results import Parties

PARTIES = Parties("AITM", "AI", "RIS", "SITE1", assigning_authority="HOSP")
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.requirement("HL7-055")
def test_the_order_comes_back_as_it_was_but_urgent(omi):
    (order,) = orders_from(read(omi.encode()))
    made = priority_raise(order, parties=PARTIES, control_id="ID1", sent=NOW)
    assert check_message(made, "order") == []
    (again,) = orders_from(read(made))
    assert (again.control, again.priority) == ("XO", "S")
    for name in ("placer", "filler", "accession", "study_instance_uid", "requested_procedure_id", "procedure"):
        assert getattr(again, name) == getattr(order, name), name
    assert again.patient.identifier == order.patient.identifier
    assert again.patient.name == order.patient.name


@pytest.mark.requirement("HL7-055")
def test_an_order_that_says_little_is_raised_under_the_authority_of_the_sender():
    order = ImagingOrder(accession=EntityIdentifier("A1"), patient=Patient(EntityIdentifier("4711"), name="Muster^Eva"))
    message = read(priority_raise(order, parties=PARTIES, control_id="ID1", sent=NOW))
    assert (message.get("PID-3"), message.get("PID-3.4"), message.get("PID-3.5")) == ("4711", "HOSP", "PI")
    assert (message.get("IPC-1"), message.get("IPC-5"), message.get("OBR-4")) == ("A1", "", "")
    assert message.get("PV1-2") == "U"
