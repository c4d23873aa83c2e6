"""Every cell of the table of subscriptions (PS3.4 Table CC.2.3-2) and every rule beside it, over each store."""

from datetime import UTC, datetime, timedelta

import pytest

from connectathon.workitems import new_workitem
from profiles.errors import BadInput, NotAuthorised, NotFound
from profiles.tables import read_table
from profiles.ups import requirements
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION, GLOBAL_SUBSCRIPTION
from workitems.model import Channel, EventKind
from workitems.store import subscriptions as held
from workitems.subscriptions import Subscriptions

CELLS = [cell for cell in read_table("profiles.ups", "subscriptions") if cell["action"] != "created"]
CREATIONS = [cell for cell in read_table("profiles.ups", "subscriptions") if cell["action"] == "created"]
LOCKS = {"none": None, "locked": True, "unlocked": False}
GLOBAL_STATES = {
    "UPS-154": ("subscribe-globally-locked", "locked"),
    "UPS-158": ("subscribe-globally-unlocked", "unlocked"),
    "UPS-162": ("subscribe-locked", "as it was"),
    "UPS-166": ("subscribe-unlocked", "as it was"),
    "UPS-170": ("unsubscribe", "as it was"),
    "UPS-174": ("unsubscribe-globally", "none"),
    "UPS-178": ("suspend", "none"),
}


def now():
    return datetime.now(UTC)


class Watcher:
    """One AE at the desk of a worklist, asking by the names of the table."""

    def __init__(self, worklist, store, name="WATCHER"):
        self.worklist, self.subscriptions, self.store, self.name = worklist, worklist.subscriptions, store, name

    def create(self, label="BRAIN"):
        return self.worklist.create(new_workitem(now=now(), label=label)).uid

    def subscribe(self, target=GLOBAL_SUBSCRIPTION, locked=False, **more):
        return self.subscriptions.subscribe(self.name, target, Channel.WEBSOCKET, locked=locked, **more)

    def hold(self, uid, state):
        """Bring the subscription to a workitem into a state, and forget what was told meanwhile."""
        if state != "none":
            self.subscribe(uid, locked=state == "locked")
        self.store.confirm(self.name, self.store.last_sequence())

    def do(self, action, uid):
        wanted = action.removesuffix("-locked").removesuffix("-unlocked")
        match wanted:
            case "subscribe-globally":
                self.subscribe(locked=action.endswith("-locked"))
            case "subscribe":
                self.subscribe(uid, locked=action.endswith("-locked"))
            case "unsubscribe":
                self.subscriptions.unsubscribe(self.name, uid)
            case "unsubscribe-globally":
                self.subscriptions.unsubscribe(self.name, GLOBAL_SUBSCRIPTION)
            case "suspend":
                self.subscriptions.suspend(self.name, GLOBAL_SUBSCRIPTION)

    def state_of(self, uid):
        with self.store.reading() as connection:
            return held.lock_of(connection, uid, self.name)

    @property
    def global_state(self):
        with self.store.reading() as connection:
            found = [one.locked for one in held.global_subscriptions(connection, self.name) if not one.keys]
        return found[0] if found else None

    def told(self):
        """Kind and workitem of each event that waits."""
        return [(one.event.kind, one.event.workitem_uid) for one in self.store.deliveries_after(0, 1000, self.name)]


@pytest.fixture
def watcher(worklist, store):
    return Watcher(worklist, store)


@pytest.mark.parametrize("cell", CELLS, ids=[cell["id"] for cell in CELLS])
@pytest.mark.requirement(*(cell["id"] for cell in CELLS), "UPS-131", "UPS-132", "UPS-133")
def test_a_subscription_becomes_what_its_cell_says_and_so_do_its_events(cell, watcher):
    uid = watcher.create()
    if cell["action"] == "suspend":
        watcher.subscribe()
        watcher.do("unsubscribe", uid)
    watcher.hold(uid, cell["held"])
    try:
        watcher.do(cell["action"], uid)
    except NotFound:
        assert cell["held"] == "none"  # PS3.18 11.11.3: there is no such subscription; nothing changes
    assert watcher.state_of(uid) == LOCKS[cell["becomes"]]
    initial = [(EventKind.SUBSCRIBED, uid)] if cell["initial_event"] == "yes" else []
    assert watcher.told() == initial


@pytest.mark.parametrize("state", list(LOCKS))
@pytest.mark.parametrize("requirement", list(GLOBAL_STATES))
@pytest.mark.requirement(*GLOBAL_STATES)
def test_the_global_state_becomes_what_the_table_says(requirement, state, watcher):
    action, becomes = GLOBAL_STATES[requirement]
    assert requirements()[requirement].moment == "global state"
    uid = watcher.create()
    if state != "none":
        watcher.subscribe(locked=state == "locked")
    else:
        watcher.subscribe(uid)
    if (action, state) == ("suspend", "none"):
        with pytest.raises(NotFound):
            watcher.do(action, uid)
    else:
        watcher.do(action, uid)
    assert watcher.global_state == LOCKS.get(becomes, LOCKS[state])


@pytest.mark.parametrize("cell", CREATIONS, ids=[cell["id"] for cell in CREATIONS])
@pytest.mark.requirement("UPS-134", "UPS-151", "UPS-152", "UPS-153")
def test_a_new_workitem_is_subscribed_to_as_the_global_state_wants(cell, watcher):
    if cell["held"]:
        watcher.subscribe(locked=cell["held"] == "locked")
    uid = watcher.create()
    assert watcher.state_of(uid) == LOCKS[cell["becomes"]]
    assert watcher.told() == ([(EventKind.CREATED, uid)] if cell["initial_event"] == "yes" else [])


@pytest.mark.requirement("UPS-132", "AIWI-TM-062")
def test_a_global_subscription_with_lock_tells_of_every_workitem_that_was_not_subscribed_to(watcher):
    made = [watcher.create() for _ in range(5)]
    watcher.hold(made[2], "unlocked")
    watcher.subscribe(locked=True)
    assert watcher.told() == [(EventKind.SUBSCRIBED, uid) for uid in made if uid != made[2]]


@pytest.mark.requirement("UPS-182")
def test_an_instruction_for_one_workitem_beats_a_global_one_and_ending_the_global_one_ends_all(watcher):
    uid, other = watcher.create(), watcher.create()
    watcher.subscribe(uid, locked=True)
    watcher.subscribe(locked=False)
    assert (watcher.state_of(uid), watcher.state_of(other)) == (True, False)
    watcher.do("unsubscribe", other)
    assert (watcher.state_of(uid), watcher.state_of(other)) == (True, None)
    watcher.do("unsubscribe-globally", uid)
    assert (watcher.state_of(uid), watcher.global_state) == (None, None)


@pytest.mark.requirement("UPS-180", "UPS-181", "AIWI-TM-069")
def test_suspending_leaves_old_subscriptions_and_makes_no_new_ones(watcher):
    watcher.subscribe()
    old = watcher.create()
    watcher.do("suspend", old)
    watcher.create()
    watcher.worklist.update(old, {"00404041": {"vr": "CS", "Value": ["UNAVAILABLE"]}}, None)
    assert watcher.told() == [(EventKind.CREATED, old), (EventKind.READINESS, old)]


@pytest.mark.requirement("UPS-183", "AIWI-TM-063")
def test_a_filtered_subscription_takes_old_and_new_workitems_that_match(watcher):
    old, _ = watcher.create("HEAD"), watcher.create("KNEE")
    watcher.subscribe(FILTERED_GLOBAL_SUBSCRIPTION, locked=True, keys={"WorklistLabel": "HEAD"})
    new, _ = watcher.create("HEAD"), watcher.create("KNEE")
    assert watcher.told() == [(EventKind.SUBSCRIBED, old), (EventKind.CREATED, new)]


@pytest.mark.requirement("AIWI-TM-064")
def test_a_filtered_subscription_without_a_filter_is_refused(watcher):
    with pytest.raises(BadInput) as refused:
        watcher.subscribe(FILTERED_GLOBAL_SUBSCRIPTION)
    assert refused.value.row_key == "filter-missing"


@pytest.mark.requirement("UPS-188", "UPS-183")
def test_a_filter_that_can_never_be_evaluated_is_refused_and_hurts_no_creation(watcher):
    with pytest.raises(BadInput):
        watcher.subscribe(FILTERED_GLOBAL_SUBSCRIPTION, keys={"ScheduledProcedureStepStartDateTime": "-"})
    with pytest.raises(BadInput):
        watcher.subscribe(FILTERED_GLOBAL_SUBSCRIPTION, keys={"NoSuchKeyword": "x"})
    watcher.create()
    assert watcher.told() == []


@pytest.mark.requirement("UPS-183")
def test_of_several_filters_that_match_one_workitem_any_lock_counts_and_it_is_told_once(watcher):
    watcher.subscribe(FILTERED_GLOBAL_SUBSCRIPTION, keys={"WorklistLabel": "HEAD"})
    watcher.subscribe(FILTERED_GLOBAL_SUBSCRIPTION, locked=True, keys={"ScheduledProcedureStepPriority": "MEDIUM"})
    uid = watcher.create("HEAD")
    assert watcher.state_of(uid) is True
    assert watcher.told() == [(EventKind.CREATED, uid)]


@pytest.mark.requirement("UPS-184")
def test_ending_the_filtered_subscription_ends_what_came_of_it_and_no_more(watcher):
    own = watcher.create("KNEE")
    watcher.subscribe(own)
    watcher.subscribe(FILTERED_GLOBAL_SUBSCRIPTION, keys={"WorklistLabel": "HEAD"})
    came = watcher.create("HEAD")
    watcher.subscriptions.unsubscribe("WATCHER", FILTERED_GLOBAL_SUBSCRIPTION)
    assert (watcher.state_of(own), watcher.state_of(came)) == (False, None)
    assert watcher.state_of(watcher.create("HEAD")) is None


@pytest.mark.requirement("UPS-185", "UPS-187", "AIWI-TM-070")
@pytest.mark.parametrize("release", ["unsubscribe", "subscribe-unlocked"])
def test_a_locked_workitem_outlives_its_retention_until_the_last_lock_is_released(release, watcher, worklist, store):
    uid, other = watcher.create(), Watcher(worklist, store, "OTHER")
    for one in (watcher, other):
        one.subscribe(uid, locked=True)
    worklist.request_cancel(uid, {})
    later = now() + timedelta(days=30)
    watcher.do(release, uid)
    assert store.delete_final(later) == []
    other.do(release, uid)
    assert store.delete_final(later) == [uid]


@pytest.mark.requirement("UPS-186", "AIWI-TM-070")
def test_a_lock_that_is_not_granted_leaves_the_subscription_and_warns(worklist, store):
    uid = worklist.create(new_workitem(now=now())).uid
    strict = Subscriptions(store, now, grants_locks=False)
    warning = strict.subscribe("WATCHER", uid, Channel.WEBSOCKET, locked=True)
    assert warning == "deletion-lock-not-granted"
    assert Watcher(worklist, store).state_of(uid) is False


@pytest.mark.requirement("UPS-188", "UPS-189", "AIWI-TM-071")
@pytest.mark.parametrize("name", ["", " ", "SEVENTEEN_LETTERS", "BACK\\SLASH", "NEW\nLINE", "UMLÄUT"])
def test_what_is_no_ae_title_is_refused(name, watcher):
    for ask in (watcher.subscriptions.unsubscribe, watcher.subscriptions.suspend):
        with pytest.raises(BadInput):
            ask(name, GLOBAL_SUBSCRIPTION)
    with pytest.raises(BadInput):
        watcher.subscriptions.subscribe(name, GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)


@pytest.mark.requirement("UPS-189")
def test_spaces_around_an_ae_title_mean_nothing(watcher):
    watcher.subscriptions.subscribe(" WATCHER ", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
    assert watcher.state_of(watcher.create()) is False


@pytest.mark.requirement("UPS-188", "AIWI-TM-071")
def test_a_workitem_that_there_is_not_cannot_be_subscribed_to(watcher):
    with pytest.raises(NotFound) as refused:
        watcher.subscribe("2.25.1")
    assert refused.value.row_key == "no-such-workitem"
    assert watcher.told() == []


@pytest.mark.requirement("UPS-188", "UPS-189")
def test_who_may_not_subscribe_an_ae_changes_nothing(watcher):
    uid = watcher.create()
    watcher.hold(uid, "locked")
    for ask in (
        lambda: watcher.subscribe(authorised=False),
        lambda: watcher.subscriptions.unsubscribe("WATCHER", uid, authorised=False),
        lambda: watcher.subscriptions.suspend("WATCHER", GLOBAL_SUBSCRIPTION, authorised=False),
    ):
        with pytest.raises(NotAuthorised):
            ask()
    assert (watcher.state_of(uid), watcher.global_state) == (True, None)


@pytest.mark.requirement("AIWI-TM-069")
def test_one_workitem_cannot_be_suspended(watcher):
    uid = watcher.create()
    watcher.subscribe(uid)
    with pytest.raises(BadInput) as refused:
        watcher.subscriptions.suspend("WATCHER", uid)
    assert refused.value.row_key == "action-not-appropriate"


@pytest.mark.requirement("UPS-189", "AIWI-TM-068")
def test_an_ae_that_ended_its_last_subscription_is_told_nothing_that_still_waits(watcher):
    uid = watcher.create()
    watcher.subscribe(uid)
    assert watcher.told()
    watcher.do("unsubscribe", uid)
    assert watcher.told() == []


@pytest.mark.requirement("UPS-184")
def test_what_came_of_a_filter_can_be_ended_after_the_filter_was_suspended(watcher):
    watcher.subscribe(FILTERED_GLOBAL_SUBSCRIPTION, keys={"WorklistLabel": "HEAD"})
    came = watcher.create("HEAD")
    watcher.subscriptions.suspend("WATCHER", FILTERED_GLOBAL_SUBSCRIPTION)
    assert watcher.state_of(came) is False
    watcher.subscriptions.unsubscribe("WATCHER", FILTERED_GLOBAL_SUBSCRIPTION)
    assert watcher.state_of(came) is None
