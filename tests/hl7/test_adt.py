"""What ADT messages say of patients."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiles.hl7 import EntityIdentifier, MessageRefused, message_handling, read
from profiles.hl7.adt import PatientAction, PatientEvent, authorized, event_time, patient_events

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
HEADER = "MSH|^~\\&|ADT|SITE1|AITM|AI|20270104083000||ADT^{}|A000009|P|2.5\rEVN||20270104082900\r"
FOLDER = Path(os.environ.get("STEPWELL_SAMPLES", "/nonexistent"), "hl7_samples")


def said(event, *segments):
    """What a message of these segments says."""
    return patient_events(read((HEADER.format(event) + "".join(f"{one}\r" for one in segments)).encode()), NOW)


def refused(event, *segments):
    """Place and code of each fault of a message."""
    with pytest.raises(MessageRefused) as caught:
        said(event, *segments)
    return [(one.path, one.code, one.sequence) for one in caught.value.message_findings]


def named(value, namespace="SITE1"):
    return EntityIdentifier(value, namespace)


@pytest.mark.parametrize("event", ["A01", "A04", "A05", "A08", "A28", "A31"])
@pytest.mark.requirement("HL7-020", "HL7-043")
def test_admissions_and_updates_say_what_is_known_of_the_patient(event):
    (one,) = said(event, "PID|||4711^^^SITE1^PI~88^^^SITE2||Muster^Eva^A^Jr^Dr||19610322|F")
    assert one == PatientEvent(
        PatientAction.UPDATE,
        named("4711"),
        others=(named("88", "SITE2"),),
        name="Muster^Eva^A^Dr^Jr",
        birth_date="19610322",
        sex="F",
    )


@pytest.mark.requirement("HL7-020")
def test_the_null_deletes_and_an_empty_field_says_nothing():
    (deleted,) = said("A08", 'PID|||4711^^^SITE1||""||""|""')
    assert (deleted.name, deleted.birth_date, deleted.sex) == ("", "", "")
    (kept,) = said("A08", "PID|||4711^^^SITE1")
    assert (kept.name, kept.birth_date, kept.sex) == (None, None, None)


@pytest.mark.parametrize("value", ["99991111", "20280101", "00000000", "1961", "18490101", "unknown"])
@pytest.mark.requirement("HL7-079")
def test_an_implausible_birth_date_is_not_taken(value):
    (one,) = said("A08", f"PID|||4711^^^SITE1||Muster||{value}|U")
    assert (one.birth_date, one.sex) == (None, None)


@pytest.mark.requirement("HL7-044", "HL7-046")
def test_a_merge_has_one_event_for_each_patient_group_and_prior_identifier():
    events = said(
        "A40^ADT_A39",
        "PID|||4711^^^SITE1||Muster^Eva",
        "PD1||",
        "MRG|9001^^^SITE1~9002^^^SITE2",
        "PID|||5000^^^SITE1",
        "MRG|6000^^^SITE1",
    )
    assert [(one.action, one.prior.value, one.identifier.value, one.name) for one in events] == [
        ("patient-merge", "9001", "4711", "Muster^Eva"),
        ("patient-merge", "9002", "4711", "Muster^Eva"),
        ("patient-merge", "6000", "5000", None),
    ]


@pytest.mark.requirement("HL7-045", "HL7-046", "HL7-014")
def test_every_fault_of_a_merge_is_told_with_its_group():
    assert refused("A40", "PID|||4711^^^S", "PID|||", "MRG|1^^^S", "PID|||5^^^S", "MRG|5^^^S") == [
        ("MRG-1", 101, 1),
        ("PID-3", 101, 2),
        ("MRG-1", 205, 3),
    ]


@pytest.mark.parametrize("event", ["A08", "A40", "A47"])
@pytest.mark.requirement("HL7-014")
def test_a_message_without_a_patient_identifier_is_refused(event):
    assert ("PID-3", 101, 1) in refused(event, "PV1||O")


@pytest.mark.requirement("HL7-049")
def test_a_changed_identifier_names_the_new_and_the_prior_one():
    (one,) = said("A47^ADT_A30", "PID|||12^^^SITE1", "MRG|11^^^SITE1")
    assert (one.action, one.prior, one.identifier) == (PatientAction.CHANGE, named("11"), named("12"))


@pytest.mark.parametrize(
    ("event", "expected"),
    [("EVN||20270104082900||||20270104070000", 7), ("EVN||20270104080000", 8), ("EVN", 9)],
    ids=["occurred", "recorded", "sent"],
)
@pytest.mark.requirement("HL7-044")
def test_the_time_is_when_it_occurred_else_was_recorded_else_was_sent(event, expected):
    raw = f"MSH|^~\\&|ADT|S|A|B|20270104090000||ADT^A08|1|P|2.5\r{event}\rPID|||1\r"
    assert event_time(read(raw.encode())).hour == expected


@pytest.mark.parametrize(
    ("sender", "sent", "expected"),
    [
        ("ADT|SITE1", EntityIdentifier("1"), EntityIdentifier("1", "SITE1", "1.2.3", "ISO")),
        ("X|Y", EntityIdentifier("1"), EntityIdentifier("1", "HERE")),
        ("ADT|SITE1", named("1", "OTHER"), named("1", "OTHER")),
        ("ADT|SITE1", EntityIdentifier(), EntityIdentifier()),
    ],
    ids=["by sender", "by default", "has one", "no identifier"],
)
@pytest.mark.requirement("HL7-055")
def test_an_identifier_without_authority_gets_the_one_configured_for_its_sender(sender, sent, expected):
    assert authorized(sent, sender, {"ADT|SITE1": "SITE1&1.2.3&ISO", "*": "HERE"}) == expected
    assert authorized(sent, sender, {}) == sent


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dcm4che_ADT_A31-UpdatePersonInfo-Veterinary", ("patient-update", "PID_1", "", "Smith^Lucy", "F")),
        ("dcm4che_ADT_A31-UpdatePersonInfo", ("patient-update", "PID_1", "", "Smith^Lucy^Mark", "F")),
        (
            "dcm4che_ADT_A40-PatientMerge",
            ("patient-merge", "NEW_PID_1", "OLD_PID_1", "New_Smith^Lucy^Mark", "F"),
        ),
        ("dcm4che_ADT_A47-ChangePatientID", ("patient-change", "NEW_PID_1", "OLD_PID_1", "Smith^Lucy^Mark", "F")),
    ],
    ids=["animal", "update", "merge", "change"],
)
@pytest.mark.requirement("HL7-043", "HL7-044", "HL7-049")
def test_public_messages_of_others_say_what_they_should(name, expected):
    message = read((FOLDER / f"{name}.hl7").read_bytes())
    (one,) = patient_events(message, NOW)
    assert (message_handling(message), one.identifier.value, one.prior.value, one.name, one.sex) == expected
    assert one.birth_date == "20141014"
