"""What a performer may claim: only what is meant for it, is ready, and can be done here (AIW-I 4.82.4.1.1)."""

import dataclasses
from datetime import UTC, datetime

import pytest

from actors.task_performer.addresses import archive_of, destination_of
from actors.task_performer.guards import Station, guards, is_due, objections
from actors.task_performer.service import engine_for
from connectathon.fiction import new_order
from connectathon.workitems import ANALYSIS, new_workitem
from profiles.dicom import Code, items, put, put_codes, put_items
from profiles.errors import BadInput
from profiles.ups.parameters import want_version
from tests.task_performer.performer_engines import Quick

ARCHIVE = "http://127.0.0.1:8081/dicom-web"
POOL = Code("NEURO", "99SITE", "Neuro")
STATION = Station("AI_ONE", (ANALYSIS,), (ARCHIVE,), (POOL,), "St. Fiction", ((ANALYSIS, "1.0"),))


def dicom_input(study="2.25.1", series="2.25.2", kind="DICOM"):
    found = put(put({}, "StudyInstanceUID", study), "SeriesInstanceUID", series)
    return put(found, "TypeOfInstances", kind)


def destination(url):
    return put_items({}, "STOWRSStorageSequence", put({}, "StorageURL", url))


def human(organisation):
    found = put(put({}, "HumanPerformerOrganization", organisation), "HumanPerformerName", "READER^FICTIONAL")
    return put_codes(found, "HumanPerformerCodeSequence", Code("R1", "99SITE", "Reader"))


def station_code(value):
    return Code(value, "L", "Some station")


@pytest.fixture
def workitem():
    found = new_workitem(new_order(), now=datetime.now(UTC))
    return put_items(found, "InputInformationSequence", dicom_input())


CHANGES = {
    "AIWI-G-001": lambda one: put(one, "ProcedureStepState", "IN PROGRESS"),
    "AIWI-G-002": lambda one: put(one, "InputReadinessState", "INCOMPLETE"),
    "AIWI-G-003": lambda one: put_codes(one, "ScheduledWorkitemCodeSequence", Code("OTHER", "99TEST", "Other")),
    "AIWI-G-004": lambda one: put_codes(one, "ScheduledStationNameCodeSequence", station_code("AI_TWO")),
    "AIWI-G-005": lambda one: put_codes(one, "ScheduledStationClassCodeSequence", Code("BODY", "99SITE", "Body")),
    "AIWI-G-006": lambda one: put_items(one, "ScheduledHumanPerformersSequence", human("Elsewhere")),
    "AIWI-G-007": lambda one: put_items(one, "InputInformationSequence"),
    "AIWI-G-008": lambda one: put_items(one, "InputInformationSequence", dicom_input(kind="CDA")),
    "AIWI-G-009": lambda one: put_items(one, "OutputDestinationSequence", destination("http://127.0.0.1:9/x")),
    "AIWI-G-010": lambda one: want_version(one, "2.0"),
}


def test_a_workitem_that_is_ready_and_ours_may_be_claimed(workitem):
    assert objections(workitem, STATION) == []


def test_every_guard_has_a_workitem_that_it_alone_objects_to():
    assert list(CHANGES) == [guard.id for guard in guards()]


@pytest.mark.requirement("AIWI-TP-001", "AIWI-TP-006", "AIWI-TP-009", "AIWI-TP-013")
@pytest.mark.parametrize("guard", CHANGES)
def test_a_workitem_is_objected_to_by_guard(guard, workitem):
    CHANGES[guard](workitem)
    assert [found.id for found in objections(workitem, STATION)] == [guard]


@pytest.mark.requirement("AIWI-TP-001")
@pytest.mark.parametrize(
    "change",
    [
        lambda one: put_codes(one, "ScheduledStationNameCodeSequence", station_code("AI_ONE")),
        lambda one: put_codes(
            one, "ScheduledStationNameCodeSequence", station_code("AI_TWO"), Code("AI_ONE ", "99PEER", "One")
        ),
        lambda one: put_codes(one, "ScheduledStationClassCodeSequence", Code("BODY", "99SITE", "Body"), POOL),
        lambda one: put_items(one, "ScheduledHumanPerformersSequence", human("St. Fiction")),
        lambda one: put_items(
            one, "OutputDestinationSequence", destination("http://127.0.0.1:9/x"), destination(f"{ARCHIVE}/studies")
        ),
        lambda one: put_items(one, "InputInformationSequence", dicom_input(kind="")),
        lambda one: want_version(one, "1.0"),
    ],
    ids=[
        "station",
        "one-of-stations",
        "one-of-pools",
        "organisation",
        "one-of-destinations",
        "input-of-no-type",
        "version",
    ],
)
def test_a_workitem_that_is_meant_for_this_station_among_others_may_be_claimed(change, workitem):
    change(workitem)
    assert objections(workitem, STATION) == []


def test_of_two_versions_side_by_side_in_one_performer_the_one_that_is_asked_for_does_it(workitem):
    old = dataclasses.replace(Quick().describe(), workitem_codes=(ANALYSIS,))
    engines = {"old": old, "new": dataclasses.replace(old, version="2.0")}
    chosen = [engine_for(want_version(workitem, version), engines) for version in ("1.0", "2.0", "")]
    assert chosen == ["old", "new", "old"]
    with pytest.raises(BadInput, match="version"):
        engine_for(want_version(workitem, "3.0"), engines)


@pytest.mark.requirement("AIWI-TP-006")
@pytest.mark.parametrize("study", ["", "../studies", "2.25.1/series", "a.b"])
def test_an_input_that_is_named_by_no_uid_is_objected_to(study, workitem):
    put_items(workitem, "InputInformationSequence", dicom_input(study=study))
    assert [found.id for found in objections(workitem, STATION)] == ["AIWI-G-008"]


@pytest.mark.requirement("AIWI-TP-006")
def test_an_instance_that_is_named_by_no_uid_is_objected_to(workitem):
    (one,) = items(workitem, "InputInformationSequence")
    put_items(one, "ReferencedSOPSequence", put({}, "ReferencedSOPInstanceUID", "../x"))
    assert [found.id for found in objections(workitem, STATION)] == ["AIWI-G-008"]


@pytest.mark.requirement("AIWI-TP-001")
@pytest.mark.parametrize("codes", [[], [ANALYSIS, Code("OTHER", "99TEST", "Other")]], ids=["none", "two"])
def test_a_workitem_without_exactly_one_code_is_left_alone(codes, workitem):
    put_codes(workitem, "ScheduledWorkitemCodeSequence", *codes)
    assert [found.id for found in objections(workitem, STATION)] == ["AIWI-G-003"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (ARCHIVE, ARCHIVE),
        (f"{ARCHIVE}/studies/2.25.1", ARCHIVE),
        ("HTTP://127.0.0.1:8081/dicom-web/", ARCHIVE),
        ("http://127.0.0.1:8081/dicom-web-of-others", None),
        ("http://127.0.0.1:8081", None),
        ("http://127.0.0.1/dicom-web", None),
        ("http://user@evil.example/dicom-web?http://127.0.0.1:8081/dicom-web", None),
        ("http://127.0.0.1:8081@evil.example/dicom-web", None),
        ("https://127.0.0.1:8081/dicom-web", None),
        ("file:///etc/passwd", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_only_addresses_within_a_configured_archive_are_talked_to(url, found):
    assert archive_of(url, (ARCHIVE,)) == found


@pytest.mark.requirement("AIWI-TP-009")
def test_results_go_to_the_first_named_destination_that_is_configured(workitem):
    other = "http://127.0.0.1:8042/dicom-web"
    assert destination_of(workitem, (ARCHIVE, other)) == ARCHIVE
    put_items(
        workitem, "OutputDestinationSequence", destination("http://127.0.0.1:9/x"), destination(f"{other}/studies")
    )
    assert destination_of(workitem, (ARCHIVE, other)) == other


@pytest.mark.requirement("AIWI-TP-001", "AIWI-TP-013")
def test_a_performer_leaves_alone_what_it_may_not_do_and_takes_it_once_it_may(ward, performer):
    left = {}
    for guard in sorted(CHANGES.keys() - {"AIWI-G-001", "AIWI-G-008"}):
        workitem = put(
            CHANGES[guard](ward.workitem(ward.images(stored=False))), "ScheduledProcedureStepPriority", "HIGH"
        )
        left[guard] = ward.client.create(dict(sorted(workitem.items())))
    unready = put(ward.workitem(ward.images(stored=False)), "InputReadinessState", "INCOMPLETE")
    unready_uid = ward.client.create(dict(sorted(unready.items())))
    ours = ward.schedule(ward.images(stored=False))
    running = performer()
    ward.await_final(ours)
    assert ward.state(unready_uid) == "SCHEDULED"
    ward.client.update(unready_uid, put({}, "InputReadinessState", "READY"), None)
    ward.await_final(unready_uid)
    assert {ward.state(uid) for uid in left.values()} == {"SCHEDULED"}
    assert {event.thread.workitem_uid for event in running.told.events} == {ours, unready_uid}
    running.await_idle()


@pytest.mark.requirement("AIWI-TP-006")
def test_exactly_the_instances_that_the_workitem_names_are_retrieved(ward, performer):
    workitem = ward.workitem(ward.images(), "refusesimages")
    (one,) = items(workitem, "InputInformationSequence")
    put_items(one, "ReferencedSOPSequence", *items(one, "ReferencedSOPSequence")[:2])
    uid = ward.client.create(workitem)
    running = performer("RefusesImages")
    ward.await_final(uid)
    (retrieved,) = [event for event in running.told.events if event.step == "images-retrieved"]
    assert retrieved.details["InstanceCount"] == "2"


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("20260301090000+0000", True),
        ("20260301100000+0100", True),
        ("20260301090001+0000", False),
        ("20260301220000.000000+0000", False),
        ("", True),
        ("tonight", True),
    ],
)
def test_a_workitem_is_due_from_its_scheduled_start_on(workitem, start, due):
    put(workitem, "ScheduledProcedureStepStartDateTime", start)
    assert is_due(workitem, datetime(2026, 3, 1, 9, tzinfo=UTC)) is due
