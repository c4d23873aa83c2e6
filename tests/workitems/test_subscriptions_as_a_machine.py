"""Subscriptions against a model of Table CC.2.3-2: whatever two AEs and their workitems do, the two agree."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from connectathon.workitems import new_workitem
from profiles.errors import NotFound
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION, GLOBAL_SUBSCRIPTION
from workitems.model import Channel, EventKind
from workitems.store import Store, sqlite_url
from workitems.store import subscriptions as held
from workitems.worklist import Worklist

AES, LABELS = ("ONE", "OTHER"), ("HEAD", "KNEE")


def now():
    return datetime.now(UTC)


class ModelAE:
    """What one AE holds: its global state, its filters, and for each workitem a lock and the filter it came from."""

    def __init__(self):
        self.everything, self.filters, self.held, self.told = None, {}, {}, []

    def wants(self, label):
        """Lock and origin for a new workitem; None for no subscription."""
        found = [] if self.everything is None else [(self.everything, "")]
        found += [(lock, one) for one, lock in self.filters.items() if one == label]
        return (any(lock for lock, _ in found), min(origin for _, origin in found)) if found else None

    def has_none(self):
        return self.everything is None and not self.filters and not self.held

    def forget_if_idle(self):
        if self.has_none():
            self.told.clear()


class SubscriptionMachine(RuleBasedStateMachine):
    """Every rule asks the worklist, then the model; the invariant compares them."""

    workitems = Bundle("workitems")
    aes = st.sampled_from(AES)

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(sqlite_url(Path(self.folder.name) / "w.sqlite"))
        self.worklist = Worklist(self.store, now)
        self.model = {name: ModelAE() for name in AES}
        self.labels = {}

    def teardown(self):
        self.store.close()
        self.folder.cleanup()

    def tell(self, uid, *kinds):
        for ae in self.model.values():
            if uid in ae.held:
                ae.told += [(kind, uid) for kind in kinds]

    @rule(target=workitems, label=st.sampled_from(LABELS))
    def create(self, label):
        uid = self.worklist.create(new_workitem(now=now(), label=label)).uid
        self.labels[uid] = label
        for ae in self.model.values():
            if wanted := ae.wants(label):
                ae.held[uid] = wanted
        self.tell(uid, EventKind.CREATED)
        return uid

    @rule(uid=workitems, state=st.sampled_from(["READY", "UNAVAILABLE", "INCOMPLETE"]))
    def change_readiness(self, uid, state):
        before = self.store.find(uid)
        self.worklist.update(uid, {"00404041": {"vr": "CS", "Value": [state]}}, before.transaction_uid or None)
        if before.content["00404041"]["Value"] != [state]:
            self.tell(uid, EventKind.READINESS)

    @rule(uid=workitems)
    def claim(self, uid):
        if self.store.find(uid).state == "SCHEDULED":
            self.worklist.change_state(uid, "IN PROGRESS", "2.25.1")
            self.tell(uid, EventKind.CLAIMED)

    @rule(name=aes, uid=workitems, locked=st.booleans())
    def subscribe(self, name, uid, locked):
        self.worklist.subscriptions.subscribe(name, uid, Channel.WEBSOCKET, locked=locked)
        self.model[name].held[uid] = (locked, "")
        self.model[name].told.append((EventKind.SUBSCRIBED, uid))

    @rule(name=aes, locked=st.booleans(), label=st.sampled_from((*LABELS, "")))
    def subscribe_globally(self, name, locked, label):
        target = FILTERED_GLOBAL_SUBSCRIPTION if label else GLOBAL_SUBSCRIPTION
        keys = {"WorklistLabel": label} if label else None
        self.worklist.subscriptions.subscribe(name, target, Channel.WEBSOCKET, locked=locked, keys=keys)
        ae = self.model[name]
        if label:
            ae.filters[label] = locked
        else:
            ae.everything = locked
        for uid, its_label in self.labels.items():
            if uid not in ae.held and label in ("", its_label):
                ae.held[uid] = (locked, label)
                ae.told += [(EventKind.SUBSCRIBED, uid)] * locked

    @rule(name=aes, uid=workitems)
    def unsubscribe(self, name, uid):
        self.ask(self.worklist.subscriptions.unsubscribe, name, uid, uid in self.model[name].held)
        self.model[name].held.pop(uid, None)
        self.model[name].forget_if_idle()

    @rule(name=aes)
    def unsubscribe_globally(self, name):
        ae = self.model[name]
        self.ask(self.worklist.subscriptions.unsubscribe, name, GLOBAL_SUBSCRIPTION, not ae.has_none())
        ae.everything, ae.filters, ae.held = None, {}, {}
        ae.forget_if_idle()

    @rule(name=aes)
    def unsubscribe_filtered(self, name):
        ae = self.model[name]
        is_there = bool(ae.filters) or any(origin for _, origin in ae.held.values())
        self.ask(self.worklist.subscriptions.unsubscribe, name, FILTERED_GLOBAL_SUBSCRIPTION, is_there)
        ae.held = {uid: (lock, origin) for uid, (lock, origin) in ae.held.items() if not origin}
        ae.filters = {}
        ae.forget_if_idle()

    @rule(name=aes, filtered=st.booleans())
    def suspend(self, name, filtered):
        ae = self.model[name]
        target = FILTERED_GLOBAL_SUBSCRIPTION if filtered else GLOBAL_SUBSCRIPTION
        there = bool(ae.filters) if filtered else ae.everything is not None
        self.ask(self.worklist.subscriptions.suspend, name, target, there)
        if filtered:
            ae.filters = {}
        else:
            ae.everything = None

    @rule(name=aes)
    def take_everything(self, name):
        self.store.confirm(name, self.store.last_sequence())
        self.model[name].told.clear()

    def ask(self, call, name, target, is_there):
        if is_there:
            call(name, target)
        else:
            with pytest.raises(NotFound):
                call(name, target)

    @invariant()
    def subscriptions_and_model_agree(self):
        with self.store.reading() as connection:
            for name, ae in self.model.items():
                locks = {uid: held.lock_of(connection, uid, name) for uid in self.labels}
                assert locks == {uid: ae.held[uid][0] if uid in ae.held else None for uid in self.labels}
                found = {
                    one.keys.get("WorklistLabel", ""): one.locked for one in held.global_subscriptions(connection, name)
                }
                assert found == ({} if ae.everything is None else {"": ae.everything}) | ae.filters

    @invariant()
    def each_is_told_its_events_in_order_and_no_others(self):
        for name, ae in self.model.items():
            waiting = self.store.deliveries_after(0, 10_000, name)
            assert [(one.event.kind, one.event.workitem_uid) for one in waiting] == ae.told
            places = [one.event.sequence for one in waiting]
            assert places == sorted(set(places))


SubscriptionMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
test_subscriptions_agree_with_their_model = pytest.mark.requirement(
    "UPS-134", "UPS-136", "UPS-137", "UPS-182", "UPS-183", "UPS-184", *(f"UPS-{number}" for number in range(151, 182))
)(SubscriptionMachine.TestCase)
