"""The worklist against a model of it: whatever is asked in whatever order, the two agree."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from connectathon.workitems import new_workitem, performed
from profiles.dicom import get, new_uid
from profiles.errors import StepwellError
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.model import Channel, EventKind
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist

OWN, OTHER = new_uid(), new_uid()


class WorklistMachine(RuleBasedStateMachine):
    """The model keeps state, owner and whether the performed procedure was told, for each workitem."""

    workitems = Bundle("workitems")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(sqlite_url(Path(self.folder.name) / "w.sqlite"))
        self.worklist = Worklist(self.store, lambda: datetime.now(UTC))
        self.worklist.subscriptions.subscribe("PERFORMER", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
        self.model = {}
        self.refused_claims = 0

    def teardown(self):
        self.store.close()
        self.folder.cleanup()

    def allowed(self, uid, transaction):
        state, owner, _ = self.model[uid]
        return state == "IN PROGRESS" and transaction == owner

    def attempt(self, call, *arguments):
        try:
            call(*arguments)
        except StepwellError:
            return False
        return True

    @rule(target=workitems)
    def create(self):
        uid = self.worklist.create(new_workitem(now=datetime.now(UTC))).uid
        self.model[uid] = ("SCHEDULED", "", False)
        return uid

    @rule(uid=workitems)
    def create_again(self, uid):
        assert not self.attempt(self.worklist.create, new_workitem(now=datetime.now(UTC)), uid)

    @rule(uid=workitems, transaction=st.sampled_from([OWN, OTHER, None]))
    def claim(self, uid, transaction):
        state, _, told = self.model[uid]
        done = self.attempt(self.worklist.change_state, uid, "IN PROGRESS", transaction)
        assert done == (state == "SCHEDULED" and transaction is not None)
        if done:
            self.model[uid] = ("IN PROGRESS", transaction, told)
        else:
            self.refused_claims += 1

    @rule(uid=workitems, transaction=st.sampled_from([OWN, OTHER, None]))
    def tell_what_was_performed(self, uid, transaction):
        state, owner, told = self.model[uid]
        done = self.attempt(self.worklist.update, uid, performed(datetime.now(UTC)), transaction)
        assert done == (self.allowed(uid, transaction) or (state == "SCHEDULED" and transaction is None))
        self.model[uid] = (state, owner, told or done)

    @rule(uid=workitems, transaction=st.sampled_from([OWN, OTHER, None]))
    def complete(self, uid, transaction):
        state, owner, told = self.model[uid]
        already = state == "COMPLETED" and transaction == owner
        done = self.attempt(self.worklist.change_state, uid, "COMPLETED", transaction)
        assert done == (already or (self.allowed(uid, transaction) and told))
        if done:
            self.model[uid] = ("COMPLETED", owner, told)

    @rule(uid=workitems, transaction=st.sampled_from([OWN, OTHER, None]))
    def cancel(self, uid, transaction):
        state, owner, told = self.model[uid]
        already = state == "CANCELED" and transaction is not None and owner in ("", transaction)
        done = self.attempt(self.worklist.change_state, uid, "CANCELED", transaction)
        assert done == (already or self.allowed(uid, transaction))
        if done:
            self.model[uid] = ("CANCELED", owner, told)

    @rule(uid=consumes(workitems))
    def ask_for_cancellation(self, uid):
        state, owner, told = self.model[uid]
        done = self.attempt(self.worklist.request_cancel, uid, {})
        assert done == (state != "COMPLETED")
        if state == "SCHEDULED":
            self.model[uid] = ("CANCELED", owner, told)

    @invariant()
    def store_and_model_agree(self):
        for uid, (state, owner, _) in self.model.items():
            held = self.store.find(uid)
            assert (held.state, held.transaction_uid) == (state, owner)
            assert get(held.content, "ProcedureStepState") == state
            assert OWN not in repr(held.content)

    @invariant()
    def every_final_state_was_told_once(self):
        kinds = [event.kind for event in self.store.events_after(0, 10_000)]
        states = [state for state, _, _ in self.model.values()]
        assert kinds.count(EventKind.COMPLETED) == states.count("COMPLETED")
        assert kinds.count(EventKind.CANCELED) == states.count("CANCELED")
        assert kinds.count(EventKind.CREATED) == len(self.model)
        assert kinds.count(EventKind.CLAIM_REFUSED) == self.refused_claims


WorklistMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
test_the_worklist_agrees_with_its_model = WorklistMachine.TestCase
