"""Who does a workitem: assigned by policy, rejected by its station, given to the next (AIW-I 50.4.2.4)."""

import threading
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectathon.workitems import ANALYSIS, new_workitem
from profiles.dicom import Code, get, get_code, item, new_uid, put_codes
from profiles.errors import StepwellError
from profiles.ups import State
from profiles.ups.parameters import want_version
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.model import Channel, EventKind
from workitems.policy import Assignment, Policy, assigned_station
from workitems.worklist import Worklist

REJECTED = Code("110530", "DCM", "Workitem assignment rejected by assigned resource")
REASON = "ProcedureStepDiscontinuationReasonCodeSequence"
STATIONS = tuple(Code(f"AI_{number}", "L", f"AI {number}") for number in range(1, 6))


def now():
    return datetime.now(UTC)


def assigning(store, *stations):
    return Worklist(store, now, policy=Policy(assignments=[Assignment(ANALYSIS, stations)] if stations else []))


def reject(worklist, uid, requester, reason=REJECTED):
    details = put_codes({}, REASON, reason)
    return worklist.request_cancel(uid, details, requester).warning


def station_of(worklist, uid):
    return assigned_station(worklist.retrieve(uid))


def kinds(store, uid):
    return [event.kind for event in store.events_after(0, 10_000) if event.workitem_uid == uid]


@pytest.mark.requirement("UPS-101")
def test_a_workitem_that_nobody_is_named_for_goes_to_the_first_station_and_the_answer_says_so(store):
    worklist = assigning(store, *STATIONS[:2])
    outcome = worklist.create(new_workitem(now=now()))
    assert outcome.warning == "created-with-modifications"
    assert get_code(worklist.retrieve(outcome.uid), "ScheduledStationNameCodeSequence") == STATIONS[0]
    assert kinds(store, outcome.uid) == [EventKind.CREATED, EventKind.ASSIGNED]


def test_a_version_that_is_asked_for_goes_to_the_stations_that_have_it(store):
    new, any_ = Assignment(ANALYSIS, STATIONS[:1], engine_version="2"), Assignment(ANALYSIS, STATIONS[1:2])
    policy = Policy(assignments=[new, any_])
    asked = [policy.station_for(want_version(new_workitem(now=now()), version)) for version in ("2", "1", "")]
    assert asked == [STATIONS[0], STATIONS[1], STATIONS[1]]


def test_a_station_that_the_requester_names_is_kept_and_a_code_without_rule_is_open_to_all(store):
    worklist = assigning(store, STATIONS[0])
    named = put_codes(new_workitem(now=now()), "ScheduledStationNameCodeSequence", Code("MINE", "L", "mine"))
    other = put_codes(new_workitem(now=now()), "ScheduledWorkitemCodeSequence", Code("OTHER", "99", "other"))
    assert station_of(worklist, worklist.create(named).uid) == "MINE"
    assert station_of(worklist, worklist.create(other).uid) == ""


@given(count=st.integers(1, 5))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.requirement("UPS-067")
def test_each_station_may_reject_once_and_after_the_last_the_workitem_is_canceled(count, store):
    worklist = assigning(store, *STATIONS[:count])
    uid, asked = worklist.create(new_workitem(now=now())).uid, []
    while worklist.find(uid).state is State.SCHEDULED:
        asked.append(station_of(worklist, uid))
        assert reject(worklist, uid, asked[-1]) == ""
    assert asked == [station.value for station in STATIONS[:count]]
    progress = item(worklist.retrieve(uid), "ProcedureStepProgressInformationSequence")
    assert get_code(progress, REASON).same_as(REJECTED)
    assert get(progress, "ProcedureStepCancellationDateTime")
    reassigned = [EventKind.ASSIGNED] * (count - 1)
    ends = [EventKind.STARTED, EventKind.CANCELED]
    assert kinds(store, uid) == [EventKind.CREATED, EventKind.ASSIGNED, *reassigned, *ends]


@pytest.mark.requirement("UPS-139")
def test_whoever_follows_the_workitem_is_told_of_its_new_station(store):
    worklist = assigning(store, *STATIONS[:2])
    uid = worklist.create(new_workitem(now=now())).uid
    worklist.subscriptions.subscribe("WATCHER", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
    reject(worklist, uid, "AI_1")
    [delivery] = store.deliveries_after(0, 10, "WATCHER")
    assert delivery.event.kind is EventKind.ASSIGNED
    assert assigned_station(delivery.event.content) == "AI_2"


@pytest.mark.parametrize(
    ("requester", "reason"),
    [("OTHER", REJECTED), ("", REJECTED), ("AI_1", Code("110510", "DCM", "Duplicate order"))],
)
@pytest.mark.requirement("UPS-067", "AIWI-TM-044")
def test_any_other_request_to_cancel_cancels_as_dicom_says(requester, reason, store):
    worklist = assigning(store, *STATIONS[:2])
    uid = worklist.create(new_workitem(now=now())).uid
    reject(worklist, uid, requester, reason)
    assert worklist.find(uid).state is State.CANCELED


def test_a_station_without_a_rule_for_others_rejects_and_the_workitem_is_canceled(store):
    worklist = assigning(store)
    dataset = put_codes(new_workitem(now=now()), "ScheduledStationNameCodeSequence", STATIONS[0])
    uid = worklist.create(dataset).uid
    reject(worklist, uid, "AI_1")
    assert worklist.find(uid).state is State.CANCELED


def test_a_station_that_rejects_while_it_is_claimed_does_one_or_the_other(store):
    """Claimed by the next station, or reassigned first and claimed then: never canceled, never claimed twice."""
    worklist = assigning(store, *STATIONS[:2])
    for _ in range(10):
        uid, transaction = worklist.create(new_workitem(now=now())).uid, new_uid()
        barrier = threading.Barrier(2)

        def rejecting(uid=uid, barrier=barrier):
            barrier.wait()
            try:
                reject(worklist, uid, "AI_1")
            except StepwellError as error:
                assert error.row_key == "performer-not-contacted"  # noqa: PT017 - the claim came first

        def claiming(uid=uid, barrier=barrier, transaction=transaction):
            barrier.wait()
            worklist.change_state(uid, "IN PROGRESS", transaction, "AI_2")

        threads = [threading.Thread(target=work) for work in (rejecting, claiming)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        held = worklist.find(uid)
        assert (held.state, held.transaction_uid) == (State.IN_PROGRESS, transaction)
