"""The ``[[task_manager.pipelines]]`` tables of the configuration: which workitems are decomposed, and how."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from profiles.dicom import Code
from profiles.errors import BadInput
from workitems.pipelines import Inputs, OnFailure, Pipeline, Step, require_pipelines_end


def code_of(text: str) -> Code:
    """A workitem code as it is written in the configuration.

    Args:
        text: ``VALUE^SCHEME`` or ``VALUE^SCHEME^MEANING``.

    Raises:
        ValueError: when it is none.
    """
    value, _, rest = text.partition("^")
    scheme, _, meaning = rest.partition("^")
    if not value or not scheme:
        raise ValueError(f"{text!r} is no code; write VALUE^SCHEME, e.g. BRAINSEG^99SITE")
    return Code(value, scheme, meaning)


def _is_code(text: str) -> str:
    code_of(text)
    return text


CodeText = Annotated[str, AfterValidator(_is_code)]
Text = Annotated[str, Field(min_length=1, max_length=64)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StepSettings(_Table):
    """One step.

    Attributes:
        name: names it within its pipeline.
        workitem_code: ``VALUE^SCHEME^MEANING`` of its workitem.
        label: Procedure Step Label of its workitem.
        after: steps that must be COMPLETED first.
        inputs: ``parent`` for what the whole workitem reads, ``outputs`` for those of the steps it comes after.
        output_destination: STOW-RS URL for its results; that of the whole workitem when not given.
        on_failure: ``cancel`` when the whole fails with it, ``continue`` when the others go on.
        shared: whether it runs once for all workitems that ask for the same, whichever their pipelines are.
        engine_version: the only version of the engine that may do it.
    """

    name: Text
    workitem_code: CodeText
    label: Text
    after: tuple[str, ...] = ()
    inputs: Inputs = Inputs.PARENT
    output_destination: Annotated[str, Field(pattern="^(https?://.*)?$")] = ""
    on_failure: OnFailure = OnFailure.CANCEL
    shared: bool = False
    engine_version: Annotated[str, Field(max_length=64)] = ""

    def step(self) -> Step:
        """The step as the worklist takes it."""
        code = code_of(self.workitem_code)
        code = Code(code.value, code.scheme, code.meaning or self.label)
        same = self.model_dump(exclude={"workitem_code"})
        return Step(workitem_code=code, **same)


class PipelineSettings(_Table):
    """How workitems of a code are decomposed.

    Attributes:
        workitem_code: ``VALUE^SCHEME`` of the workitems.
        steps: what each is decomposed into.
    """

    workitem_code: CodeText
    steps: tuple[StepSettings, ...]

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        try:
            self.pipeline()
        except BadInput as error:
            raise ValueError(error.message) from error
        return self

    def pipeline(self) -> Pipeline:
        """The pipeline as the worklist takes it."""
        return Pipeline(tuple(one.step() for one in self.steps), code_of(self.workitem_code))


def _end(pipelines: tuple[PipelineSettings, ...]) -> tuple[PipelineSettings, ...]:
    try:
        require_pipelines_end(one.pipeline() for one in pipelines)
    except BadInput as error:
        raise ValueError(error.message) from error
    return pipelines


Pipelines = Annotated[tuple[PipelineSettings, ...], AfterValidator(_end)]


def with_pipelines_of(path: Path | str, known: Any) -> list[Any]:
    """The pipelines of the configuration, and those in the ``[[pipeline]]`` tables of a rule file (``docs/rules.md``).

    Args:
        path: of the rule file.
        known: of the configuration; where both have a code, these count.

    Raises:
        ValueError: when the file cannot be read.
    """
    try:
        written = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("pipeline", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"the rule file {path} cannot be read: {error}") from error
    if not isinstance(written, list):
        raise ValueError(f"in {path}, `pipeline` is no list of tables; write [[pipeline]]")  # noqa: TRY004
    codes = {_code_of_table(one) for one in known}
    return [*known, *(one for one in written if _code_of_table(one) not in codes)]


def _code_of_table(table: Any) -> Any:
    return table.get("workitem_code") if isinstance(table, dict) else getattr(table, "workitem_code", None)
