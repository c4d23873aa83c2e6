"""The workitem that a Task Requester makes (RAD-80; PS3.4 Table CC.2.5-3)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.aiwi import (
    InputInstance,
    InputSeries,
    InputStudy,
    Request,
    content_findings,
    explain,
    explain_priority,
    priority_of,
    workitem_for_order,
    workitem_uid,
)
from profiles.dicom import Code, get, get_code, item, items, put, remove, tag_of, text
from profiles.hl7 import EntityIdentifier, ImagingOrder, Patient, Person
from profiles.tables import read_table

NOW = datetime(2027, 1, 4, 9, 30, tzinfo=UTC)
MR = "1.2.840.10008.5.1.4.1.1.4"
ORDER = ImagingOrder(
    placer=EntityIdentifier("P100", "EHR"),
    filler=EntityIdentifier("F200", "RIS", "1.2.3", "ISO"),
    accession=EntityIdentifier("ACC500", "RIS"),
    requested_procedure_id="RP600",
    study_instance_uid="1.2.9",
    patient=Patient(EntityIdentifier("4711", "SITE1", "1.2.99", "ISO"), name="Muster^Eva", birth_date="19610322"),
    procedure=Code("MRHEAD", "L", "MR head"),
    priority="S",
    reason="headache",
    requesting_physician=Person("Ord^Otto"),
)
STUDY = InputStudy(
    "1.2.9",
    (
        InputSeries("1.2.9.1", (InputInstance(MR, "1.2.9.1.1"), InputInstance(MR, "1.2.9.1.2"))),
        InputSeries("1.2.9.2", (InputInstance(MR, "1.2.9.2.1"),)),
    ),
)
REQUEST = Request(Code("BRAINSEG", "99STEPWELL", "Brain extraction"), "Brain extraction")


def workitem(order=ORDER, study=STUDY, request=REQUEST):
    return workitem_for_order(
        order, study, request, archive_url="http://a/dicom-web/", destination_url="http://a/dicom-web/studies", now=NOW
    )


@pytest.mark.requirement("AIWI-TR-002", "HL7-028")
def test_every_rule_for_content_is_kept_with_a_full_order():
    assert content_findings(workitem()) == []


@pytest.mark.requirement("AIWI-TR-002")
def test_every_rule_for_content_is_kept_with_the_barest_order():
    bare = ImagingOrder(accession=EntityIdentifier("A1"))
    assert content_findings(workitem(order=bare)) == []


@pytest.mark.requirement("AIWI-TR-003")
def test_exactly_one_code_selects_the_algorithm_and_no_station_is_named():
    made = workitem()
    assert get_code(made, "ScheduledWorkitemCodeSequence").same_as(REQUEST.workitem_code)
    assert items(made, "ScheduledStationNameCodeSequence") == []


@pytest.mark.requirement("AIWI-TR-004")
def test_the_input_is_grouped_by_series_with_a_url_each():
    first, second = items(workitem(), "InputInformationSequence")
    assert text(item(first, "WADORSRetrievalSequence"), "RetrieveURL") == (
        "http://a/dicom-web/studies/1.2.9/series/1.2.9.1"
    )
    assert [text(one, "ReferencedSOPInstanceUID") for one in items(first, "ReferencedSOPSequence")] == [
        "1.2.9.1.1",
        "1.2.9.1.2",
    ]
    assert text(second, "SeriesInstanceUID") == "1.2.9.2"
    assert text(second, "TypeOfInstances") == "DICOM"


@pytest.mark.requirement("AIWI-TR-005")
def test_identity_is_that_of_the_images_and_else_that_of_the_order():
    images = put(put({}, "PatientName", "MUSTER^EVA"), "PatientSex", "F")
    made = workitem(study=replace(STUDY, identity=images))
    assert text(made, "PatientName") == "MUSTER^EVA"
    assert text(made, "PatientSex") == "F"
    assert text(made, "PatientID") == "4711"
    assert text(made, "PatientBirthDate") == "19610322"
    assert text(item(made, "IssuerOfPatientIDQualifiersSequence"), "UniversalEntityID") == "1.2.99"


@pytest.mark.requirement("AIWI-TR-005", "HL7-055")
def test_the_referenced_request_carries_the_order():
    request = item(workitem(), "ReferencedRequestSequence")
    assert text(request, "AccessionNumber") == "ACC500"
    assert text(request, "RequestedProcedureID") == "RP600"
    assert text(request, "PlacerOrderNumberImagingServiceRequest") == "P100"
    assert text(item(request, "OrderFillerIdentifierSequence"), "UniversalEntityIDType") == "ISO"
    assert text(item(request, "IssuerOfAccessionNumberSequence"), "LocalNamespaceEntityID") == "RIS"
    assert get_code(request, "RequestedProcedureCodeSequence").value == "MRHEAD"


@pytest.mark.requirement("HL7-052")
def test_an_accession_number_that_is_too_long_is_left_out_and_never_cut():
    request = item(workitem(order=replace(ORDER, accession=EntityIdentifier("A" * 17))), "ReferencedRequestSequence")
    assert tag_of("AccessionNumber") in request
    assert text(request, "AccessionNumber") == ""


@pytest.mark.requirement("AIWI-TR-006", "HL7-057")
@pytest.mark.parametrize(
    ("ordered", "priority"),
    [
        ("S", "HIGH"),
        ("stat", "HIGH"),
        ("A", "HIGH"),
        ("P", "HIGH"),
        ("C", "HIGH"),
        ("T", "MEDIUM"),
        ("PRN", "LOW"),
        ("R", "LOW"),
        ("", "LOW"),
        ("whatever", "LOW"),
    ],
)
def test_the_priority_of_the_order_decides_and_else_that_of_the_rule(ordered, priority):
    assert priority_of(ordered, "LOW") == priority
    assert explain_priority(ordered, "LOW").startswith(f"priority {priority}: ")


@pytest.mark.requirement("AIWI-TR-009")
def test_a_workitem_is_ready_as_it_is_made_when_the_images_are_complete():
    assert text(workitem(), "InputReadinessState") == "READY"


@pytest.mark.requirement("AIWI-TR-010")
def test_the_output_destination_is_where_results_are_stored():
    storage = item(item(workitem(), "OutputDestinationSequence"), "STOWRSStorageSequence")
    assert text(storage, "StorageURL") == "http://a/dicom-web/studies"


def test_parameters_are_text_items():
    made = workitem(request=replace(REQUEST, parameters={Code("threshold", "L", "threshold"): "0.5"}))
    parameter = item(made, "ScheduledProcessingParametersSequence")
    assert (text(parameter, "ValueType"), text(parameter, "TextValue")) == ("TEXT", "0.5")


@pytest.mark.requirement("AIWI-TR-001", "AIWI-TR-013", "HL7-028")
def test_the_uid_follows_from_order_study_rule_and_revision():
    uid = workitem_uid("filler:F1", "1.2", "rule")
    assert uid == workitem_uid("filler:F1", "1.2", "rule", 1)
    others = [("filler:F2", "1.2", "rule"), ("filler:F1", "1.3", "rule"), ("filler:F1", "1.2", "other")]
    assert len({uid, *(workitem_uid(*other) for other in others), workitem_uid("filler:F1", "1.2", "rule", 2)}) == 5
    assert uid.startswith("2.25.")
    assert len(uid) <= 64


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_of_an_order_breaks_the_form_of_an_attribute(meaning, reason):
    made = workitem(order=replace(ORDER, procedure=Code("X", "L", meaning), reason=reason))
    request = item(made, "ReferencedRequestSequence")
    for keyword in ("RequestedProcedureDescription", "ReasonForTheRequestedProcedure"):
        value = text(request, keyword)
        assert len(value) <= 64
        assert not set(value) & set("\\\r\n\t")


def test_each_broken_rule_is_found_and_explained():
    made = workitem()
    remove(made, "ScheduledWorkitemCodeSequence")
    put(made, "TransactionUID", "1.2")
    remove(made, "AdmissionID")
    found = {finding.path: finding for finding in content_findings(made)}
    assert set(found) == {"ScheduledWorkitemCodeSequence", "TransactionUID", "AdmissionID"}
    assert all("AIWI-" in finding.rule and finding.remedy for finding in found.values())
    lines = explain(made)
    assert len(lines) == len(read_table("profiles.aiwi", "content"))
    assert sum("broken" in line for line in lines) == 3


def test_the_ids_of_the_profile_are_unique_and_each_has_a_status():
    rows = read_table("profiles.aiwi", "requirements")
    assert len({row["id"] for row in rows}) == len(rows) > 100
    assert all(row["rule"] and row["source"] and row["status"] in {"built", "planned"} for row in rows)
    assert get(workitem(), "ProcedureStepState") == "SCHEDULED"
