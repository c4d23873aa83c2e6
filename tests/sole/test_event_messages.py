"""Operational and security events as audit messages: what is sent, and what is read of anybody's."""

import base64
import contextlib
import os
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from profiles.errors import BadInput
from profiles.sole import (
    Algorithm,
    OperationalEvent,
    Outcome,
    ResultReference,
    SecurityEvent,
    Source,
    Thread,
    encode,
    encode_audit,
    event_id,
    parse,
    steps,
)
from profiles.sole.audit import audit_rows
from profiles.sole.catalogue import NEVER_EVENT_TYPES, catalogue, step_of
from profiles.sole.message import type_codes
from profiles.sole.syslog import parse_syslog
from sole_logging.reporter import audit_message, sole_message

NOW = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)
SOURCE = Source("task_performer", "ai1.example.org", "77", "Clinic Süd", "2c5e")
THREAD = Thread("MRN1^^^&1.2.3&ISO", "A-1", "P-1", "F-1", "2.25.7", "2.25.8")


def full_event(step, outcome=Outcome.SUCCESS, thread=THREAD):
    return OperationalEvent(
        step,
        NOW,
        thread,
        outcome,
        occurrence="1",
        performer="AIPERF1",
        algorithm=Algorithm("brain extraction", "1.0.2"),
        results=(ResultReference("1.2.840.10008.5.1.4.1.1.66.4", "2.25.9"), ResultReference("1.2.3", "2.25.10")),
        details={"Priority": "HIGH", "InstanceCount": "12", "ReasonCode": "110501^DCM^Equipment failure", "Site": "ü"},
        description="the archive refused it" if outcome else "",
    )


def every_message():
    for step in steps():
        for outcome in Outcome:
            for thread in (THREAD, Thread()):
                yield f"{step}-{outcome.name}", encode(full_event(step, outcome, thread), SOURCE)
        yield f"{step}-bare", encode(OperationalEvent(step, NOW, Thread()), Source("a", "h", "1"))
    for kind in audit_rows():
        yield kind, encode_audit(SecurityEvent(kind, NOW), SOURCE)
        told = SecurityEvent(
            kind, NOW, Outcome.MINOR_FAILURE, "ward 3", "127.0.0.1", "/x?a=b", "date=ge2026", "refused"
        )
        yield f"{kind}-told", encode_audit(told, SOURCE)


ORDER = {
    "AuditMessage": (
        "EventIdentification",
        "ActiveParticipant",
        "AuditSourceIdentification",
        "ParticipantObjectIdentification",
    ),
    "EventIdentification": ("EventID", "EventTypeCode", "EventOutcomeDescription"),
    "ActiveParticipant": ("RoleIDCode",),
    "AuditSourceIdentification": ("AuditSourceTypeCode",),
    "ParticipantObjectIdentification": (
        "ParticipantObjectIDTypeCode",
        "ParticipantObjectName",
        "ParticipantObjectQuery",
        "ParticipantObjectDetail",
        "ParticipantObjectDescription",
    ),
    "ParticipantObjectDescription": ("SOPClass",),
    "SOPClass": ("Instance",),
}
CODED = {"csd-code", "codeSystemName", "originalText"}
REQUIRED = {
    "EventIdentification": {"EventActionCode", "EventDateTime", "EventOutcomeIndicator"},
    "ActiveParticipant": {"UserID", "UserIsRequestor"},
    "AuditSourceIdentification": {"AuditSourceID"},
    "ParticipantObjectIdentification": {"ParticipantObjectID", "ParticipantObjectTypeCode"},
    "ParticipantObjectDetail": {"type", "value"},
    "SOPClass": {"NumberOfInstances"},
    "Instance": {"UID"},
    "EventID": CODED,
    "EventTypeCode": CODED,
    "RoleIDCode": CODED,
    "ParticipantObjectIDTypeCode": CODED,
}


@pytest.mark.samples("STEPWELL_SCHEMAS")
@pytest.mark.requirement("SOLE-020", "SOLE-041")
def test_every_kind_of_message_is_valid_by_the_schema_of_the_standard():
    from lxml import etree

    schema = etree.RelaxNG(etree.parse(Path(os.environ["STEPWELL_SCHEMAS"]) / "dicom_audit_ps3.15_2023b.rng"))
    for name, message in every_message():
        assert schema.validate(etree.fromstring(message)), (name, schema.error_log.last_error)


@pytest.mark.requirement("SOLE-021", "SOLE-022", "SOLE-034", "SOLE-039", "SOLE-040")
def test_every_kind_of_message_has_the_order_and_attributes_that_the_standard_demands():
    for name, message in every_message():
        root = fromstring(message)
        assert root.tag == "AuditMessage"
        assert len(root.findall("AuditSourceIdentification")) == 1, name
        for element in root.iter():
            order = ORDER.get(element.tag, ())
            places = [order.index(child.tag) for child in element]
            assert places == sorted(places), (name, element.tag)
            assert REQUIRED.get(element.tag, set()) <= set(element.attrib), (name, element.tag)
        for participant in root.findall("ParticipantObjectIdentification"):
            named = participant.findall("ParticipantObjectName") + participant.findall("ParticipantObjectQuery")
            assert len(named) == 1, name
            for detail in participant.findall("ParticipantObjectDetail"):
                base64.b64decode(detail.get("value"), validate=True)


@pytest.mark.requirement("SOLE-023", "SOLE-024", "SOLE-025", "SOLE-026", "SOLE-027")
def test_an_operational_event_says_what_it_is_and_when_with_zone():
    root = fromstring(encode(full_event("inference-started"), SOURCE))
    event = root.find("EventIdentification")
    assert event.find("EventID").attrib == {
        "csd-code": "SOLE",
        "codeSystemName": "IHE-RAD",
        "originalText": "Imaging Operational Event",
    }
    assert event.get("EventActionCode") == "E"
    assert event.get("EventDateTime") == "2026-11-24T08:00:00.123456Z"
    first = event.find("EventTypeCode")
    assert (first.get("csd-code"), first.get("codeSystemName")) == ("SOLE114", "urn:ihe:rad")


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="timezone"):
        encode(OperationalEvent("order-received", NOW.replace(tzinfo=None), Thread()), SOURCE)


@pytest.mark.requirement("SOLE-030", "SOLE-031", "SOLE-033")
def test_machines_are_named_with_address_and_role_and_one_participant_at_most_asked():
    for _, message in every_message():
        participants = fromstring(message).findall("ActiveParticipant")
        assert participants
        assert sum(one.get("UserIsRequestor") == "true" for one in participants) <= 1
        for one in participants:
            roles = {role.get("csd-code") for role in one.findall("RoleIDCode")}
            if "110150" in roles:
                assert one.get("NetworkAccessPointTypeCode") in ("1", "2")
                assert one.get("NetworkAccessPointID")


@pytest.mark.requirement("SOLE-035", "SOLE-042", "SOLE-043")
@pytest.mark.parametrize(("given_id", "sent"), [("MRN1^^^&1.2&ISO", "MRN1^^^&1.2&ISO"), ("MRN1", "MRN1^^^")])
def test_the_patient_is_told_by_identifier_in_cx_form_and_never_by_name(given_id, sent):
    message = encode(full_event("order-received", thread=Thread(patient_id=given_id)), SOURCE)
    patients = [one for one in fromstring(message) if one.get("ParticipantObjectTypeCodeRole") == "1"]
    assert [one.get("ParticipantObjectID") for one in patients] == [sent]
    assert patients[0].get("ParticipantObjectTypeCode") == "1"
    assert not patients[0].findtext("ParticipantObjectName")
    assert parse(message).thread.patient_id == given_id


@pytest.mark.requirement("SOLE-037", "SOLE-077", "SOLE-079", "SOLE-080")
def test_order_study_workitem_and_algorithm_are_objects_of_the_right_role():
    root = fromstring(encode(full_event("inference-ended"), SOURCE))
    roles = {
        one.findtext("ParticipantObjectName"): (
            one.get("ParticipantObjectTypeCodeRole"),
            one.find("ParticipantObjectIDTypeCode").get("csd-code"),
            {detail.get("type") for detail in one.findall("ParticipantObjectDetail")},
        )
        for one in root.findall("ParticipantObjectIdentification")
    }
    assert roles["order"] == ("20", "121022", set())
    assert roles["study"] == ("3", "110180", {"InstanceCount"})
    assert roles["workitem"] == ("20", "12", {"UPSInstanceUID", "Priority", "ReasonCode"})
    assert roles["brain extraction"] == ("26", "111001", {"AlgorithmVersion"})
    assert roles["event"] == (None, "12", {"Site"})


@pytest.mark.requirement("SOLE-077", "SOLE-078")
@pytest.mark.parametrize(
    ("outcome", "told", "code"),
    [
        (Outcome.SUCCESS, (), "111241"),
        (Outcome.SERIOUS_FAILURE, (), "111245"),
        (Outcome.SUCCESS, ("111242",), "111242"),
    ],
)
def test_the_end_of_inference_says_how_the_algorithms_fared(outcome, told, code):
    event = OperationalEvent("inference-ended", NOW, Thread(), outcome, codes=told)
    assert [one.code for one in type_codes(event)] == ["SOLE115", "AIX122", code]


@pytest.mark.requirement("SOLE-031")
def test_the_performer_is_the_requestor_of_its_claim_and_the_reporter_of_its_own_work():
    claim = fromstring(encode(full_event("workitem-claimed"), SOURCE)).findall("ActiveParticipant")
    assert [one.get("UserIsRequestor") for one in claim] == ["false", "true"]
    assert claim[1].get("AlternativeUserID") == "AETITLES=AIPERF1"
    own = fromstring(encode(full_event("images-requested"), SOURCE)).findall("ActiveParticipant")
    assert [(one.get("UserID"), one.get("AlternativeUserID")) for one in own] == [
        ("task_performer", "AETITLES=AIPERF1")
    ]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=40).map(
    lambda text: re.sub(r"[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "x", text)
)
IDENTIFIER = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), max_size=64).map(
    lambda text: re.sub(r"[\x7f-\x9f^]", "x", text)
)
DETAIL_NAMES = st.one_of(
    st.sampled_from(["Priority", "Progress", "ReasonCode", "InstanceCount", "ByteCount"]),
    st.from_regex(r"[A-Z][a-zA-Z]{2,20}", fullmatch=True).filter(
        lambda n: n not in ("UPSInstanceUID", "AlgorithmVersion")
    ),
)
EVENTS = st.builds(
    OperationalEvent,
    step=st.sampled_from(sorted(steps())),
    at=st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]),
        min_value=NOW.replace(year=1990, tzinfo=None),
    ),
    thread=st.builds(Thread, IDENTIFIER, IDENTIFIER, IDENTIFIER, IDENTIFIER, IDENTIFIER, IDENTIFIER),
    outcome=st.sampled_from(Outcome),
    occurrence=st.text(max_size=5),
    algorithm=st.none() | st.builds(Algorithm, TEXT, TEXT),
    results=st.lists(st.builds(ResultReference, IDENTIFIER, IDENTIFIER), max_size=4).map(tuple),
    details=st.dictionaries(DETAIL_NAMES, TEXT, max_size=4),
    description=TEXT,
)


@given(event=EVENTS)
@pytest.mark.requirement("SOLE-009", "SOLE-010", "SOLE-040")
def test_what_is_encoded_is_read_back_the_same(event):
    message = encode(event, SOURCE)
    read = parse(message)
    assert not message.startswith(b"\xef\xbb\xbf")
    assert (read.step, read.at, read.outcome) == (event.step, event.at, event.outcome)
    assert (read.thread, read.algorithm, read.results) == (event.thread, event.algorithm, event.results)
    assert (read.details, read.description) == (event.details, event.description)
    assert read.event_id == event_id(event, SOURCE)
    assert (read.source, read.site, read.actor) == (SOURCE.identifier, SOURCE.site, SOURCE.actor)
    assert read.is_operational
    assert not read.deviations


@given(text=st.text(max_size=200))
def test_any_text_at_all_makes_well_formed_xml(text):
    event = OperationalEvent(
        "order-received", NOW, Thread(accession_number=text), details={text: text}, description=text
    )
    assert parse(encode(event, SOURCE)).is_operational


@pytest.mark.requirement("SOLE-049")
def test_the_event_id_is_the_same_for_the_same_occurrence_and_differs_for_any_other():
    event = full_event("workitem-progress")
    assert event_id(event, SOURCE) == event_id(full_event("workitem-progress"), SOURCE)
    moved = Source(SOURCE.actor, "new-name", "4711", "", SOURCE.instance)
    assert event_id(event, moved) == event_id(event, SOURCE)
    others = [
        OperationalEvent("workitem-progress", NOW, THREAD, occurrence="2", performer="AIPERF1"),
        OperationalEvent("workitem-claimed", NOW, THREAD, occurrence="1", performer="AIPERF1"),
        OperationalEvent("workitem-progress", NOW, Thread(), occurrence="1", performer="AIPERF1"),
        OperationalEvent("workitem-progress", NOW, THREAD, occurrence="1", performer="AIPERF2"),
    ]
    ids = {event_id(one, SOURCE) for one in (event, *others)} | {event_id(event, Source("a", "h", "1", "", "other"))}
    assert len(ids) == 6


@pytest.mark.requirement("SOLE-002", "SOLE-005", "SOLE-006", "SOLE-007", "SOLE-008")
@pytest.mark.parametrize(
    ("outcome", "pri"),
    [
        (Outcome.SUCCESS, 85),
        (Outcome.MINOR_FAILURE, 84),
        (Outcome.SERIOUS_FAILURE, 83),
        (Outcome.MAJOR_FAILURE, 82),
    ],
)
def test_the_header_of_an_operational_event_carries_application_code_and_severity(outcome, pri):
    header = parse_syslog(sole_message(full_event("images-retrieved", outcome), SOURCE, NOW))
    assert (header.pri, header.version, header.application) == (pri, 1, "IHE+SOLE")
    assert (header.message_id, header.structured_data) == ("SOLE113", "-")
    assert (header.hostname, header.process) == ("ai1.example.org", "77")
    assert parse(header.content).codes[0].code == header.message_id


@pytest.mark.requirement("SOLE-068", "SOLE-007", "SOLE-069")
def test_a_security_event_has_the_header_of_an_audit_message_and_is_no_operational_event():
    header = parse_syslog(audit_message(SecurityEvent("application-start", NOW), SOURCE, NOW))
    assert header.message_id == "IHE+RFC-3881"
    assert header.application != "IHE+SOLE"
    read = parse(header.content)
    assert not read.is_operational
    assert (read.identification.code, read.codes[0].code) == ("110100", "110120")


@pytest.mark.requirement("SOLE-027", "SOLE-028")
def test_every_step_has_codes_of_the_catalogue_that_are_event_types_and_are_read_back_as_the_step():
    for row in steps().values():
        assert all(catalogue()[code.code].group not in NEVER_EVENT_TYPES for code in row.codes)
        assert step_of(row.codes) == row.key
        assert row.source


STRANGE = {
    "no zone": ('EventDateTime="2026-01-01T00:00:00"', "EventDateTime without zone, read as UTC"),
    "no time": ('EventDateTime="soon"', "EventDateTime is no date-time"),
    "year one": ('EventDateTime="0001-01-01T00:00:00+14:00"', "EventDateTime is out of range"),
}


def tiny(time='EventDateTime="2026-01-01T00:00:00Z"', outcome="0", code="csd-code"):
    return (
        f'<AuditMessage><EventIdentification EventActionCode="E" {time} EventOutcomeIndicator="{outcome}">'
        f'<EventID {code}="SOLE" codeSystemName="urn:ihe:rad" originalText="x"/>'
        f'<EventTypeCode {code}="RID45813" codeSystemName="RADLEX"/></EventIdentification></AuditMessage>'
    ).encode()


@pytest.mark.parametrize("name", STRANGE)
def test_what_deviates_is_named_and_the_rest_is_read(name):
    time, words = STRANGE[name]
    read = parse(tiny(time))
    assert words in read.deviations
    assert read.codes[0].code == "RID45813"


@pytest.mark.requirement("SOLE-023", "SOLE-026")
def test_old_attribute_names_and_other_scheme_names_are_understood():
    read = parse(b"\xef\xbb\xbf" + tiny(code="code", outcome="7"))
    assert read.is_operational
    assert read.outcome is None
    assert "EventTypeCode without csd-code" in read.deviations


def test_a_leap_second_is_read_as_the_second_after_it():
    assert parse(tiny('EventDateTime="2016-12-31T23:59:60Z"')).at == datetime(2017, 1, 1, tzinfo=UTC)


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "entity bomb": (BOMB + "]><AuditMessage>&i;</AuditMessage>").encode(),
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><AuditMessage>&x;</AuditMessage>',
    "external document type": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><AuditMessage/>',
    "not well-formed": b"<AuditMessage><EventIdentification></AuditMessage>",
    "empty": b"",
    "free text": b"disk is full",
    "other root": b"<Message/>",
    "no event": b"<AuditMessage/>",
    "unknown encoding": b'<?xml version="1.0" encoding="x-unknown"?><AuditMessage/>',
    "too deep": b"<AuditMessage><EventIdentification>"
    + b"<a>" * 50_000
    + b"</a>" * 50_000
    + b"</EventIdentification></AuditMessage>",
}


@pytest.mark.requirement("SOLE-009")
@pytest.mark.parametrize("name", REFUSED)
def test_documents_that_are_no_audit_message_are_refused_in_words(name):
    with pytest.raises(BadInput):
        parse(REFUSED[name])


@given(st.binary(max_size=300))
def test_no_octets_at_all_break_the_reader(octets):
    with contextlib.suppress(BadInput):
        parse(octets)


@pytest.mark.requirement("SOLE-040")
def test_a_detail_that_is_no_base64_is_kept_as_it_is_and_named():
    message = encode(full_event("order-received"), SOURCE).replace(
        b'type="Priority" value="', b'type="Priority" value="%'
    )
    read = parse(message)
    assert read.details["Priority"].startswith("%")
    assert "ParticipantObjectDetail that is no base64 of UTF-8" in read.deviations
