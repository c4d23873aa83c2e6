"""Audit messages as AuditEvents of FHIR R4, and back, row by row of the mapping."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from hypothesis import given
from hypothesis import strategies as st

from conformance.fhir import check_resource
from profiles.errors import BadInput
from profiles.fhir.audit import audit_event
from profiles.fhir.audit_message import audit_message_of, require_audit_event, syslog_message_of
from profiles.fhir.audit_table import element_rows, scheme_of_system, system_of_scheme
from profiles.sole import OperationalEvent, Outcome, Source, Thread, encode, encode_audit, parse, steps
from profiles.sole.audit import audit_rows
from profiles.sole.event import SecurityEvent
from profiles.sole.syslog import parse_syslog

GOLDEN = Path(__file__).with_name("golden")
RECEIVED = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
HEADER = parse_syslog(b"<84>1 2026-03-02T08:14:07.311Z ris.example.org IHE+SOLE 2231 RID45924 - x")
SOURCE = Source("task_performer", "ai1.example.org", "77", "Klinik Süd", "2c5e")


def golden(name):
    return (GOLDEN / f"{name}.xml").read_bytes(), json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def at(data, path):
    found = [data]
    for name in path.split("."):
        inside = [one[name] for one in found if name in one]
        found = [part for one in inside for part in (one if isinstance(one, list) else [one])]
    return found


@pytest.mark.requirement("SOLE-065")
@pytest.mark.parametrize(("name", "header"), [("everything", HEADER), ("another_dialect", None)])
def test_a_message_is_told_as_the_mapping_says(name, header):
    document, wanted = golden(name)
    assert audit_event(document, RECEIVED, header=header) == wanted


@pytest.mark.requirement("SOLE-065")
def test_the_golden_message_has_every_row_of_the_mapping():
    event = golden("everything")[1]
    parts = {"event": [event], "agent": event["agent"], "source": [event["source"]], "entity": event["entity"]}
    for place, told in parts.items():
        for row in element_rows(place):
            assert any(at(one, row.paths[0]) for one in told), row


@pytest.mark.requirement("SOLE-064")
@pytest.mark.parametrize("name", ["everything", "another_dialect"])
def test_even_of_another_dialect_the_resource_is_valid(name):
    event = golden(name)[1]
    AuditEvent.model_validate(event)
    assert {"type", "recorded", "agent", "source"} <= event.keys()
    assert [one for one in check_resource(event, name, "R4") if one.severity == "error"] == []


def every_message():
    thread = Thread("MRN1^^^&1.2.3&ISO", "A-1", "P-1", "F-1", "2.25.7", "2.25.8")
    for step in steps():
        for outcome in (Outcome.SUCCESS, Outcome.SERIOUS_FAILURE):
            yield encode(OperationalEvent(step, RECEIVED, thread, outcome, performer="AI1", description="x"), SOURCE)
    for kind in audit_rows():
        yield encode_audit(SecurityEvent(kind, RECEIVED, caller="a", address="10.0.0.1", query="date=1"), SOURCE)


@pytest.mark.requirement("SOLE-064", "SOLE-065")
def test_every_message_of_ours_comes_back_with_all_that_it_says():
    for document in every_message():
        event = audit_event(document, RECEIVED)
        assert check_resource(event, "", "R4") == []
        back = audit_message_of(require_audit_event(event))
        assert parse(back) == parse(document)
        assert audit_event(back, RECEIVED) == event


@pytest.mark.requirement("SOLE-065")
def test_the_golden_message_comes_back_whole_and_with_its_header():
    document, event = golden("everything")
    message = parse_syslog(syslog_message_of(event))
    assert parse(message.content) == parse(document)
    assert audit_event(message.content, RECEIVED, header=HEADER) == event
    assert (message.pri, message.hostname, message.application) == (84, "ris.example.org", "IHE+SOLE")
    assert (message.process, message.message_id) == ("2231", "RID45924")


def test_a_message_in_utf_8_may_begin_with_a_byte_order_mark():
    document, _ = golden("another_dialect")
    assert audit_event(b"\xef\xbb\xbf" + document, RECEIVED) == audit_event(document, RECEIVED)


MINIMAL = {
    "resourceType": "AuditEvent",
    "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
    "recorded": "2026-03-02T09:14:07+01:00",
    "agent": [{"who": {"reference": "Practitioner/1"}, "requestor": True}],
    "source": {"observer": {"display": "an archive"}},
    "entity": [{"query": "UmVxdWVzdA=="}, {"what": {"reference": "Patient/1"}, "role": {"code": "1"}}],
}


def test_an_audit_event_of_another_vendor_becomes_a_message_of_another_family():
    message = parse_syslog(syslog_message_of(require_audit_event(MINIMAL)))
    assert (message.application, message.message_id, message.hostname) == ("FHIR", "IHE+RFC-3881", "anarchive")
    assert message.timestamp == "2026-03-02T08:14:07.000000Z"
    event = parse(message.content)
    assert (event.at, event.actor) == (datetime(2026, 3, 2, 8, 14, 7, tzinfo=UTC), "Practitioner/1")
    assert (event.identification.code, event.outcome) == ("rest", None)
    assert event.thread.patient_id == "Patient/1"


def test_a_header_that_is_none_is_made_anew():
    event = copy.deepcopy(golden("everything")[1])
    for part, value in zip(
        event["extension"][0]["extension"], ["9999", "1", "never", "a b", "x", "y", "z"], strict=True
    ):
        part["valueString"] = value
    message = parse_syslog(syslog_message_of(event))
    assert (message.pri, message.hostname, message.timestamp) == (84, "ab", "2026-03-02T08:14:07.250000Z")


BROKEN = {
    "nothing": None,
    "an array": [],
    "a patient": {"resourceType": "Patient"},
    "an empty one": {"resourceType": "AuditEvent"},
    "no time": {**MINIMAL, "recorded": "yesterday"},
    "nobody": {**MINIMAL, "agent": []},
    "a doubt": {**MINIMAL, "agent": [{"requestor": "perhaps"}]},
    "an unknown element": {**MINIMAL, "colour": "red"},
    "no observer": {**MINIMAL, "source": {}},
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_audit_event_is_refused_without_its_values(name):
    with pytest.raises(BadInput) as refused:
        require_audit_event(BROKEN[name])
    assert "perhaps" not in refused.value.message


def test_members_that_are_null_and_codes_that_are_none_are_left_out():
    event = {**MINIMAL, "entity": None, "outcome": "5", "action": "X", "outcomeDesc": None}
    message = parse_syslog(syslog_message_of(require_audit_event(event)))
    assert b"EventActionCode" not in message.content
    assert b"EventOutcomeIndicator" not in message.content
    assert message.pri == 85


def test_an_audit_event_that_is_nested_without_end_is_refused():
    deep = inner = {"url": "urn:x"}
    for _ in range(2000):
        inner["extension"] = [{"url": "urn:x"}]
        inner = inner["extension"][0]
    with pytest.raises(BadInput):
        require_audit_event({**MINIMAL, "extension": [deep]})


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1))
def test_a_scheme_that_no_table_knows_comes_back_as_it_was(scheme):
    system = system_of_scheme(scheme)
    if system.startswith(("urn:x-project:", "urn:oid:")):
        assert scheme_of_system(system, "x") == scheme


@pytest.mark.requirement("SOLE-023")
@pytest.mark.parametrize(
    ("scheme", "system"),
    [
        ("RADLEX", "http://radlex.org"),
        ("DCM", "http://dicom.nema.org/resources/ontology/DCM"),
        ("IHE-RAD", "urn:ihe:rad"),
        ("1.2.3", "urn:oid:1.2.3"),
        ("http://example.org/codes", "http://example.org/codes"),
        ("", ""),
    ],
)
def test_schemes_have_the_systems_of_the_mapping(scheme, system):
    assert system_of_scheme(scheme) == system
