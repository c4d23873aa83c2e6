"""Push (AIW-I section 50.4.2.3): the manager has a task done by a performer that is itself a worklist."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import Attributes, code, put, text, values
from conformance.partners.manager import Manager as Performer
from conformance.partners.simulating import Exchange
from conformance.partners.workitems import discontinued, performed, workitem
from conformance.suites.task_manager.stage import CANCELED, COMPLETED, IN_PROGRESS, Manager

_OUTPUTS = "UnifiedProcedureStepPerformedProcedureSequence.OutputInformationSequence"
_SAME = ("PatientID", "StudyInstanceUID", "ScheduledWorkitemCodeSequence.CodeValue")


@shows(
    "AIWI-TM-086",
    "A task for a performer that serves workitems is done there, and its results are taken over",
    transports=("rest",),
    option="push",
)
def push(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-086."""
    performer = manager.performer
    if performer is None:
        trial.omit("the declaration has no [performer] table")
    content = _for(manager.declared.performer.station)
    uid = manager.created(content)
    copy, made = _copied(trial, performer, content)
    proof = performer.proof(trial, made)
    for path in _SAME:
        same = values(made.request.dataset, path) == values(content, path)
        trial.must(same, f"the copy has the same {path.partition('.')[0]}", "it has another", proof)
    followed = trial.wait_for(lambda: performer.of("subscribe") or performer.of("retrieve", copy))
    trial.must(followed, "the manager follows the copy: it subscribes, or looks at it", "it does neither", proof)
    trial.step("the performer claims the copy")
    performer.take(copy)
    _must_become(trial, manager, uid, IN_PROGRESS)
    foreign = manager.worklist.change_state(uid, IN_PROGRESS, trial.transaction_uid())
    trial.must(foreign.refused, "nobody else can claim the task", foreign.words, foreign.evidence)
    trial.step("the performer completes the copy")
    results = performed()
    performer.change(copy, {**results, **put({}, "ProcedureStepState", COMPLETED)})
    _must_become(trial, manager, uid, COMPLETED)
    found = manager.worklist.retrieve(uid)
    same = values(found.dataset, _OUTPUTS) == values(results, _OUTPUTS)
    trial.must(same, "the task has the outputs of the copy", "it has others", found.evidence)
    _canceled(trial, manager, performer)


def _canceled(trial: Trial, manager: Manager, performer: Performer) -> None:
    content = _for(manager.declared.performer.station)
    uid = manager.created(content)
    copy, _ = _copied(trial, performer, content)
    performer.take(copy)
    _must_become(trial, manager, uid, IN_PROGRESS)
    trial.step("ask that the task be canceled")
    answer = manager.worklist.request_cancel(uid)
    trial.must(answer.ok, "the request is accepted", answer.words, answer.evidence)
    passed_on = trial.wait_for(lambda: performer.of("cancelrequest", copy))
    trial.must(passed_on, "the request reaches the performer", "it does not", answer.evidence)
    performer.change(copy, {**discontinued(), **put({}, "ProcedureStepState", CANCELED)})
    _must_become(trial, manager, uid, CANCELED)


def _for(station: str) -> Attributes:
    content = workitem()
    put(content, "ScheduledStationNameCodeSequence", code(station, "L", "Performer of the harness"))
    return content


def _copied(trial: Trial, performer: Performer, content: Attributes) -> tuple[str, Exchange]:
    """The copy that the manager creates at the performer, and how."""
    study = text(content, "StudyInstanceUID")

    def found() -> list[Exchange]:
        return [one for one in performer.of("create") if study in one.request.body.decode(errors="replace")]

    made = trial.wait_for(found)
    trial.require(made, "a copy of the task is created at the performer that it names", "none is created")
    exchange = (made or [])[0]
    trial.require(
        exchange.ok, "the creation is legal", f"status {exchange.reply.status}", performer.proof(trial, exchange)
    )
    return exchange.reply.headers["location"].rpartition("/")[2], exchange


def _must_become(trial: Trial, manager: Manager, uid: str, state: str) -> None:
    trial.wait_for(lambda: manager.worklist.state(uid) == state)
    manager.must_be(uid, state)
