"""Whatever an order says, its workitem meets N-CREATE, so that no Task Manager may refuse it (PS3.4 Table CC.2.5-3)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.aiwi import InputInstance, InputSeries, InputStudy, Request, workitem_for_order
from profiles.dicom import Code, item, items, text
from profiles.hl7 import EntityIdentifier, ImagingOrder, Patient
from profiles.ups import validate_create

NOW = datetime(2027, 1, 4, 9, 30, tzinfo=UTC)
STUDY = InputStudy("1.2.9", (InputSeries("1.2.9.1", (InputInstance("1.2.840.10008.5.1.4.1.1.4", "1.2.9.1.1"),)),))
REQUEST = Request(Code("BRAINSEG", "99STEPWELL", "Brain extraction"), "Brain extraction")
ORDER = ImagingOrder(accession=EntityIdentifier("A1"), patient=Patient(EntityIdentifier("4711", "SITE1")))

kinds = st.sampled_from(["", "ISO", "DNS", "GUID", "UUID", "x400", "L", "M", "HCD", "Random"])
identifiers = st.builds(
    EntityIdentifier,
    st.sampled_from(["", "4711", "Ä-1"]),
    st.sampled_from(["", "RIS", "Städtisch"]),
    st.sampled_from(["", "1.2.3"]),
    kinds,
)


def workitem(order):
    return workitem_for_order(
        order, STUDY, REQUEST, archive_url="http://a/dicom-web", destination_url="http://a/dicom-web/studies", now=NOW
    )


@given(st.lists(identifiers, min_size=5, max_size=5), st.lists(identifiers.filter(bool), max_size=2))
@pytest.mark.requirement("AIWI-TR-002", "UPS-1784", "UPS-1945", "UPS-3848")
def test_no_way_to_name_assigners_makes_a_workitem_that_is_refused(five, others):
    accession, placer, filler, admission, patient = five
    named = Patient(patient, name="Müller^Eva", other_identifiers=tuple(others))
    order = replace(ORDER, accession=accession, placer=placer, filler=filler, admission=admission, patient=named)
    assert [str(finding) for finding in validate_create(workitem(order))] == []


@pytest.mark.requirement("AIWI-TR-002", "UPS-3848")
def test_a_kind_of_identifier_that_dicom_has_under_another_name_is_told_by_that_name():
    order = replace(ORDER, filler=EntityIdentifier("F1", "", "9a-b", "GUID"))
    issuer = item(item(workitem(order), "ReferencedRequestSequence"), "OrderFillerIdentifierSequence")
    assert text(issuer, "UniversalEntityIDType") == "UUID"


@pytest.mark.requirement("AIWI-TR-002", "UPS-3848")
def test_an_assigner_of_a_kind_that_dicom_does_not_have_is_left_out():
    order = replace(ORDER, filler=EntityIdentifier("F1", "", "9a-b", "HCD"))
    assert items(item(workitem(order), "ReferencedRequestSequence"), "OrderFillerIdentifierSequence") == []
