"""What an order is, as a fold over its events: the rows of orders.md 4.3, and that arrival never matters."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.task_requester.projection import Event, Phase, doing, fold, other_patient, overlay, same_order
from profiles.hl7 import EntityIdentifier, ImagingOrder, order_action
from profiles.hl7.values import Patient
from profiles.tables import read_table

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def event(control, status="", minutes=0, **said):
    """What a message with a control code and a status tells at some minute."""
    values = {
        "filler": EntityIdentifier("F1", "RIS"),
        "accession": EntityIdentifier("A1"),
        "patient": Patient(EntityIdentifier("P1", "SITE")),
        **said,
    }
    order = ImagingOrder(control=control, status=status, **values)
    return Event(doing(control, status).action, (NOW + timedelta(minutes=minutes)).isoformat(), order)


ROWS = [
    ("HL7-028", [("NW", "SC")], Phase.ACTIVE),
    ("HL7-028", [("NW", "")], Phase.ACTIVE),
    ("HL7-028", [("NW", "IP")], Phase.ACTIVE),
    ("HL7-035", [("NW", "CA")], Phase.CANCELED),
    ("HL7-035", [("CA", "CA"), ("XO", "SC")], Phase.CANCELED),
    ("HL7-032", [("NW", "SC"), ("CA", "SC")], Phase.CANCELED),
    ("HL7-032", [("NW", "SC"), ("OC", "")], Phase.CANCELED),
    ("HL7-032", [("NW", "SC"), ("XO", "CA")], Phase.CANCELED),
    ("HL7-032", [("NW", "SC"), ("SC", "CA")], Phase.CANCELED),
    ("HL7-038", [("NW", "SC"), ("DC", "CA")], Phase.CANCELED),
    ("HL7-038", [("NW", "SC"), ("SC", "DC")], Phase.CANCELED),
    ("HL7-039", [("NW", "SC"), ("HD", "")], Phase.HELD),
    ("HL7-039", [("NW", "SC"), ("SC", "HD")], Phase.HELD),
    ("HL7-039", [("NW", "SC"), ("HD", "HD"), ("RL", "SC")], Phase.ACTIVE),
    ("HL7-039", [("HD", "HD"), ("RL", "")], Phase.INCOMPLETE),
    ("HL7-039", [("HD", "HD"), ("NW", "SC")], Phase.HELD),
    ("HL7-039", [("CA", "CA"), ("HD", "HD"), ("RL", "")], Phase.CANCELED),
    ("HL7-040", [("NW", "SC"), ("RP", "")], Phase.SUPERSEDED),
    ("HL7-040", [("NW", "SC"), ("RU", "")], Phase.SUPERSEDED),
    ("HL7-040", [("NW", "SC"), ("SC", "RP")], Phase.SUPERSEDED),
    ("HL7-040", [("NW", "SC"), ("RP", ""), ("RO", "SC")], Phase.ACTIVE),
    ("HL7-040", [("RO", "SC")], Phase.ACTIVE),
    ("HL7-029", [("NW", "SC"), ("CA", "CA"), ("NW", "SC")], Phase.CANCELED),
    ("HL7-029", [("NW", "SC"), ("RP", "RP"), ("NW", "SC")], Phase.SUPERSEDED),
    ("HL7-041", [("SN", "")], Phase.INCOMPLETE),
    ("HL7-041", [("NA", "")], Phase.INCOMPLETE),
    ("HL7-042", [("NW", "SC"), ("UC", "CA")], Phase.ACTIVE),
    ("HL7-042", [("NW", "SC"), ("CR", "CA")], Phase.ACTIVE),
    ("HL7-042", [("NW", "SC"), ("SC", "ER")], Phase.ACTIVE),
    ("HL7-028", [("PA", "")], Phase.INCOMPLETE),
    ("HL7-028", [("CH", "")], Phase.ACTIVE),
]


@pytest.mark.requirement(*dict.fromkeys(row[0] for row in ROWS))
@pytest.mark.parametrize(
    ("controls", "phase"), [row[1:] for row in ROWS], ids=["-".join("".join(one) for one in row[1]) for row in ROWS]
)
def test_controls_bring_an_order_where_the_table_says(controls, phase):
    events = [event(control, status, minute) for minute, (control, status) in enumerate(controls)]
    for arrival in itertools.permutations(events):
        assert fold(arrival).phase is phase


@pytest.mark.requirement("HL7-042")
def test_every_control_code_of_the_hl7_table_is_decided_here_too():
    expected = {"create", "update", "status", "cancel", "hold", "release", "note"}
    for row in read_table("profiles.hl7", "order_control"):
        assert order_action(row["code"], "") in expected
        known = doing(row["code"], "")
        assert (known.action == "note") == (row["action"] == "note" and row["code"] not in {"SN", "NA"}) or (
            row["code"] == "PA"
        ), row["code"]


@pytest.mark.requirement("HL7-032", "HL7-038", "HL7-040")
@pytest.mark.parametrize(
    ("control", "status", "reason"),
    [
        ("CA", "CA", "110500"),
        ("DC", "CA", "110513"),
        ("SC", "DC", "110513"),
        ("RP", "", "110528"),
        ("OD", "", "110513"),
    ],
)
def test_the_reason_of_an_end_is_coded_as_the_table_says(control, status, reason):
    end = event(control, status, 1, cancel_reason="patient went home")
    standing = fold([event("NW", "SC"), end])
    assert (standing.reason, standing.reason_text) == (reason, "patient went home")


@pytest.mark.requirement("HL7-037")
@pytest.mark.parametrize(
    ("control", "status", "exam"),
    [("SC", "CM", "done"), ("XO", "CM", "done"), ("NW", "CM", "done"), ("SC", "A", "partial"), ("SC", "IP", "")],
)
def test_a_status_ends_the_examination_and_nothing_opens_it_again(control, status, exam):
    events = [event("NW", "SC"), event(control, status, 1), event("SC", "IP", 2), event("XO", "SC", 3)]
    assert fold(events).exam == exam


@pytest.mark.requirement("HL7-042")
def test_a_sender_that_does_not_know_the_order_calls_for_a_person():
    assert fold([event("NW", "SC"), event("SC", "ER", 1)]).unknown
    assert not fold([event("NW", "SC"), event("SC", "SC", 1)]).unknown


@pytest.mark.requirement("HL7-035")
def test_an_order_cancelled_before_it_came_opens_only_when_newer_by_the_window_of_the_site():
    events = [event("CA", "CA"), event("NW", "SC", 5)]
    assert fold(events).phase is Phase.ACTIVE
    assert fold(events, reopen_seconds=600).phase is Phase.CANCELED


@pytest.mark.requirement("HL7-031")
def test_the_newest_statement_of_each_field_holds_and_empty_ones_change_nothing():
    events = [
        event("NW", "SC", priority="R", reason="headache"),
        event("XO", "SC", 5, priority="S", patient=Patient()),
        event("XO", "SC", 3, priority="A"),
    ]
    for arrival in itertools.permutations(events):
        order = fold(arrival).order
        assert (order.priority, order.reason, order.patient.identifier.value) == ("S", "headache", "P1")


@pytest.mark.requirement("HL7-041")
def test_numbers_that_are_assigned_later_belong_to_the_order():
    assigned = event("NA", "", 2, placer=EntityIdentifier("P9", "EHR"))
    assert fold([event("NW", "SC"), assigned]).order.placer.value == "P9"


def test_what_an_order_says_counts_more_than_what_its_images_say():
    images = ImagingOrder(origin="arrival", called_ae="BRAIN", patient=Patient(EntityIdentifier("P1"), name="TYPO"))
    arrival = Event("images", (NOW + timedelta(hours=1)).isoformat(), images)
    ordered = event("NW", "SC", patient=Patient(EntityIdentifier("P1"), name="RIGHT"))
    order = fold([arrival, ordered]).order
    assert (order.patient.name, order.called_ae, order.origin) == ("RIGHT", "BRAIN", "hl7")


@pytest.mark.requirement("HL7-026")
def test_orders_are_told_apart_by_study_and_numbers_and_recognised_by_an_earlier_accession_number():
    study = ImagingOrder(study_instance_uid="1.2", filler=EntityIdentifier("F1"), accession=EntityIdentifier("A1"))
    moved = ImagingOrder(study_instance_uid="1.2", accession=EntityIdentifier("A2"))
    assert not same_order([study], overlay(study, ImagingOrder(study_instance_uid="1.3")))
    assert not same_order([study], overlay(study, ImagingOrder(filler=EntityIdentifier("F2"))))
    assert same_order([study], moved)
    assert same_order([study, moved], ImagingOrder(accession=EntityIdentifier("A1")))
    assert same_order([study, moved], ImagingOrder(accession=EntityIdentifier("A2")))
    assert not same_order([study], ImagingOrder(accession=EntityIdentifier("A3")))


@pytest.mark.requirement("HL7-053")
def test_an_order_number_an_accession_number_or_a_study_never_changes_its_patient():
    known = [event("NW", "SC", study_instance_uid="1.2").order]
    other = Patient(EntityIdentifier("P2", "SITE"))
    unnumbered = {"filler": EntityIdentifier(), "accession": EntityIdentifier()}
    assert other_patient(known, event("XO", patient=other, accession=EntityIdentifier()).order)
    assert other_patient(known, event("XO", patient=other, filler=EntityIdentifier("F9")).order)
    assert other_patient(known, event("XO", patient=other, study_instance_uid="1.2", **unnumbered).order)
    assert not other_patient(known, event("XO", patient=other, study_instance_uid="1.3", **unnumbered).order)
    assert not other_patient(known, event("XO", patient=Patient(EntityIdentifier("P1"))).order)
    assert not other_patient(known, event("CA", patient=Patient()).order)


PAIRS = [
    (row["control"], row["status"].replace("*", "SC")) for row in read_table("actors.task_requester", "life_cycle")
]
EVENTS = st.lists(
    st.builds(
        lambda pair, minute, priority, accession: event(
            *pair, minute, priority=priority, accession=EntityIdentifier(accession)
        ),
        st.sampled_from([pair for pair in PAIRS if pair[0] != "*"]),
        st.integers(0, 4),
        st.sampled_from(["", "R", "S"]),
        st.sampled_from(["A1", "A2"]),
    ),
    max_size=8,
)


@pytest.mark.requirement("HL7-036")
@given(EVENTS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_comes_to_the_same_order(events, random):
    shuffled = random.sample(events, len(events))
    assert fold(shuffled) == fold(events)


@pytest.mark.requirement("HL7-029", "HL7-036")
@given(EVENTS)
def test_what_comes_again_changes_nothing(events):
    assert fold([*events, *events]) == fold(events)
