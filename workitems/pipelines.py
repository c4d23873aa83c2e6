"""Decomposition of a workitem into steps (AIW-I 50.4.1.6, 50.4.2.6): which steps there are, and what is due next. Pure.

One step at another place is push (AIW-I 50.4.2.3): to the general contractor both are the same (PS3.17 GGG).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from profiles.dicom import Code
from profiles.errors import BadInput
from workitems.model import Contract, Standing


class OnFailure(StrEnum):
    """What the failure of a step means for the whole."""

    CANCEL = "cancel"
    CONTINUE = "continue"


class Inputs(StrEnum):
    """What a step reads."""

    PARENT = "parent"
    OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: names it within its pipeline.
        workitem_code: of its workitem; None for that of the parent.
        label: Procedure Step Label of its workitem; empty for that of the parent.
        after: steps that must be COMPLETED first.
        inputs: whether it reads what the parent reads, or the outputs of the steps that it comes after.
        output_destination: STOW-RS URL that its results go to; empty for the destination of the parent.
        on_failure: whether the whole is canceled with it.
        shared: whether it runs once for all workitems that ask for the same, whichever their pipelines are.
        engine_version: the only version of the engine that may do it; empty when any may.
    """

    name: str
    workitem_code: Code | None = None
    label: str = ""
    after: tuple[str, ...] = ()
    inputs: Inputs = Inputs.PARENT
    output_destination: str = ""
    on_failure: OnFailure = OnFailure.CANCEL
    shared: bool = False
    engine_version: str = ""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """How workitems of a code are done.

    Attributes:
        steps: at least one; none comes after itself.
        workitem_code: of the workitems; None for the pipeline of a push, which is for every code.

    Raises:
        BadInput: when the steps cannot be done in any order.
    """

    steps: tuple[Step, ...]
    workitem_code: Code | None = None

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names or len(set(names)) < len(names):
            raise BadInput("A pipeline needs steps, each with a name of its own.")
        if unknown := sorted({name for step in self.steps for name in step.after} - set(names)):
            raise BadInput(f"Steps come after {', '.join(unknown)}, but there are no such steps in this pipeline.")
        if wrong := [step.name for step in self.steps if step.inputs is Inputs.OUTPUTS and not step.after]:
            raise BadInput(f"{', '.join(wrong)} would read outputs, but comes after no step; name some in `after`.")
        _require_no_circle({step.name: step.after for step in self.steps}, "steps")

    @property
    def last(self) -> tuple[str, ...]:
        """The steps that nobody comes after: their outputs are those of the whole."""
        followed = {name for step in self.steps for name in step.after}
        return tuple(step.name for step in self.steps if step.name not in followed)

    def step(self, name: str) -> Step:
        """The step of a name."""
        return next(step for step in self.steps if step.name == name)


def require_pipelines_end(pipelines: Iterable[Pipeline]) -> None:
    """See that no workitem is decomposed into others like itself, directly or by way of others.

    Raises:
        BadInput: when one is.
    """
    codes = {
        _key(pipeline.workitem_code): [_key(step.workitem_code) for step in pipeline.steps] for pipeline in pipelines
    }
    _require_no_circle(codes, "workitems of these codes")


def _key(code: Code | None) -> str:
    return f"{code.value}^{code.scheme}" if code else ""


def _require_no_circle(after: Mapping[str, Iterable[str]], what: str) -> None:
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        raise BadInput(f"The {what} go round in a circle: {' - '.join(error.args[1])}.") from error


@dataclass(frozen=True, slots=True)
class Next:
    """What is due.

    Attributes:
        begin: steps whose children are to be created now.
        recall: steps whose children are to be asked to end.
        ending: COMPLETED or CANCELED when the parent is to end so; None while it goes on.
        because: the step whose failure ends the whole; empty for none.
    """

    begin: tuple[str, ...] = ()
    recall: tuple[str, ...] = ()
    ending: Standing | None = None
    because: str = ""


def latest(contracts: Iterable[Contract]) -> dict[str, Contract]:
    """The contract that counts of each step: that of the last attempt."""
    return {one.step: one for one in sorted(contracts, key=lambda one: one.attempt)}


def decide_next(pipeline: Pipeline, contracts: Mapping[str, Contract], *, stopping: bool = False) -> Next:
    """What is due, given how far the steps have come.

    Args:
        pipeline: of the parent.
        contracts: the one that counts, by step; a step without one has not begun.
        stopping: whether somebody asked for the parent to be canceled.
    """
    failed = [step for step in pipeline.steps if _is(contracts.get(step.name), Standing.CANCELED)]
    fatal = next((step.name for step in failed if step.on_failure is OnFailure.CANCEL), "")
    going_on = [contracts[step.name] for step in pipeline.steps if _goes_on(contracts.get(step.name))]
    if fatal or stopping:
        if going_on:
            return Next(recall=tuple(one.step for one in going_on if not one.recalled), because=fatal)
        done = not fatal and all(_is(contracts.get(name), Standing.COMPLETED) for name in pipeline.last)
        return Next(ending=Standing.COMPLETED if done else Standing.CANCELED, because=fatal or _first(failed))
    begin = tuple(step.name for step in pipeline.steps if step.name not in contracts and _is_due(step, contracts))
    if begin or going_on:
        return Next(begin=begin)
    done = any(_is(contracts.get(name), Standing.COMPLETED) for name in pipeline.last)
    return Next(ending=Standing.COMPLETED if done else Standing.CANCELED, because="" if done else _first(failed))


def _is(contract: Contract | None, standing: Standing) -> bool:
    return contract is not None and contract.standing is standing


def _goes_on(contract: Contract | None) -> bool:
    return contract is not None and not contract.standing.is_final


def _is_due(step: Step, contracts: Mapping[str, Contract]) -> bool:
    return all(_is(contracts.get(name), Standing.COMPLETED) for name in step.after)


def _first(steps: list[Step]) -> str:
    return steps[0].name if steps else ""


#: Push: the whole workitem is one step, which a performer gets as a copy.
COPY = "copy"
PUSH = Pipeline((Step(COPY),))
