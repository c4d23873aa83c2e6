"""RAD-87: what happens to a workitem is reported, in order and in the right form (PS3.4 section CC.2.4)."""

from __future__ import annotations

from typing import Any

from conformance.harness import Trial, shows
from conformance.partners.attributes import code, put, text
from conformance.partners.reports import EVENT, PUSH, SOP_CLASS, Kind, Report
from conformance.partners.workitems import cancel_request, discontinued, performed, progress, workitem
from conformance.suites.task_manager.stage import BOTH, CANCELED, COMPLETED, IN_PROGRESS, Manager
from conformance.suites.task_manager.subscriber import Subscriber
from conformance.ups import check_workitem

_REST = ("rest",)
_SCHEDULED = "SCHEDULED"
_MANY = 60
_STATION = ("HARNESS_2", "99HARNESS", "Second harness station")


@shows("AIWI-TM-045", "A request to cancel what somebody performs is told to him, and changes nothing", transports=BOTH)
def cancel_requested(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-045."""
    subscriber, item = Subscriber(manager), manager.claimed()
    subscriber.subscribed(item.uid)
    asked = cancel_request("Harness withdraws it", "Harness desk")
    answer = manager.worklist.request_cancel(item.uid, asked)
    accepted = answer.status == 202 or answer.code == "0000"  # noqa: PLR2004
    trial.require(accepted, "the request is accepted (202; 0000 over DIMSE)", answer.words, answer.evidence)
    found = subscriber.received.wait(item.uid, kind=Kind.CANCEL_REQUESTED)
    proof = [answer.evidence, *(one.evidence for one in found)]
    trial.require(found, "a Cancel Requested event comes to the performer, who is subscribed", "none came", proof)
    requester = text(found[0].dataset, "RequestingAE")
    words = "it names the AE that asks" if trial.transport == "dimse" else "it names an AE"
    known = requester == manager.declared.harness_ae_title or (requester and trial.transport == "rest")
    trial.must(known, words, requester or "none", proof)
    for keyword in ("ReasonForCancellation", "ContactDisplayName"):
        told = text(found[0].dataset, keyword) == text(asked, keyword)
        trial.must(told, f"it has the {keyword} of the request", "it has not", proof)
    manager.must_be(item.uid, IN_PROGRESS)


@shows("AIWI-TM-065", "Each change of state is reported once, in the order in which it happened", transports=BOTH)
def changes_of_state(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-065."""
    subscriber, lock = Subscriber(manager), trial.transaction_uid()
    performed_one, canceled_one = manager.created(), manager.created()
    for uid in (performed_one, canceled_one):
        subscriber.subscribed(uid)
    trial.step("claim and complete one workitem, have another one canceled before anybody claimed it")
    for answer in (
        manager.worklist.change_state(performed_one, IN_PROGRESS, lock),
        manager.worklist.update(performed_one, performed(), lock),
        manager.worklist.change_state(performed_one, COMPLETED, lock),
        manager.worklist.request_cancel(canceled_one),
    ):
        trial.require(answer.ok, "the request is done", answer.words, answer.evidence)
    subscriber.catch_up()
    for uid, end in ((performed_one, COMPLETED), (canceled_one, CANCELED)):
        wanted, came = [_SCHEDULED, IN_PROGRESS, end], subscriber.received.states(uid)
        changes = came[1:] if came[:1] == [_SCHEDULED] else came  # the first one answers the subscription
        proof = [one.evidence for one in subscriber.received.of(uid)]
        trial.must(changes == wanted[1:], f"the states reported are {' and '.join(wanted[1:])}", f"{changes}", proof)


@shows("AIWI-TM-066", "Readiness, progress and assignment are reported when they change", transports=BOTH)
def other_changes(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-066."""
    subscriber, lock = Subscriber(manager), trial.transaction_uid()
    uid = manager.created(put(workitem(), "InputReadinessState", "INCOMPLETE"))
    subscriber.subscribed(uid)
    assigned = put({}, "ScheduledStationNameCodeSequence", code(*_STATION))
    for changes, kind, words, path, value in (
        (put({}, "InputReadinessState", "READY"), Kind.STATE, "a State Report", "InputReadinessState", "READY"),
        (assigned, Kind.ASSIGNED, "an Assigned event", "ScheduledStationNameCodeSequence.CodeValue", _STATION[0]),
    ):
        _must_be_told(trial, subscriber, manager.worklist.update(uid, changes), (uid, kind, words, path, value))
    claimed = manager.worklist.change_state(uid, IN_PROGRESS, lock)
    trial.require(claimed.ok, "the workitem is claimed", claimed.words, claimed.evidence)
    trial.defer(lambda: _give_up(manager, uid, lock))
    answer = manager.worklist.update(uid, progress(30, "a third"), lock)
    path = "ProcedureStepProgressInformationSequence.ProcedureStepProgressDescription"
    _must_be_told(trial, subscriber, answer, (uid, Kind.PROGRESS, "a Progress Report", path, "a third"))


def _must_be_told(trial: Trial, subscriber: Subscriber, answer: Any, wanted: tuple[str, Kind, str, str, str]) -> None:
    uid, kind, words, path, value = wanted
    trial.require(answer.ok, "the update is done", answer.words, answer.evidence)

    def told() -> list[Report]:
        return [one for one in subscriber.received.of(uid, kind=kind) if text(one.dataset, path) == value]

    proof = [answer.evidence]
    found = trial.wait_for(told) or []
    proof += [one.evidence for one in subscriber.received.of(uid)]
    name = path.rpartition(".")[2]
    trial.must(found, f"{words} with {name} {value} comes", "none came", proof)


@shows("AIWI-TM-067", "Each event report has the form that its type asks for", transports=BOTH)
def form(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-067."""
    subscriber = Subscriber(manager)
    item = manager.claimed()
    lock = item.transaction_uid
    subscriber.subscribed(item.uid)
    station = put({}, "ScheduledStationNameCodeSequence", code(*_STATION))
    for answer in (
        manager.worklist.update(item.uid, progress(10, "begun"), lock),
        manager.worklist.update(item.uid, station, lock),
        manager.worklist.request_cancel(item.uid, cancel_request()),
        manager.worklist.update(item.uid, discontinued(), lock),
        manager.worklist.change_state(item.uid, CANCELED, lock),
    ):
        trial.note(f"a request that gives rise to an event: {answer.words}", answer.evidence)
    subscriber.catch_up()
    found = subscriber.received.of(item.uid)
    kinds = {report.kind for report in found}
    trial.require(found, "event reports come", "none came")
    trial.note(f"types of events seen: {', '.join(str(kind) for kind in sorted(kinds))}")
    strange = [one for one in subscriber.received.all if not one.workitem]
    trial.must(not strange, "nothing else comes", f"{len(strange)} frames", [one.evidence for one in strange])
    for report in found:
        _judge(trial, report, lock)


def _judge(trial: Trial, report: Report, lock: str) -> None:
    proof = report.evidence
    trial.must(report.is_text, "the frame is a text frame (PS3.18 section 8.10.5)", "it is binary", proof)
    told = report.value(SOP_CLASS)
    trial.must(told == PUSH, "the Affected SOP Class is UPS Push (PS3.4 section CC.2.4.3)", f"it is {told}", proof)
    if report.context:
        trial.must(report.context == EVENT, "the presentation context is of UPS Event", report.context, proof)
    trial.must(lock not in str(report.dataset), "no Transaction UID is in it", "it is there", proof)
    found = check_workitem(report.dataset, "event", "event report")
    trial.findings(found, f"the {report.words} event is legal by the object checks", proof)


@shows("AIWI-TM-072", "A lost connection can be opened again, and events go on", transports=_REST)
def reopened(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-072."""
    subscriber, uid = Subscriber(manager), manager.created(put(workitem(), "InputReadinessState", "INCOMPLETE"))
    subscriber.subscribed(uid)
    trial.step("break the connection, change the workitem, open the connection again")
    subscriber.channel.drop()
    missed = manager.worklist.update(uid, put({}, "InputReadinessState", "UNAVAILABLE"))
    trial.require(missed.ok, "the update is done", missed.words, missed.evidence)
    received = subscriber.open().received
    if manager.declared.rest.keeps_events:
        told = trial.wait_for(lambda: _ready(received.of(uid), "UNAVAILABLE"))
        trial.must(told, "what happened meanwhile is told, as declared", "it is not", [missed.evidence])
    later = manager.worklist.update(uid, put({}, "InputReadinessState", "READY"))
    told = trial.wait_for(lambda: _ready(received.of(uid), "READY"))
    trial.must(told, "what happens afterwards is told", "it is not", [later.evidence, *received.evidence])
    if not manager.declared.rest.keeps_events:
        kept = _ready(received.of(uid), "UNAVAILABLE")
        trial.note(f"what happened meanwhile is {'told too' if kept else 'lost, as the standard allows'}")


@shows("AIWI-TM-073", "A subscriber that reads nothing does not keep another one from its events", transports=_REST)
def slow_subscriber(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-073."""
    slow = Subscriber(manager, manager.declared.second_ae_title, listens=False)
    quick = Subscriber(manager)
    item = manager.claimed()
    slow.subscribed(item.uid)
    quick.subscribed(item.uid)
    trial.step(f"report progress {_MANY} times, while one subscriber reads nothing")
    for number in range(_MANY):
        answer = manager.worklist.update(item.uid, progress(number, "x" * 1000), item.transaction_uid)
        trial.require(answer.ok, "the update is done", answer.words, answer.evidence)
    came = quick.received.wait(item.uid, kind=Kind.PROGRESS, count=_MANY)
    proof = [one.evidence for one in came[-1:]]
    trial.must(len(came) >= _MANY, f"the other one gets all {_MANY} reports", f"{len(came)} came", proof)


def _ready(reports: list[Report], readiness: str) -> list[Report]:
    return [one for one in reports if one.kind == Kind.STATE and text(one.dataset, "InputReadinessState") == readiness]


def _give_up(manager: Manager, uid: str, lock: str) -> None:
    manager.worklist.update(uid, discontinued(), lock)
    manager.worklist.change_state(uid, CANCELED, lock)
