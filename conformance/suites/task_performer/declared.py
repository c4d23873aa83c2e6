"""What a Task Performer declares: whose work it takes, what it needs, and how it behaves in time."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from conformance.harness.declaration import Declaration, Seconds, Strict

TRIGGERED_PULL, PUSH, DIMSE = "triggered-pull", "push", "dimse"
Code = tuple[str, str, str]


class Harness(Strict):
    """The ``[harness]`` table: where the harness is worklist manager and archive; the system is configured for it.

    Attributes:
        host: interface.
        worklist_port: UPS-RS under ``/ups-rs``; notification connections under ``/ups-rs/subscribers/{AE}``.
        archive_port: QIDO-RS, WADO-RS and STOW-RS under ``/dicom-web``.
        dimse_port: UPS over DIMSE, for the option ``dimse``.
        ae_title: of the worklist manager over DIMSE, and as subscriber (push).
    """

    host: str = "127.0.0.1"
    worklist_port: int = Field(gt=0, lt=65536)
    archive_port: int = Field(gt=0, lt=65536)
    dimse_port: int = Field(default=0, ge=0, lt=65536)
    ae_title: str = Field(default="HARNESS", min_length=1, max_length=16)


class Task(Strict):
    """The ``[task]`` table: one kind of work that it takes, and what may be given to it.

    Attributes:
        workitem_code: ``value^scheme^meaning`` of Scheduled Workitem Code Sequence.
        ae_title: station that workitems are assigned to; Code Value of Scheduled Station Name Code Sequence.
        images: folder with the images of one study that it can work on; a head made by formula when not given.
        further_series: whether a workitem may list a second series besides the one that is needed.
        cancels: whether the system honours a request to cancel what it works on, when it is told of it.
    """

    workitem_code: Code
    ae_title: str = Field(min_length=1, max_length=16)
    images: Path | None = None
    further_series: bool = True
    cancels: bool = False

    @field_validator("workitem_code", mode="before")
    @classmethod
    def _parts(cls, value: object) -> object:
        parts = tuple(value.split("^")) if isinstance(value, str) else value
        if not isinstance(parts, tuple | list) or len(parts) != 3 or not all(parts):  # noqa: PLR2004 - a triplet
            raise ValueError("write value^scheme^meaning, such as HEADMASK^99SITE^Head mask")
        return parts


class Timing(Strict):
    """The ``[timing]`` table: what the system says of itself.

    Attributes:
        work_seconds: longest time from a claim to the final state, for the images that it is given here.
        cancel_seconds: longest time from a claim to CANCELED when images are missing.
        poll_seconds: how often it asks for work.
        listening_poll_seconds: how often it asks for work while it is told of it (triggered pull).
        away_seconds: how long the harness is away when a workitem is to be completed.
        slots: how many workitems it works on at a time.
    """

    work_seconds: Seconds = 120.0
    cancel_seconds: Seconds = 60.0
    poll_seconds: Seconds = 10.0
    listening_poll_seconds: Seconds = 60.0
    away_seconds: Seconds = 60.0
    slots: int = Field(default=1, ge=1)


class Push(Strict):
    """The ``[push]`` table: the worklist that it serves itself.

    Attributes:
        base_url: of UPS-RS.
    """

    base_url: str = ""


class TaskPerformer(Declaration):
    """A system that plays the Task Performer."""

    harness: Harness
    task: Task
    timing: Timing = Timing()
    push: Push = Push()
