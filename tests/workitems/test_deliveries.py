"""What triggers which event, for whom, and how what waits is read, confirmed and bounded (PS3.4 CC.2.4.3, D6)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectathon.workitems import STATION, new_workitem, performed
from profiles.dicom import put, put_codes, put_items, tag_of, vr_of
from profiles.ups.events import EventType, event_attributes, event_frame
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.model import Channel, EventKind
from workitems.notification import reports

OWN = "2.25.77"
REASON, CODES = "ReasonForCancellation", "ProcedureStepDiscontinuationReasonCodeSequence"
PROGRESS = "ProcedureStepProgressInformationSequence"


def now():
    return datetime.now(UTC)


class Ward:
    """A worklist, and what its subscribers are told."""

    def __init__(self, worklist, store):
        self.worklist, self.store = worklist, store

    def subscribe(self, name="WATCHER", target=GLOBAL_SUBSCRIPTION, channel=Channel.WEBSOCKET):
        self.worklist.subscriptions.subscribe(name, target, channel)

    def create(self, **more):
        dataset = new_workitem(now=now())
        for keyword, value in more.items():
            put(dataset, keyword, *value)
        return self.worklist.create(dataset).uid

    def told(self, name="WATCHER"):
        """Reports that wait for an AE, as type and Event Information, and forget them."""
        waiting = self.store.deliveries_after(0, 10_000, name)
        self.store.confirm(name, self.store.last_sequence())
        return [report for one in waiting for report in reports(one.event)]

    def types(self, name="WATCHER"):
        return [int(kind) for kind, _ in self.told(name)]


def value(information, keyword):
    element = information[tag_of(keyword)]
    assert element["vr"] == vr_of(keyword)
    return element["Value"][0]


@pytest.fixture
def ward(worklist, store):
    made = Ward(worklist, store)
    made.subscribe()
    return made


def human_performer(name):
    performer = {}
    put_codes(performer, "HumanPerformerCodeSequence", STATION)
    put(put(performer, "HumanPerformerName", f"{name}^Doctor"), "HumanPerformerOrganization", name)
    return performer


@pytest.mark.requirement("UPS-131")
def test_subscribing_to_a_workitem_tells_its_state_and_readiness_to_the_receiver_only(ward):
    uid = ward.create(InputReadinessState=["INCOMPLETE"])
    ward.told()
    ward.subscribe("OTHER", uid)
    [(kind, information)] = ward.told("OTHER")
    assert (kind, value(information, "ProcedureStepState")) == (EventType.STATE_REPORT, "SCHEDULED")
    assert value(information, "InputReadinessState") == "INCOMPLETE"
    assert ward.told() == []


@pytest.mark.requirement("UPS-134", "UPS-135", "AIWI-TM-061")
def test_creation_tells_the_state_and_the_assignment_where_there_is_one(ward):
    ward.create()
    assert ward.types() == [1]
    dataset = put_codes(new_workitem(now=now()), "ScheduledStationNameCodeSequence", STATION)
    ward.worklist.create(dataset)
    assert ward.types() == [1, 5]


@pytest.mark.requirement("UPS-136", "AIWI-TM-065")
def test_each_change_of_state_is_told_with_the_state_it_led_to(ward):
    uid = ward.create()
    ward.worklist.change_state(uid, "IN PROGRESS", OWN)
    ward.worklist.update(uid, performed(now()), OWN)
    ward.worklist.change_state(uid, "COMPLETED", OWN)
    states = [value(information, "ProcedureStepState") for _, information in ward.told()]
    assert states == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]


@pytest.mark.requirement("UPS-137", "AIWI-TM-066")
def test_a_change_of_readiness_is_told_and_no_change_is_not(ward):
    uid = ward.create(InputReadinessState=["INCOMPLETE"])
    ward.told()
    for state in ("READY", "READY"):
        ward.worklist.update(uid, put({}, "InputReadinessState", state), None)
    [(kind, information)] = ward.told()
    assert (kind, value(information, "InputReadinessState")) == (EventType.STATE_REPORT, "READY")


@pytest.mark.requirement("UPS-138", "AIWI-TM-045")
def test_a_request_to_cancel_is_told_with_who_asked_and_why(ward):
    uid = ward.create()
    ward.worklist.change_state(uid, "IN PROGRESS", OWN, "WATCHER")
    ward.told()
    details = put(put({}, REASON, "order withdrawn"), "ContactURI", "tel:+15550100")
    put_codes(put(details, "ContactDisplayName", "Reading room"), CODES, STATION)
    ward.worklist.request_cancel(uid, details, "RIS")
    [(kind, information)] = ward.told()
    assert kind is EventType.CANCEL_REQUESTED
    assert {tag: element for tag, element in information.items() if tag != tag_of("RequestingAE")} == details
    assert value(information, "RequestingAE") == "RIS"


@pytest.mark.requirement("UPS-138", "AIWI-TM-067")
def test_a_request_to_cancel_of_somebody_without_a_name_still_names_a_requesting_ae(ward):
    uid = ward.create()
    ward.worklist.change_state(uid, "IN PROGRESS", OWN, "WATCHER")
    ward.told()
    ward.worklist.request_cancel(uid, {})
    [(_, information)] = ward.told()
    assert value(information, "RequestingAE") == "UNKNOWN"
    assert set(information) == {tag_of("RequestingAE")}


@pytest.mark.requirement("UPS-139", "AIWI-TM-066")
def test_a_new_assignment_is_told_as_it_is_now_once_for_each_human_performer(ward):
    uid = ward.create()
    ward.told()
    changes = put_codes({}, "ScheduledStationNameCodeSequence", STATION)
    put_items(changes, "ScheduledHumanPerformersSequence", human_performer("one"), human_performer("two"))
    ward.worklist.update(uid, changes, None)
    told = ward.told()
    assert [int(kind) for kind, _ in told] == [5, 5]
    assert [value(information, "HumanPerformerOrganization") for _, information in told] == ["one", "two"]
    assert all(information[tag_of("ScheduledStationNameCodeSequence")]["Value"] for _, information in told)


@pytest.mark.requirement("UPS-140", "AIWI-TM-035", "AIWI-TM-066")
def test_progress_is_told_with_the_progress_information_as_it_is_now(ward):
    uid = ward.create()
    ward.worklist.change_state(uid, "IN PROGRESS", OWN)
    ward.told()
    contact = put({}, "ContactURI", "tel:+15550100")
    progress = put(put({}, "ProcedureStepProgress", "50"), "ProcedureStepProgressDescription", "half")
    put_items(progress, "ProcedureStepCommunicationsURISequence", contact)
    ward.worklist.update(uid, put_items({}, PROGRESS, progress), OWN)
    [(kind, information)] = ward.told()
    assert kind is EventType.PROGRESS_REPORT
    assert value(information, PROGRESS) == progress


@pytest.mark.requirement("UPS-140")
def test_the_reason_of_a_cancellation_to_come_is_no_progress_but_taking_progress_back_is(ward):
    uid = ward.create()
    ward.worklist.change_state(uid, "IN PROGRESS", OWN)
    ward.told()
    reason = put_codes({}, CODES, STATION)
    ward.worklist.update(uid, put_items({}, PROGRESS, reason), OWN)
    assert ward.told() == []
    ward.worklist.update(uid, put_items({}, PROGRESS, put({}, "ProcedureStepProgress", "50")), OWN)
    ward.worklist.update(uid, put_items({}, PROGRESS, reason), OWN)
    assert [value(information, PROGRESS) for _, information in ward.told()] == [
        put({}, "ProcedureStepProgress", "50"),
        {},
    ]


@pytest.mark.requirement("UPS-141", "UPS-142", "UPS-191")
@pytest.mark.parametrize("status", ["RESTARTED", "GOING DOWN"])
def test_the_status_of_the_server_is_told_to_all_subscribers_and_the_fallback_list_as_a_warm_start(status, ward):
    ward.subscribe("ONE", ward.create())
    for name in ("ONE", "WATCHER"):
        ward.told(name)
    ward.worklist.subscriptions.announce(status, ("NIGHT",))
    for name in ("ONE", "WATCHER", "NIGHT"):
        [(kind, information)] = ward.told(name)
        assert (kind, value(information, "SCPStatus")) == (EventType.SCP_STATUS_CHANGE, status)
        assert value(information, "SubscriptionListStatus") == "WARM START"
        assert value(information, "UnifiedProcedureStepListStatus") == "WARM START"


@pytest.mark.requirement("UPS-143")
def test_the_cancellation_of_a_scheduled_workitem_is_told_as_in_progress_and_canceled(ward):
    uid = ward.create()
    ward.told()
    ward.worklist.request_cancel(uid, put({}, REASON, "wrong patient"))
    told = ward.told()
    assert [value(information, "ProcedureStepState") for _, information in told] == ["IN PROGRESS", "CANCELED"]
    assert value(told[1][1], REASON) == "wrong patient"


@pytest.mark.requirement("AIWI-TM-067", "UPS-131")
def test_a_frame_has_the_command_elements_and_only_attributes_of_its_type_with_the_vr_of_the_dictionary(ward):
    ward.create()
    [(kind, information)] = ward.told()
    frame = event_frame(kind, "2.25.1", 2**16 + 7, information)
    assert list(frame)[:4] == ["00000002", "00000110", "00001000", "00001002"]
    assert frame["00000002"] == {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.34.6.1"]}
    assert frame["00000110"] == {"vr": "US", "Value": [7]}
    assert frame["00001000"] == {"vr": "UI", "Value": ["2.25.1"]}
    assert frame["00001002"] == {"vr": "US", "Value": [1]}
    assert set(information) <= set(event_attributes()[1])
    assert {element["vr"] for element in information.values()} == {"CS"}


@pytest.mark.requirement("AIWI-TM-067", "AIWI-TM-014")
def test_no_event_has_the_transaction_uid_or_the_patient(ward):
    uid = ward.create()
    ward.worklist.change_state(uid, "IN PROGRESS", OWN)
    ward.worklist.update(uid, performed(now()), OWN)
    ward.worklist.change_state(uid, "COMPLETED", OWN)
    content, said = ward.store.find(uid).content, repr(ward.told())
    assert OWN not in said
    for keyword in ("PatientName", "PatientID", "PatientBirthDate"):
        [found] = content[tag_of(keyword)]["Value"]
        assert str(found.get("Alphabetic") if isinstance(found, dict) else found) not in said


def test_all_deliveries_of_an_event_are_read_together_however_many_there_are(ward):
    for number in range(7):
        ward.subscribe(f"W{number}")
    ward.create()
    read, place = [], 0
    while found := ward.store.deliveries_after(place, 1):
        read += [one.receiver for one in found]
        place = found[-1].event.sequence
    assert sorted(read) == ["W0", "W1", "W2", "W3", "W4", "W5", "W6", "WATCHER"]


def test_who_is_told_over_another_channel_is_not_read_for_this_one(ward):
    ward.subscribe("OVER_DIMSE", channel=Channel.DIMSE)
    ward.create()
    ward.worklist.subscriptions.announce("RESTARTED", ("NIGHT",))
    [(_, first), (_, second)] = ward.store.told_after(0, 100, Channel.WEBSOCKET)
    assert (first, sorted(second)) == (["WATCHER"], ["NIGHT", "WATCHER"])
    assert ward.store.deliveries_after(0, 100, "OVER_DIMSE", Channel.WEBSOCKET) == []
    assert len(ward.store.deliveries_after(0, 100, "OVER_DIMSE", Channel.DIMSE)) == 2


def test_what_is_confirmed_waits_no_more_and_the_rest_does(ward):
    ward.subscribe("OTHER")
    for _ in range(3):
        ward.create()
    places = [one.event.sequence for one in ward.store.deliveries_after(0, 100, "WATCHER")]
    ward.store.confirm_all({"WATCHER": places[1], "OTHER": places[0]})
    assert [one.event.sequence for one in ward.store.deliveries_after(0, 100, "WATCHER")] == places[2:]
    assert [one.event.sequence for one in ward.store.deliveries_after(0, 100, "OTHER")] == places[1:]


def test_of_a_bounded_backlog_the_newest_are_kept_and_the_loss_is_told_once_and_durably(ward):
    ward.subscribe("OTHER", channel=Channel.DIMSE)
    for _ in range(5):
        ward.create()
    ward.store.confirm("OTHER", ward.store.last_sequence())
    kept = [one.event for one in ward.store.deliveries_after(0, 100, "WATCHER")][3:]
    assert ward.store.bound_backlogs(2) == [("WATCHER", 3)]
    assert ward.store.bound_backlogs(2) == []
    subscriptions = ward.worklist.subscriptions
    assert subscriptions.take_overflow("OTHER") is None
    status = subscriptions.take_overflow("WATCHER")
    [(kind, information)] = reports(status)
    assert (kind, value(information, "SCPStatus")) == (EventType.SCP_STATUS_CHANGE, "RESTARTED")
    assert value(information, "UnifiedProcedureStepListStatus") == "WARM START"
    assert subscriptions.take_overflow("WATCHER") is None
    waiting = [one.event for one in ward.store.deliveries_after(0, 100, "WATCHER")]
    assert [one.sequence for one in waiting] == [*(one.sequence for one in kept), status.sequence]
    assert waiting[-1].kind is EventKind.SCP_STATUS


@settings(max_examples=200, deadline=None)
@given(number=st.integers(1, 2**40))
def test_the_message_id_of_an_event_is_always_the_same_and_fits_its_vr(number):
    frame = event_frame(EventType.STATE_REPORT, "2.25.1", number, {})
    assert 0 <= frame["00000110"]["Value"][0] < 2**16
    assert frame == event_frame(EventType.STATE_REPORT, "2.25.1", number, {})
