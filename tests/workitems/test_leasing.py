"""A claim that its performer does not renew is ended by the server and replaced (DESIGN D7, ups.md 6.4)."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectathon.workitems import ANALYSIS, new_workitem, performed
from profiles.dicom import Code, get, get_code, item, items, new_uid, put_codes
from profiles.errors import StepwellError
from profiles.ups import State
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.leasing import release, release_expired
from workitems.model import Channel, EventKind
from workitems.policy import Assignment, Lease, Policy, assigned_station
from workitems.store import Store
from workitems.worklist import Worklist

MINUTE = timedelta(minutes=1)
ONE, TWO = Code("AI_ONE", "L", "AI one"), Code("AI_TWO", "L", "AI two")
PROGRESS = "ProcedureStepProgressInformationSequence"


class Clock:
    def __init__(self):
        self.now = datetime(2026, 5, 4, 8, tzinfo=UTC)

    def __call__(self):
        return self.now


class Department:
    """A worklist with a clock that the test turns, and performers that claim and update."""

    def __init__(self, store, *, attempts=3, leases=None, assignments=()):
        self.clock, self.store = Clock(), store
        leases = [Lease(60, attempts)] if leases is None else leases
        self.worklist = Worklist(store, self.clock, policy=Policy(leases, assignments))

    def created(self, station=None):
        dataset = new_workitem(now=self.clock.now)
        if station:
            put_codes(dataset, "ScheduledStationNameCodeSequence", station)
        return self.worklist.create(dataset).uid

    def claimed(self, performer="AI_ONE", uid=None, station=None):
        uid, transaction = uid or self.created(station), new_uid()
        self.worklist.change_state(uid, "IN PROGRESS", transaction, performer)
        return uid, transaction

    def after(self, minutes):
        self.clock.now += minutes * MINUTE
        return list(release_expired(self.worklist, self.store, self.clock.now))

    def events_of(self, uid):
        return [event.kind for event in self.store.events_after(0, 1000) if event.workitem_uid == uid]


@pytest.fixture
def department(store):
    return Department(store)


def test_a_claim_whose_lease_ran_out_is_canceled_with_the_reason_and_replaced(department):
    uid, _ = department.claimed()
    [released] = department.after(2)
    old, heir = department.worklist.find(uid), department.worklist.find(released.heir.uid)
    assert (old.state, heir.state) == (State.CANCELED, State.SCHEDULED)
    progress = item(old.content, PROGRESS)
    assert get_code(progress, "ProcedureStepDiscontinuationReasonCodeSequence").value == "110528"
    assert "AI_ONE" in get(progress, "ReasonForCancellation")
    assert get(progress, "ProcedureStepCancellationDateTime")
    replaced = item(heir.content, "ReplacedProcedureStepSequence")
    assert get(replaced, "ReferencedSOPInstanceUID") == uid
    assert not items(heir.content, PROGRESS)
    assert not items(heir.content, "UnifiedProcedureStepPerformedProcedureSequence")
    assert (heir.attempt, heir.performer, heir.transaction_uid) == (2, "", "")
    assert department.events_of(uid) == [EventKind.CREATED, EventKind.CLAIMED, EventKind.CANCELED]
    assert department.events_of(heir.uid) == [EventKind.CREATED]


@pytest.mark.requirement("UPS-040", "UPS-080")
def test_two_performers_can_never_both_complete_the_same_workitem(department):
    """DESIGN D7: the first comes back late; it can neither update nor complete, whatever the second did."""
    uid, first = department.claimed()
    [released] = department.after(2)
    for heir_done in (False, True):
        if heir_done:
            _, second = department.claimed("AI_TWO", released.heir.uid)
            department.worklist.update(released.heir.uid, performed(department.clock.now), second)
            department.worklist.change_state(released.heir.uid, "COMPLETED", second)
        for late in (first, new_uid()):
            with pytest.raises(StepwellError):
                department.worklist.update(uid, performed(department.clock.now), late)
            for target in (uid, released.heir.uid):
                with pytest.raises(StepwellError):
                    department.worklist.change_state(target, "COMPLETED", late)
    assert department.worklist.find(uid).state is State.CANCELED


@given(pauses=st.lists(st.integers(1, 59), max_size=8), silence=st.integers(61, 600))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_update_renews_the_lease_and_only_silence_ends_it(department, pauses, silence):
    uid, transaction = department.claimed()
    for pause in pauses:
        assert department.after(pause / 60) == []
        department.worklist.update(uid, {"00400400": {"vr": "LT", "Value": ["working"]}}, transaction)
    assert [one.canceled.uid for one in department.after(silence / 60)] == [uid]


def test_a_performer_that_completes_in_time_keeps_its_work(department):
    uid, transaction = department.claimed()
    department.worklist.update(uid, performed(department.clock.now), transaction)
    department.worklist.change_state(uid, "COMPLETED", transaction)
    assert department.after(60) == []
    assert department.worklist.find(uid).state is State.COMPLETED


def test_after_the_last_attempt_there_is_a_dead_letter_and_nothing_to_claim(store):
    department = Department(store, attempts=2)
    uid, _ = department.claimed()
    [first] = department.after(2)
    department.claimed("AI_TWO", first.heir.uid)
    [last] = department.after(2)
    assert last.heir is None
    progress = item(department.worklist.retrieve(first.heir.uid), PROGRESS)
    assert get_code(progress, "ProcedureStepDiscontinuationReasonCodeSequence").value == "110529"
    assert "a person must decide" in get(progress, "ReasonForCancellation")
    assert department.worklist.search({"ProcedureStepState": "SCHEDULED"}, 10).workitems == []
    assert get_code(
        item(department.worklist.retrieve(uid), PROGRESS), "ProcedureStepDiscontinuationReasonCodeSequence"
    ).same_as(Code("110528", "DCM"))


@pytest.mark.parametrize(
    ("lease", "performer", "holds"),
    [
        (Lease(60), "", True),
        (Lease(60), "AI_ONE", True),
        (Lease(60, performer="AI_ONE"), "AI_ONE", True),
        (Lease(60, performer="AI_ONE"), "AI_TWO", False),
        (Lease(60, performer="AI_ONE"), "", False),
        (Lease(60, workitem_code=ANALYSIS), "AI_ONE", True),
        (Lease(60, workitem_code=Code("OTHER", "99STEPWELL")), "AI_ONE", False),
        (None, "AI_ONE", False),
    ],
)
def test_only_claims_that_a_lease_is_meant_for_run_out(lease, performer, holds, store):
    department = Department(store, leases=[lease] if lease else [])
    department.claimed(performer)
    assert bool(department.after(2)) is holds


def test_the_replacement_can_be_claimed_by_others_than_who_let_it_run_out(store):
    department = Department(store)
    department.claimed("AI_ONE", station=ONE)
    [released] = department.after(2)
    assert assigned_station(released.heir.content) == ""


def test_the_replacement_goes_to_the_next_station_and_the_first_gets_it_again_when_no_other_is_left(store):
    department = Department(store, attempts=4, assignments=[Assignment(ANALYSIS, (ONE, TWO))])
    uid, seen = department.created(), []
    for _ in range(3):
        station = assigned_station(department.worklist.retrieve(uid))
        seen.append(station)
        department.claimed(station, uid)
        [released] = department.after(2)
        uid = released.heir.uid
    assert seen == ["AI_ONE", "AI_TWO", "AI_ONE"]
    assert department.events_of(uid) == [EventKind.CREATED, EventKind.ASSIGNED]


def test_an_assignment_to_somebody_else_than_who_failed_stays(store):
    department = Department(store)
    department.claimed("INTRUDER", station=ONE)
    [released] = department.after(2)
    assert assigned_station(released.heir.content) == "AI_ONE"


@pytest.mark.requirement("UPS-134")
def test_whoever_followed_the_old_workitem_follows_its_replacement_without_asking(department, store):
    uid, _ = department.claimed()
    follow = department.worklist.subscriptions.subscribe
    follow("WATCHER", uid, Channel.WEBSOCKET, locked=True)
    follow("BOARD", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
    place = store.last_sequence()
    [released] = department.after(2)
    for receiver in ("WATCHER", "BOARD"):
        told = [(one.event.workitem_uid, one.event.kind) for one in store.deliveries_after(place, 100, receiver)]
        assert told == [(uid, EventKind.CANCELED), (released.heir.uid, EventKind.CREATED)]


def test_of_many_task_managers_one_ends_an_expired_claim_and_there_is_one_replacement(database_url):
    """Each sees the claim expired; the change is to one revision, so only the first is made."""
    stores = [Store(database_url) for _ in range(4)]
    departments = [Department(one) for one in stores]
    for _ in range(5):
        uid, _ = departments[0].claimed()
        expired = stores[0].find(uid)
        barrier, releases = threading.Barrier(4), []

        def end(department, barrier=barrier, expired=expired, releases=releases):
            barrier.wait()
            releases.append(release(department.worklist, expired, department.clock.now + 2 * MINUTE))

        threads = [threading.Thread(target=end, args=(one,)) for one in departments]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [released] = [one for one in releases if one]
        heirs = (
            departments[0]
            .worklist.search({"ReplacedProcedureStepSequence.ReferencedSOPInstanceUID": uid}, 10)
            .workitems
        )
        assert [get(one, "SOPInstanceUID") for one in heirs] == [released.heir.uid]
        assert departments[0].events_of(uid).count(EventKind.CANCELED) == 1
    for one in stores:
        one.close()


def test_a_performer_that_renews_while_its_claim_is_being_ended_keeps_it(department, store):
    uid, transaction = department.claimed()
    seen = store.find(uid)
    department.worklist.update(uid, {"00400400": {"vr": "LT", "Value": ["working"]}}, transaction)
    assert release(department.worklist, seen, department.clock.now + 2 * MINUTE) is None
    assert store.find(uid).state is State.IN_PROGRESS


def test_what_was_kept_secret_stays_secret_in_the_replacement(department):
    _, transaction = department.claimed()
    [released] = department.after(2)
    assert transaction not in repr(released)
    assert released.heir.transaction_uid == ""
