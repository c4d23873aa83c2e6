"""What is on offer for the workitems of a rule file, and what is doubtful about its pipelines with regard to that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product

from actors.task_requester.rules.doubt import Doubt
from profiles.dicom import Code
from workitems.pipelines import Pipeline, Step


@dataclass(frozen=True, slots=True)
class Offered:
    """The workitem codes that somebody here works on.

    Attributes:
        engines: the versions of the engines that serve a code, given as value and scheme.
        pipelines: of the Task Manager, each for its own code.
    """

    engines: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)
    pipelines: Collection[Pipeline] = ()

    def __bool__(self) -> bool:
        """Whether anything is known; nothing is said about codes otherwise."""
        return bool(self.engines or self.pipelines)

    def versions_of(self, code: Code) -> Collection[str]:
        """The versions of the engines that serve a code."""
        return self.engines.get((code.value, code.scheme), ())

    def is_pipeline(self, code: Code) -> bool:
        """Whether a code is that of a pipeline, which goes before engines."""
        return any(one.workitem_code and one.workitem_code.same_as(code) for one in self.pipelines)


def check_pipelines(offered: Offered) -> list[Doubt]:
    """What is doubtful about pipelines: steps that no engine serves, and those that might be shared."""
    found = [doubt for one in offered.pipelines for step in one.steps for doubt in _of_step(one, step, offered)]
    for one, other in combinations(offered.pipelines, 2):
        found += _done_twice(one, other)
    return found


def _of_step(pipeline: Pipeline, step: Step, offered: Offered) -> Iterator[Doubt]:
    code = step.workitem_code
    if code is None or offered.is_pipeline(code):
        return
    versions = offered.versions_of(code)
    if not versions:
        words = f"No engine here serves the step {step.name} ({code.value}); does a person?"
        yield Doubt(_name(pipeline), "unserved", words)
    elif step.engine_version and step.engine_version not in versions:
        words = (
            f"The step {step.name} asks for version {step.engine_version} of the engine; here is {_listed(versions)}."
        )
        yield Doubt(_name(pipeline), "version", words, serious=True)


def _done_twice(one: Pipeline, other: Pipeline) -> Iterator[Doubt]:
    for mine, theirs in product(one.steps, other.steps):
        if _work_of(mine) == _work_of(theirs) and not (mine.shared and theirs.shared):
            words = f"{_name(other)} has the step {_work_of(mine)[0]}, too; it runs once if both have `shared = true`."
            yield Doubt(_name(one), "twice", words)


def _work_of(step: Step) -> tuple[str, ...]:
    code = step.workitem_code or Code("", "")
    return code.value, code.scheme, step.inputs, step.output_destination, step.engine_version


def _name(pipeline: Pipeline) -> str:
    return f"pipeline {pipeline.workitem_code.value}" if pipeline.workitem_code else "push"


def _listed(versions: Iterable[str]) -> str:
    return ", ".join(sorted(versions))
