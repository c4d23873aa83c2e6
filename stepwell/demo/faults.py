"""Faults that the demo can inject, to show that the study ends right all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from connectathon.waiting import eventually
from profiles.errors import BadInput, Unavailable
from stepwell.demo.department import Department
from stepwell.demo.logs import LogReader

MID_INFERENCE = "task_performer.inference_started"
CLAIM_WRITTEN = "task_manager.change_committed"
Hook = Callable[[Department], str]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        name: as given to ``--fault``.
        promise: what it does and what must come of it, for ``--help`` and the scorecard.
        begin: called when all actors are ready, before the order is sent; what it starts runs beside the walk.
        happened: called at the end; says what was seen, or raises when the fault did not take place.
        needs_own_archive: it cannot be done to a PACS that is not ours.
    """

    name: str
    promise: str
    begin: Callable[[Department], None]
    happened: Hook
    needs_own_archive: bool = False


def _arm(step: str) -> Callable[[Department], None]:
    return lambda department: department.arm(step)


def _killed(step: str) -> Hook:
    actor = step.split(".", maxsplit=1)[0]

    def seen(department: Department) -> str:
        if not department.went_off(step):
            raise Unavailable(f"the step {step} was never reached, so nothing was killed there")
        return f"{actor} was killed at {step} and started again {department.supervisor.restarts(actor)} time(s)"

    return seen


def _archive_away(department: Department) -> None:
    """End the Image Manager while the engine runs; let it come back once the performer has failed to store."""
    log = LogReader(department.supervisor.log_file("task_performer"))

    def act() -> None:
        log.wait_for(step=MID_INFERENCE, event="step", limit_seconds=600)
        department.supervisor.kill("image_manager", hold=True)
        try:
            log.wait_for(event="archive-away", limit_seconds=600)
        finally:
            department.supervisor.release("image_manager")

    threading.Thread(target=act, name="archive-away", daemon=True).start()


def _archive_came_back(department: Department) -> str:
    restarts = department.supervisor.restarts("image_manager")
    if not restarts:
        raise Unavailable("the Image Manager was never away")
    return "the Image Manager was away when the results were to be stored; they were stored when it came back"


def _repository_away(department: Department) -> None:
    department.supervisor.kill("event_repository", hold=True)


def _repository_came_back(department: Department) -> str:
    department.supervisor.release("event_repository")
    eventually(lambda: department.supervisor.is_ready("event_repository"), 60, "the Event Repository to come back")
    return "the Event Repository was away during the whole walk; the spools brought it every event afterwards"


def _nothing(_department: Department) -> None:
    """The walk itself makes this fault."""


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "performer-killed",
            "kill -9 of the Task Performer in mid-inference; it resumes its claim",
            _arm(MID_INFERENCE),
            _killed(MID_INFERENCE),
        ),
        Fault(
            "task-manager-killed",
            "kill -9 of the Task Manager after a change is on disk and before it is answered",
            _arm(CLAIM_WRITTEN),
            _killed(CLAIM_WRITTEN),
        ),
        Fault(
            "archive-away",
            "the Image Manager is gone at store time; the results wait for it",
            _archive_away,
            _archive_came_back,
            needs_own_archive=True,
        ),
        Fault(
            "repository-away",
            "the Event Repository is gone; the spools keep every event",
            _repository_away,
            _repository_came_back,
        ),
        Fault(
            "order-twice",
            "the RIS sends the same order twice; one workitem comes of it",
            _nothing,
            lambda _department: "the order was sent twice and acknowledged twice; there is one workitem",
        ),
        Fault(
            "images-late",
            "the order waits for its images; the workitem is made when they are all there",
            _nothing,
            lambda _department: "the images came after the Task Requester had looked for them in vain",
        ),
    )
}


def chosen(names: list[str], external_archive: bool) -> list[Fault]:
    """The faults of these names.

    Raises:
        BadInput: for a name that is none, or a fault that needs the built-in Image Manager when there is another.
    """
    found = []
    for name in names:
        fault = FAULTS.get(name)
        if fault is None:
            raise BadInput(f"There is no fault {name!r}. Faults are {', '.join(FAULTS)}.")
        if fault.needs_own_archive and external_archive:
            raise BadInput(
                f"--fault {name} ends the built-in Image Manager; it cannot be combined with --image-manager."
            )
        found.append(fault)
    return found
