"""Each rule for a message is broken by a defect of its own, and good messages break none."""

import base64

import pytest

from conformance import Severity
from conformance.sole import check_message
from profiles.sole import Outcome
from profiles.sole.audit import audit_rows
from profiles.sole.catalogue import steps
from tests.conformance.sole_messages import (
    RULES,
    Defects,
    adding,
    an_object,
    as_event,
    audited,
    broken,
    bulk,
    document,
    ended,
    event,
    frame,
    header,
    setting,
    signed,
    split,
    without,
)

MESSAGE = Defects()
EVENT, TYPE = "EventIdentification", "EventIdentification/EventTypeCode"
PATIENT, ORDER, STUDY, ROOM = (f"ParticipantObjectIdentification[{number}]" for number in (1, 2, 3, 4))
AI_ORDER, AI_WORKITEM, AI_ALGORITHM = (f"ParticipantObjectIdentification[{number}]" for number in (2, 6, 7))


@pytest.mark.parametrize("outcome", Outcome, ids=lambda one: one.name)
@pytest.mark.parametrize("step", steps())
def test_every_event_that_our_actors_report_breaks_no_rule(step, outcome):
    assert check_message(event(step, outcome), step) == []


@pytest.mark.parametrize("kind", audit_rows())
def test_every_audit_message_that_our_actors_send_breaks_no_rule(kind):
    assert check_message(audited(kind), kind) == []


def test_a_message_written_by_hand_breaks_no_rule():
    assert check_message(signed(), "signed") == []
    assert check_message(split(signed())[1], "without header") == []


# header -------------------------------------------------------------------------------------------------------------


@MESSAGE.breaks("SOLE-001")
def priority_beyond_the_list():
    return header(ended(), field=0, value=b"<192>1")


@MESSAGE.breaks("SOLE-001")
def priority_with_a_leading_zero():
    return header(ended(), field=0, value=b"<085>1")


@MESSAGE.breaks("SOLE-001")
def no_priority():
    return header(ended(), field=0, value=b"<>1")


@MESSAGE.breaks("SOLE-001")
def version_2():
    return header(ended(), field=0, value=b"<85>2")


@MESSAGE.breaks("SOLE-001")
def header_of_the_old_syslog():
    return b"<85>Nov 24 08:00:00 ai1 performer[77]: " + split(ended())[1]


@MESSAGE.breaks("SOLE-002")
def another_facility():
    return header(ended(), field=0, value=b"<13>1")


@MESSAGE.breaks("SOLE-002")
def severity_of_success_on_failure():
    return header(event("inference-ended", Outcome.SERIOUS_FAILURE), field=0, value=b"<85>1")


@MESSAGE.breaks("SOLE-003")
def timestamp_without_zone():
    return header(ended(), field=1, value=b"2026-11-24T08:00:00.123456")


@MESSAGE.breaks("SOLE-003")
def timestamp_without_seconds():
    return header(ended(), field=1, value=b"2026-11-24T08:00Z")


@MESSAGE.breaks("SOLE-003")
def timestamp_with_a_lower_case_t():
    return header(ended(), field=1, value=b"2026-11-24t08:00:00Z")


@MESSAGE.breaks("SOLE-003")
def timestamp_with_seven_digits_of_fraction():
    return header(ended(), field=1, value=b"2026-11-24T08:00:00.1234567Z")


@MESSAGE.breaks("SOLE-003")
def timestamp_beyond_the_calendar():
    return header(ended(), field=1, value=b"2026-11-31T08:00:00Z")


@MESSAGE.breaks("SOLE-003")
def timestamp_with_a_leap_second():
    return header(ended(), field=1, value=b"2026-12-31T23:59:60Z")


@MESSAGE.breaks("SOLE-003-NIL")
def no_timestamp():
    return header(ended(), field=1, value=b"-")


@MESSAGE.breaks("SOLE-004")
def hostname_beyond_ascii():
    return header(ended(), field=2, value="süd".encode())


@MESSAGE.breaks("SOLE-004")
def process_too_long():
    return header(ended(), field=4, value=b"7" * 129)


@MESSAGE.breaks("SOLE-004")
def empty_hostname():
    return header(ended(), field=2, value=b"")


@MESSAGE.breaks("SOLE-005")
def application_of_the_product():
    return header(ended(), field=3, value=b"performer")


@MESSAGE.breaks("SOLE-006")
def message_id_of_another_event():
    return header(ended(), field=5, value=b"SOLE114")


@MESSAGE.breaks("SOLE-006-FIRST")
def message_id_of_an_added_code():
    return header(ended(), field=5, value=b"AIX122")


@MESSAGE.breaks("SOLE-007")
def message_id_of_audit_messages():
    return header(ended(), field=5, value=b"IHE+RFC-3881")


@MESSAGE.breaks("SOLE-007-AUDIT")
def message_id_of_its_own():
    return header(audited(), field=5, value=b"QUERY")


@MESSAGE.breaks("SOLE-008")
def structured_data():
    return header(ended(), field=6, value=b'[origin@32473 ip="10.0.0.1"]')


@MESSAGE.breaks("SOLE-008")
def no_structured_data():
    start, text = split(ended())
    return start.removesuffix(b"- ") + text


@MESSAGE.breaks("SOLE-010")
def byte_order_mark():
    return b"\xef\xbb\xbf".join(split(ended()))


@MESSAGE.breaks("SOLE-011")
def count_in_characters():
    return frame(ended(), len(ended().decode()))


@MESSAGE.breaks("SOLE-011")
def count_too_great():
    return frame(ended(), len(ended()) + 7)


@MESSAGE.breaks("SOLE-011")
def cut_off_frame():
    return frame(ended())[:-30]


@MESSAGE.breaks("SOLE-012")
def line_end_between_frames():
    return frame(ended()) + b"\n" + frame(ended())


@MESSAGE.breaks("SOLE-012")
def count_with_a_leading_zero():
    return frame(ended(), zeros="0")


@MESSAGE.breaks("SOLE-060")
def event_with_a_number():
    return bulk({**as_event(ended()), "Pri": 85})


@MESSAGE.breaks("SOLE-045")
def sent_before_it_happened():
    return header(ended(), field=1, value=b"2026-11-24T07:59:58.000Z")


@MESSAGE.breaks("SOLE-068")
def audit_message_as_sole_event():
    return header(audited(), field=3, value=b"IHE+SOLE")


# document -----------------------------------------------------------------------------------------------------------


@MESSAGE.breaks("SOLE-009")
def cut_off_document():
    return ended()[:-30]


@MESSAGE.breaks("SOLE-009")
def no_document():
    return split(ended())[0]


@MESSAGE.breaks("SOLE-009")
def free_text():
    return split(ended())[0] + b"inference ended"


@MESSAGE.breaks("SOLE-009")
def not_utf_8():
    return ended().replace("ü".encode(), b"\xfc")


@MESSAGE.breaks("SOLE-009")
def another_encoding_declared():
    return b'<?xml version="1.0" encoding="ISO-8859-1"?>'.join(split(ended()))


@MESSAGE.breaks("SOLE-009")
def in_a_namespace():
    return ended().replace(b"<AuditMessage>", b'<AuditMessage xmlns="urn:example">')


@MESSAGE.breaks("SOLE-009")
def another_root():
    return ended().replace(b"AuditMessage>", b"IHEYr4>")


@MESSAGE.breaks("SOLE-020")
def foreign_element():
    return adding(ended(), "ActiveParticipant", "<UserTypeCode/>")


@MESSAGE.breaks("SOLE-020")
def foreign_attribute():
    return setting(ended(), "ActiveParticipant", Department="radiology")


@MESSAGE.breaks("SOLE-020")
def text_between_elements():
    return document(ended(), lambda root: setattr(root, "text", "text"))


@MESSAGE.breaks("SOLE-020")
def number_that_is_none():
    return setting(ended(), ".//SOPClass", NumberOfInstances="one")


@MESSAGE.breaks("SOLE-020")
def no_id_of_an_object():
    return setting(signed(), ROOM, ParticipantObjectID=None)


@MESSAGE.breaks("SOLE-020")
def unknown_kind_of_address():
    return setting(audited("application-start"), "ActiveParticipant[2]", NetworkAccessPointTypeCode="6")


@MESSAGE.breaks("SOLE-020-XSI")
def place_of_a_schema():
    name = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
    return document(ended(), lambda root: root.set(name, "audit.xsd"))


@MESSAGE.breaks("SOLE-021")
def source_behind_the_objects():
    return document(ended(), lambda root: root.append(root.find("AuditSourceIdentification")))


@MESSAGE.breaks("SOLE-021")
def detail_before_the_name():
    return document(signed(), lambda root: root.find(ROOM).insert(1, root.find(f"{ROOM}/ParticipantObjectDetail")))


@MESSAGE.breaks("SOLE-022")
def attribute_names_of_rfc_3881():
    return ended().replace(b'csd-code="110150"', b'code="110150"')


@MESSAGE.breaks("SOLE-022")
def no_meaning():
    return setting(ended(), TYPE, originalText=None)


@MESSAGE.breaks("SOLE-023")
def another_event_id():
    return setting(ended(), f"{EVENT}/EventID", csd_code="IOE")


@MESSAGE.breaks("SOLE-023")
def event_id_of_another_scheme():
    return setting(ended(), f"{EVENT}/EventID", codeSystemName="RadLex")


@MESSAGE.breaks("SOLE-024")
def action_read():
    return setting(ended(), EVENT, EventActionCode="R")


@MESSAGE.breaks("SOLE-024")
def no_action():
    return setting(ended(), EVENT, EventActionCode=None)


@MESSAGE.breaks("SOLE-025")
def no_date_time():
    return setting(ended(), EVENT, EventDateTime="24.11.2026 08:00")


@MESSAGE.breaks("SOLE-025")
def time_beyond_the_calendar():
    return setting(ended(), EVENT, EventDateTime="2026-11-24T25:00:00Z")


@MESSAGE.breaks("SOLE-025-ZONE")
def time_without_zone():
    return setting(ended(), EVENT, EventDateTime="2026-11-24T08:00:00.123")


@MESSAGE.breaks("SOLE-026")
def outcome_1():
    return header(setting(ended(), EVENT, EventOutcomeIndicator="1"), field=0, value=b"<85>1")


@MESSAGE.breaks("SOLE-026")
def no_outcome():
    return setting(ended(), EVENT, EventOutcomeIndicator=None)


@MESSAGE.breaks("SOLE-027")
def no_event_type():
    return without(signed(), TYPE)


@MESSAGE.breaks("SOLE-027")
def event_type_of_another_scheme():
    return setting(signed(), TYPE, codeSystemName="SNOMED-CT")


@MESSAGE.breaks("SOLE-027-UNKNOWN")
def unknown_sole_code():
    return header(setting(signed(), TYPE, csd_code="SOLE199", codeSystemName="urn:ihe:rad"), field=5, value=b"SOLE199")


@MESSAGE.breaks("SOLE-028")
def reason_of_a_delay_as_event():
    return header(setting(signed(), TYPE, csd_code="RID45964"), field=5, value=b"RID45964")


@MESSAGE.breaks("SOLE-029")
def nobody_took_part():
    return without(ended(), "ActiveParticipant")


@MESSAGE.breaks("SOLE-029")
def participant_without_name():
    return setting(ended(), "ActiveParticipant", UserID="")


@MESSAGE.breaks("SOLE-029")
def unknown_whether_it_asked():
    return setting(ended(), "ActiveParticipant", UserIsRequestor=None)


@MESSAGE.breaks("SOLE-030")
def two_requestors():
    return setting(signed(), "ActiveParticipant[2]", UserIsRequestor="true")


@MESSAGE.breaks("SOLE-031")
def machine_without_address():
    return setting(ended(), "ActiveParticipant", NetworkAccessPointID=None)


@MESSAGE.breaks("SOLE-031")
def machine_with_a_telephone():
    return setting(ended(), "ActiveParticipant", NetworkAccessPointTypeCode="3")


@MESSAGE.breaks("SOLE-031-ROLE")
def machine_without_role():
    return without(ended(), "ActiveParticipant/RoleIDCode")


@MESSAGE.breaks("SOLE-033")
def person_without_role():
    return without(signed(), "ActiveParticipant[1]/RoleIDCode")


@MESSAGE.breaks("SOLE-034")
def no_source():
    return without(ended(), "AuditSourceIdentification")


@MESSAGE.breaks("SOLE-034")
def type_of_source_as_attribute():
    return document(
        setting(ended(), "AuditSourceIdentification", code="4"),
        lambda root: root.find("AuditSourceIdentification").remove(root.find(".//AuditSourceTypeCode")),
    )


@MESSAGE.breaks("SOLE-034")
def half_a_type_of_source():
    return setting(ended(), "AuditSourceIdentification/AuditSourceTypeCode", codeSystemName="DCM")


@MESSAGE.breaks("SOLE-034")
def two_sources():
    return document(
        ended(),
        lambda root: root.find("AuditSourceIdentification").addnext(
            root.makeelement("AuditSourceIdentification", AuditSourceID="other")
        ),
    )


# objects ------------------------------------------------------------------------------------------------------------


@MESSAGE.breaks("SOLE-035")
def patient_of_the_audit_kind():
    return setting(signed(), f"{PATIENT}/ParticipantObjectIDTypeCode", csd_code="2", codeSystemName="RFC-3881")


@MESSAGE.breaks("SOLE-035")
def patient_as_a_system():
    return setting(signed(), PATIENT, ParticipantObjectTypeCode="2")


@MESSAGE.breaks("SOLE-035")
def plain_patient_id():
    return setting(signed(), PATIENT, ParticipantObjectID="MRN00042")


@MESSAGE.breaks("SOLE-036")
def patient_of_the_sole_kind():
    return adding(audited(), "", an_object("MRN1^^^", ("121025", "DCM"), 1, 1))


@MESSAGE.breaks("SOLE-037")
def order_as_a_report():
    return setting(signed(), ORDER, ParticipantObjectTypeCodeRole="3")


@MESSAGE.breaks("SOLE-037")
def study_as_a_job():
    return setting(signed(), STUDY, ParticipantObjectTypeCodeRole="20")


@MESSAGE.breaks("SOLE-038")
def location_without_its_naming_system():
    return without(signed(), f"{ROOM}/ParticipantObjectDetail")


@MESSAGE.breaks("SOLE-038")
def location_as_a_job():
    return setting(signed(), ROOM, ParticipantObjectTypeCodeRole="20")


@MESSAGE.breaks("SOLE-038")
def location_of_another_kind():
    return setting(signed(), f"{ROOM}/ParticipantObjectIDTypeCode", csd_code="ROOM")


@MESSAGE.breaks("SOLE-039")
def name_and_query():
    return audited().replace(b"<ParticipantObjectQuery>", b"<ParticipantObjectName/><ParticipantObjectQuery>")


@MESSAGE.breaks("SOLE-039")
def two_names():
    return ended().replace(b"<ParticipantObjectName>", b"<ParticipantObjectName/><ParticipantObjectName>", 1)


@MESSAGE.breaks("SOLE-039-NEITHER")
def neither_name_nor_query():
    return without(signed(), f"{STUDY}/ParticipantObjectName")


@MESSAGE.breaks("SOLE-040")
def detail_in_clear():
    return setting(ended(), f"{AI_WORKITEM}/ParticipantObjectDetail[2]", value="high!")


@MESSAGE.breaks("SOLE-040")
def query_in_clear():
    return document(audited(), lambda root: setattr(root.find(".//ParticipantObjectQuery"), "text", "PatientID=*"))


@MESSAGE.breaks("SOLE-041")
def role_27():
    return setting(audited(), "ParticipantObjectIdentification", ParticipantObjectTypeCodeRole="27")


@MESSAGE.breaks("SOLE-041")
def life_cycle_0():
    return setting(ended(), AI_ORDER, ParticipantObjectDataLifeCycle="0")


@MESSAGE.breaks("SOLE-042")
def two_patients():
    return adding(signed(), "", an_object("MRN2^^^", ("121025", "DCM"), 1, 1))


@MESSAGE.breaks("SOLE-043")
def name_of_the_patient():
    return document(signed(), lambda root: setattr(root.find(f"{PATIENT}/ParticipantObjectName"), "text", "Doe^Jane"))


@MESSAGE.breaks("SOLE-043")
def birth_date_in_a_detail():
    return adding(signed(), ORDER, '<ParticipantObjectDetail type="PatientBirthDate" value="MTk3MDAxMDE="/>')


@MESSAGE.breaks("SOLE-044")
def transaction_uid_in_a_detail():
    value = base64.b64encode(b"2.25.123456").decode()
    return adding(ended(), AI_ALGORITHM, f'<ParticipantObjectDetail type="TransactionUID" value="{value}"/>')


@MESSAGE.breaks("SOLE-044")
def transaction_uid_in_a_query():
    query = base64.b64encode(b'{"00081195":{"vr":"UI","Value":["2.25.123456"]}}').decode()
    return document(audited(), lambda root: setattr(root.find(".//ParticipantObjectQuery"), "text", query))


@MESSAGE.breaks("SOLE-044")
def transaction_uid_in_an_address():
    return setting(
        audited("workitem-changed"),
        "ParticipantObjectIdentification",
        ParticipantObjectID="/workitems/2.25.8?transaction-uid=2.25.123456",
    )


# an AI's events -----------------------------------------------------------------------------------------------------


@MESSAGE.breaks("SOLE-077")
def algorithm_without_version():
    return without(ended(), f"{AI_ALGORITHM}/ParticipantObjectDetail")


@MESSAGE.breaks("SOLE-077")
def no_code_that_says_inference():
    return without(event("inference-started"), f"{TYPE}[2]")


@MESSAGE.breaks("SOLE-077")
def added_code_behind_another():
    changed = setting(event("images-requested"), TYPE, csd_code="SOLE113")
    return header(changed, field=5, value=b"SOLE113")


@MESSAGE.breaks("SOLE-078")
def end_of_inference_without_its_result():
    return without(ended(), f"{TYPE}[3]")


@MESSAGE.breaks("SOLE-078")
def no_algorithm_succeeded_with_success():
    return setting(ended(), f"{TYPE}[3]", csd_code="111245")


@MESSAGE.breaks("SOLE-079")
def no_accession_number():
    return without(ended(), AI_ORDER)


@MESSAGE.breaks("SOLE-079-WORKITEM")
def no_workitem():
    return without(ended(), AI_WORKITEM)


@MESSAGE.breaks("SOLE-080")
def canceled_without_reason():
    return without(event("workitem-canceled"), ".//ParticipantObjectDetail[@type='ReasonCode']")


@MESSAGE.breaks("SOLE-080")
def reason_in_words():
    value = base64.b64encode(b"broken").decode()
    return setting(event("workitem-canceled"), ".//ParticipantObjectDetail[@type='ReasonCode']", value=value)


@MESSAGE.breaks("SOLE-080")
def reason_of_another_group():
    value = base64.b64encode(b"110100^DCM^Application Activity").decode()
    return setting(event("workitem-canceled"), ".//ParticipantObjectDetail[@type='ReasonCode']", value=value)


# security audit messages --------------------------------------------------------------------------------------------


@MESSAGE.breaks("SOLE-069")
def neither_start_nor_stop():
    return without(audited("application-start"), TYPE)


@MESSAGE.breaks("SOLE-069")
def activity_of_another_kind():
    return setting(audited("application-start"), TYPE, csd_code="110122")


@MESSAGE.breaks("SOLE-071")
def log_used_by_execution():
    return setting(audited("audit-log-used"), EVENT, EventActionCode="E")


@MESSAGE.breaks("SOLE-072")
def query_without_query():
    return audited("query").replace(
        b"<ParticipantObjectQuery>" + base64.b64encode(b"PatientID=*") + b"</ParticipantObjectQuery>",
        b"<ParticipantObjectName/>",
    )


@pytest.mark.parametrize(("rule", "defect"), MESSAGE.parameters())
def test_a_defect_breaks_its_rule_and_no_other(rule, defect):
    assert broken(defect()) == [rule]


@pytest.mark.parametrize(("rule", "defect"), MESSAGE.parameters())
def test_a_finding_has_the_severity_of_its_rule_and_says_what_and_what_to_do(rule, defect):
    for found in check_message(defect(), "message"):
        assert found.severity is RULES[rule].severity
        assert found.severity is not Severity.INFO
        assert found.message
        assert found.fix == RULES[rule].fix
