"""What is due next in a decomposed workitem (AIW-I 50.4.1.6, 50.4.2.6; aiw-i.md 6.6 and 7), for any pipeline."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.dicom import Code
from profiles.errors import BadInput
from workitems.model import Contract, Standing
from workitems.pipelines import PUSH, Inputs, OnFailure, Pipeline, Step, decide_next, require_pipelines_end

pytestmark = pytest.mark.requirement("AIWI-TM-086")

VERIFIED = Pipeline((Step("inference"), Step("verification", after=("inference",), inputs=Inputs.OUTPUTS)))


@st.composite
def pipelines(draw):
    """Any pipeline of up to six steps: each comes after some of those before it."""
    steps = []
    for number in range(draw(st.integers(1, 6))):
        earlier = st.lists(st.sampled_from([step.name for step in steps]), unique=True) if steps else st.just([])
        steps.append(Step(f"s{number}", after=tuple(draw(earlier)), on_failure=draw(st.sampled_from(OnFailure))))
    return Pipeline(tuple(draw(st.permutations(steps))))


class Walk:
    """Does what is due, and lets children go on as the test draws."""

    def __init__(self, pipeline, data):
        self.pipeline, self.data, self.contracts, self.stopping = pipeline, data, {}, False
        self.begun, self.recalled = [], []

    def due(self):
        due = decide_next(self.pipeline, self.contracts, stopping=self.stopping)
        for name in due.begin:
            after = [self.contracts[one].standing for one in self.pipeline.step(name).after]
            assert set(after) <= {Standing.COMPLETED}
            self.begun.append(name)
            self.contracts[name] = Contract("parent", name, f"child {name}")
        for name in due.recall:
            self.recalled.append(name)
            self.contracts[name] = replace(self.contracts[name], recalled=True)
        return due

    def open(self):
        return [name for name, contract in self.contracts.items() if not contract.standing.is_final]

    def child_goes_on(self):
        name = self.data.draw(st.sampled_from(self.open()))
        standing = self.data.draw(st.sampled_from([Standing.PLACED, Standing.COMPLETED, Standing.CANCELED]))
        self.contracts[name] = replace(self.contracts[name], standing=standing)

    def to_the_end(self):
        """Every child ends at last; what the parent ends as."""
        while not (due := self.due()).ending:
            assert self.open() or due.begin, "nothing goes on, and nothing ends"
            if self.open():
                name = self.open()[0]
                ends = st.sampled_from([Standing.COMPLETED, Standing.CANCELED])
                self.contracts[name] = replace(self.contracts[name], standing=self.data.draw(ends))
        return due


@given(pipelines(), st.data())
def test_whatever_children_do_the_parent_ends_after_them_and_no_child_begins_before_all_it_comes_after(pipeline, data):
    walk = Walk(pipeline, data)
    for _ in range(data.draw(st.integers(0, 8))):
        walk.stopping = walk.stopping or data.draw(st.booleans())
        if walk.due().ending:
            assert not walk.open()
        elif walk.open():
            walk.child_goes_on()
    due = walk.to_the_end()
    assert not walk.open()
    assert len(set(walk.begun)) == len(walk.begun), "a step began twice"
    assert len(set(walk.recalled)) == len(walk.recalled), "a child was asked twice to end"
    if due.ending is Standing.COMPLETED:
        assert any(walk.contracts[name].standing is Standing.COMPLETED for name in pipeline.last if name in walk.begun)
    else:
        assert walk.stopping or walk.contracts[due.because].standing is Standing.CANCELED


@given(pipelines(), st.data())
def test_when_every_child_is_completed_so_is_the_parent_after_every_step(pipeline, data):
    walk = Walk(pipeline, data)
    while not (due := walk.due()).ending:
        walk.contracts = {name: replace(one, standing=Standing.COMPLETED) for name, one in walk.contracts.items()}
    assert due.ending is Standing.COMPLETED
    assert sorted(walk.begun) == sorted(step.name for step in pipeline.steps)


@given(pipelines(), st.data())
def test_once_the_parent_is_to_be_canceled_no_child_begins_and_each_that_goes_on_is_asked_to_end(pipeline, data):
    walk = Walk(pipeline, data)
    walk.due()
    for _ in range(data.draw(st.integers(0, 4))):
        if walk.open():
            walk.child_goes_on()
            walk.due()
    before, walk.stopping = list(walk.begun), True
    going_on = walk.open()
    walk.due()
    assert walk.begun == before
    assert {name for name in going_on if not walk.contracts[name].recalled} == set()


@pytest.mark.parametrize(
    ("on_failure", "ending"), [(OnFailure.CANCEL, Standing.CANCELED), (OnFailure.CONTINUE, Standing.COMPLETED)]
)
def test_a_step_that_may_fail_does_not_end_the_others(on_failure, ending):
    pipeline = Pipeline((Step("main"), Step("extra", on_failure=on_failure)))
    contracts = {
        "main": Contract("x", "main", "1", standing=Standing.COMPLETED),
        "extra": Contract("x", "extra", "2", standing=Standing.CANCELED),
    }
    assert decide_next(pipeline, contracts).ending is ending


def test_the_verification_begins_when_the_inference_is_completed_and_the_whole_ends_with_it():
    done = {"inference": Contract("x", "inference", "1", standing=Standing.COMPLETED)}
    assert decide_next(VERIFIED, {}).begin == ("inference",)
    assert decide_next(VERIFIED, done).begin == ("verification",)
    done["verification"] = Contract("x", "verification", "2", standing=Standing.COMPLETED)
    assert decide_next(VERIFIED, done).ending is Standing.COMPLETED


def test_a_copy_that_was_completed_though_it_was_asked_to_end_completes_the_parent():
    copy = Contract("x", "copy", "1", recalled=True, standing=Standing.COMPLETED)
    assert decide_next(PUSH, {"copy": copy}, stopping=True).ending is Standing.COMPLETED


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((), "needs steps"),
        ((Step("a"), Step("a")), "a name of its own"),
        ((Step("a", after=("b",)),), "no such steps"),
        ((Step("a", inputs=Inputs.OUTPUTS),), "comes after no step"),
        ((Step("a", after=("b",)), Step("b", after=("a",))), "round in a circle"),
    ],
)
def test_a_pipeline_that_cannot_be_done_is_refused(steps, words):
    with pytest.raises(BadInput, match=words):
        Pipeline(steps)


def test_pipelines_that_lead_to_each_other_for_ever_are_refused():
    one, two = Code("ONE", "99TEST", "One"), Code("TWO", "99TEST", "Two")
    there, back = Pipeline((Step("a", two),), one), Pipeline((Step("b", one),), two)
    require_pipelines_end([there])
    with pytest.raises(BadInput, match="round in a circle"):
        require_pipelines_end([there, back])
