"""Who a patient is follows from what was told, not from when it was received."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.task_requester.patients_folding import Happened, Registry, present_patient, told_attributes, trouble
from profiles.hl7 import EntityIdentifier, ImagingOrder
from profiles.hl7.adt import PatientAction, PatientEvent
from profiles.hl7.values import Patient

UPDATE, MERGE, CHANGE = PatientAction


def named(value, namespace="SITE1", universal=""):
    return EntityIdentifier(value, namespace, universal)


def at(minute, identifier, prior="", action=None, **said):
    """What happened at a minute: an update, or a merge when there is a prior identifier."""
    ids = [named(one) if isinstance(one, str) and one else one or EntityIdentifier() for one in (identifier, prior)]
    action = action or (MERGE if prior else UPDATE)
    return Happened(f"2027-01-04T09:{minute:02d}", PatientEvent(action, *ids, **said))


def known(events, identifier):
    return Registry(events).known(named(identifier) if isinstance(identifier, str) else identifier)


def code(events, happened):
    """The code of what speaks against an event; None when nothing does."""
    found = Registry(events).against(happened)
    return found and found.code


@pytest.mark.requirement("HL7-043", "HL7-020")
def test_the_newest_of_each_attribute_counts_and_the_null_deletes():
    events = [
        at(1, "A", name="Old^Name", birth_date="19610322", sex="F"),
        at(3, "A", name="New^Name", sex=""),
        at(2, "A", name="Between", sex="M"),
    ]
    assert known(events, "A").said == {"name": "New^Name", "birth_date": "19610322", "sex": ""}


@pytest.mark.requirement("HL7-044")
def test_merges_are_followed_to_the_end():
    events = [at(1, "B", "A"), at(2, "C", "B"), at(3, "D", "X")]
    found = known(events, "A")
    assert (found.identifier, found.others) == (named("C"), (named("A"), named("B")))
    assert found.gone_since == "2027-01-04T09:01"
    assert not known(events, "C").gone_since


@pytest.mark.requirement("HL7-044")
def test_an_update_under_a_retired_identifier_is_one_of_the_survivor():
    events = [at(1, "C", "A"), at(2, "A", name="Muster^Eva")]
    assert known(events, "C").said == {"name": "Muster^Eva"}
    assert known(events, "A").identifier == named("C")


@pytest.mark.parametrize(
    ("events", "happened", "expected"),
    [
        ([], at(2, "A", "A"), 205),
        ([at(1, "B", "A")], at(2, "A", "B"), 205),
        ([at(1, "B", "A"), at(2, "C", "B")], at(3, "A", "C"), 205),
        ([at(1, "B", "A")], at(2, "D", "A"), 205),
        ([at(1, "B", "A")], at(2, "B", "A"), None),
        ([at(1, "B", "A"), at(2, "C", "B")], at(3, "C", "A"), None),
        ([at(1, "B", "A")], at(2, "C", "B"), None),
    ],
    ids=["itself", "circle", "longer circle", "two survivors", "again", "known by way of another", "chain"],
)
@pytest.mark.requirement("HL7-045")
def test_a_merge_that_cannot_be_is_refused_and_a_repeated_one_is_known(events, happened, expected):
    assert code(events, happened) == expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], None),
        ([at(1, "A", name="Muster")], None),
        ([at(1, "B", name="Muster")], 205),
        ([at(9, "B", name="Muster")], None),
        ([at(1, "B", "A", CHANGE)], None),
    ],
    ids=["nothing known", "the old one known", "the new one known", "the new one known later", "again"],
)
@pytest.mark.requirement("HL7-049")
def test_an_identifier_changes_only_to_one_that_nobody_had(events, expected):
    assert code(events, at(5, "B", "A", CHANGE)) == expected


@pytest.mark.requirement("HL7-044", "HL7-055")
def test_the_same_number_of_two_authorities_is_two_patients():
    theirs = named("7", "SITE2")
    events = [at(1, "7", name="Muster"), at(2, theirs, name="Meier")]
    assert known(events, "7").said["name"] == "Muster"
    assert known(events, theirs).said["name"] == "Meier"
    unclear = known(events, named("7", ""))
    assert (unclear.is_registered, len(unclear.sharing)) == (False, 2)
    assert code(events, at(3, "A", named("7", ""))) == 204


@pytest.mark.requirement("HL7-044", "HL7-055")
def test_an_identifier_without_authority_is_the_only_one_of_its_value():
    events = [at(1, named("7", "SITE1", "1.2.3"), name="Muster"), at(2, "7", sex="F")]
    assert known(events, named("7", "")).said == {"name": "Muster", "sex": "F"}
    assert known(events, named("7", "")).identifier == named("7", "SITE1", "1.2.3")


@pytest.mark.requirement("HL7-050")
def test_an_order_fills_what_nobody_told_and_overwrites_nothing():
    patient = Patient(named("A"), name="Stale^Name", birth_date="19610322", sex="F")
    found = known([at(1, "A", name="Muster^Eva", sex="")], "A")
    assert present_patient(patient, found) == Patient(named("A"), name="Muster^Eva", birth_date="19610322", sex="")
    assert told_attributes(found) == ("PatientName", "PatientSex")
    assert present_patient(patient, known([], "A")) == patient


@pytest.mark.requirement("HL7-044", "HL7-047")
def test_an_order_for_a_retired_identifier_is_one_for_the_survivor():
    found = known([at(1, "C", "A")], "A")
    patient = present_patient(Patient(named("A")), found)
    assert (patient.identifier, patient.other_identifiers) == (named("C"), (named("A"),))
    assert told_attributes(found) == ("PatientID", "IssuerOfPatientID")


@pytest.mark.parametrize(
    ("identifier", "name", "born", "required", "word"),
    [
        ("A", "Muster^Eva", "19610322", True, ""),
        ("A", "Married^Eva", "19610322", False, ""),
        ("A", "Muster^Eva", "19610323", False, ""),
        ("A", "Meier^Hans", "19500101", False, "another birth date"),
        ("Q", "Meier^Hans", "19500101", False, ""),
        ("Q", "Meier^Hans", "19500101", True, "Nobody told"),
        (named("S", ""), "", "", False, "SITE1, SITE2"),
    ],
    ids=["same", "married", "mistyped date", "somebody else", "unknown", "unknown and required", "shared"],
)
@pytest.mark.requirement("HL7-050", "HL7-053")
def test_a_doubt_about_the_patient_is_left_to_a_person(identifier, name, born, required, word):
    events = [
        at(1, "A", name="Muster^Eva", birth_date="19610322"),
        at(2, "S", name="One"),
        at(3, named("S", "SITE2"), name="Other"),
    ]
    identifier = named(identifier) if isinstance(identifier, str) else identifier
    order = ImagingOrder(patient=Patient(identifier, name=name, birth_date=born))
    found = trouble(order, known(events, identifier), must_be_registered=required)
    assert word in found
    assert bool(found) == bool(word)


@st.composite
def histories(draw):
    """Updates of some patients, each of which was merged into one of the later ones at most."""
    count = draw(st.integers(2, 5))
    links = [at(20 + n, f"P{draw(st.integers(n + 1, count))}", f"P{n}") for n in range(count) if draw(st.booleans())]
    said = st.sampled_from([None, "", "Muster", "Meier"])
    updates = [
        at(draw(st.integers(0, 50)), f"P{draw(st.integers(0, count))}", name=draw(said), sex=draw(said))
        for _ in range(draw(st.integers(0, 6)))
    ]
    return links + updates


@given(st.data())
@pytest.mark.requirement("HL7-036", "HL7-044")
def test_every_order_of_arrival_comes_to_the_same_patients(data):
    events = data.draw(histories())
    shuffled = data.draw(st.permutations(events))
    for number in range(6):
        assert known(shuffled, f"P{number}") == known(events, f"P{number}")
    for place, happened in enumerate(shuffled):
        assert code(shuffled[:place], happened) is None
