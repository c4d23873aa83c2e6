"""Whatever several callers ask in whatever order, alternating between the faces, the transition table is kept."""

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from profiles.dicom import get, new_uid
from profiles.ups import Request, State, TransactionUid, decide

CALLERS = [new_uid() for _ in range(3)]
REQUESTS = [one for one in Request if one is not Request.CREATE]
LEADS_TO = {"claim": State.IN_PROGRESS, "complete": State.COMPLETED, "cancel": State.CANCELED}
LEADS_TO["cancel-by-server"] = State.CANCELED


class FacesMachine(RuleBasedStateMachine):
    """The model of a workitem: its state, whose claim it is, and whether COMPLETED has all that it needs."""

    workitems = Bundle("workitems")

    def __init__(self, faces):
        super().__init__()
        self.faces = faces
        self.model = {}
        self.asked = None

    @rule(target=workitems, face=st.sampled_from(["rest", "dimse"]))
    def create(self, face):
        uid, one = new_uid(), self.faces[face]
        assert one.ask("create", uid, None) == one.expected("create", "done")
        self.model[uid] = (State.SCHEDULED, "", False)
        return uid

    @rule(uid=workitems, face=st.sampled_from(["rest", "dimse"]))
    def create_again(self, uid, face):
        one = self.faces[face]
        assert one.ask("create", uid, None) == one.expected("create", "duplicate-workitem")

    @rule(
        uid=workitems,
        face=st.sampled_from(["rest", "dimse"]),
        request=st.sampled_from(REQUESTS),
        transaction=st.sampled_from([*CALLERS, None]),
    )
    def ask(self, uid, face, request, transaction):
        state, owner, told = self.model[uid]
        decision = decide(request, state, self._comparison(request, owner, transaction))
        outcome, effect = decision.outcome, decision.effect
        if effect == "complete" and not told:
            outcome, effect = "final-state-requirements", ""
        one = self.faces[face]
        assert one.ask(str(request), uid, transaction) == one.expected(str(request), outcome)
        if effect:
            claimed_by = transaction if effect == "claim" else owner
            self.model[uid] = (LEADS_TO.get(effect, state), claimed_by, told or effect == "update")
        self.asked = uid, face

    def _comparison(self, request, owner, transaction):
        if request is Request.REQUEST_CANCEL:
            return TransactionUid.NOT_ASKED
        if transaction is None:
            return TransactionUid.MISSING
        return TransactionUid.OK if owner in ("", transaction) else TransactionUid.WRONG

    @invariant()
    def the_other_face_shows_the_state_of_the_model(self):
        if self.asked:
            uid, face = self.asked
            found = self.faces["dimse" if face == "rest" else "rest"].retrieve(uid)
            assert get(found, "ProcedureStepState") == self.model[uid][0]
            self.asked = None


def test_any_sequence_of_requests_over_both_faces_agrees_with_the_table(faces, subscribers):
    assert subscribers
    modest = settings(
        max_examples=15,
        stateful_step_count=25,
        deadline=timedelta(seconds=60),
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(lambda: FacesMachine(faces), settings=modest)
