"""The form of security audit messages: who asked whom for whose records (PS3.15 A.5.3)."""

import base64
from datetime import UTC, datetime

import pytest
from defusedxml.ElementTree import fromstring

from profiles.sole import OperationalEvent, Outcome, SecurityEvent, Source, Thread, encode, encode_audit, parse

NOW = datetime(2031, 5, 6, tzinfo=UTC)
SOURCE = Source("image_manager", "archive1", "7")


def audited(kind, **told):
    return fromstring(encode_audit(SecurityEvent(kind, NOW, **told), SOURCE))


def objects(root):
    """(type, role, code of the identifier's type, identifier) of each object."""
    found = []
    for one in root.findall("ParticipantObjectIdentification"):
        names = ("ParticipantObjectTypeCode", "ParticipantObjectTypeCodeRole")
        code = one.find("ParticipantObjectIDTypeCode")
        kind = (code.get("csd-code"), code.get("codeSystemName"))
        found.append((*(one.get(name) for name in names), kind, one.get("ParticipantObjectID")))
    return found


def roles(root):
    """Roles of each participant, the requestor first."""
    participants = sorted(root.findall("ActiveParticipant"), key=lambda one: one.get("UserIsRequestor"), reverse=True)
    return [[role.get("csd-code") for role in one.findall("RoleIDCode")] for one in participants]


@pytest.mark.requirement("SOLE-036", "SOLE-042")
def test_a_patient_of_the_audit_trail_is_a_patient_number_and_has_no_name():
    root = audited("images-sent", patient_id="MRN1^^^CLINIC", studies=("1.2.3", "1.2.4"))
    assert objects(root) == [
        ("1", "1", ("2", "RFC-3881"), "MRN1^^^CLINIC"),
        ("2", "3", ("110180", "DCM"), "1.2.3"),
        ("2", "3", ("110180", "DCM"), "1.2.4"),
    ]
    assert root.find("ParticipantObjectIdentification").findtext("ParticipantObjectName") == ""


@pytest.mark.requirement("SOLE-071", "SOLE-030")
@pytest.mark.parametrize(
    ("kind", "action", "asked", "own"),
    [("images-received", "C", "110153", "110152"), ("images-sent", "R", "110152", "110153")],
)
def test_a_transfer_has_one_source_and_one_destination(kind, action, asked, own):
    root = audited(kind, address="10.0.0.7")
    event = root.find("EventIdentification")
    assert (event.find("EventID").get("csd-code"), event.get("EventActionCode")) == ("110104", action)
    assert roles(root) == [[asked, "110150"], [own, "110150"]]


@pytest.mark.requirement("SOLE-072", "SOLE-039")
def test_a_search_holds_its_query_and_names_the_class_that_it_is_of():
    root = audited("searched", address="10.0.0.7", target="1.2.840.10008.5.1.4.34.6.5", query="00741000=SCHEDULED")
    assert objects(root) == [("2", "3", ("110181", "DCM"), "1.2.840.10008.5.1.4.34.6.5")]
    (one,) = root.findall("ParticipantObjectIdentification")
    assert base64.b64decode(one.findtext("ParticipantObjectQuery")) == b"00741000=SCHEDULED"
    assert one.find("ParticipantObjectName") is None
    assert roles(root) == [["110153", "110150"], ["110152", "110150"]]


@pytest.mark.requirement("SOLE-070")
def test_a_procedure_record_names_the_workitem_beside_patient_and_study():
    root = audited("workitem-changed", target="urn:oid:1.2.9", patient_id="1^^^", studies=("1.2.3",))
    assert objects(root)[-1] == ("2", "20", ("12", "RFC-3881"), "urn:oid:1.2.9")
    assert root.find("EventIdentification").get("EventActionCode") == "U"


@pytest.mark.requirement("SOLE-033", "SOLE-030", "SOLE-REP-006")
@pytest.mark.parametrize(("step", "requestor"), [("exam-opened", "E40817"), ("workitem-claimed", "AIPERF1")])
def test_a_reader_is_a_person_with_a_role_and_asked_for_what_nobody_else_asked_for(step, requestor):
    performer = "AIPERF1" if step == "workitem-claimed" else ""
    event = OperationalEvent(step, NOW, Thread(accession_number="A1"), performer=performer, person="E40817")
    root = fromstring(encode(event, SOURCE))
    person = next(one for one in root.findall("ActiveParticipant") if one.get("UserID") == "E40817")
    assert person.find("RoleIDCode").get("csd-code") == "121098"
    assert "NetworkAccessPointID" not in person.attrib
    asked = [one.get("UserID") for one in root.findall("ActiveParticipant") if one.get("UserIsRequestor") == "true"]
    assert asked == [requestor]
    assert parse(encode(event, SOURCE)).person == "E40817"


def test_the_outcome_of_a_failed_transfer_is_a_failure():
    assert parse(encode_audit(SecurityEvent("images-sent", NOW, Outcome.SERIOUS_FAILURE), SOURCE)).outcome == 8
